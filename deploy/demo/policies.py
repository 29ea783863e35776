"""The demo county's policies (`policies.yaml`): drafted by one of its accounts, published by another."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

from deploy.local import accounts
from services.disclosure.policies import store
from services.disclosure.policies.policy import Content
from shared.db import Database, Scope
from shared.principals import Principal
from shared.settings import Settings

_FILE = Path(__file__).with_suffix(".yaml")


async def publish_policies(settings: Settings) -> int:
    """Publish what isn't yet, and how many that were; an interrupted run goes on where it ended."""
    db = Database(settings, "disclosure")
    await db.open()
    try:
        return sum([await _publish(db, each) for each in yaml.safe_load(_FILE.read_text(encoding="utf-8"))])
    finally:
        await db.close()


async def _publish(db: Database, told: Mapping[str, Any]) -> bool:
    content, writer, publisher = Content.model_validate(told["content"]), _person(told["by"]), _person(told["then"])
    async with db.begin(Scope.of(writer)) as conn:
        there = {each.content.title_zh: each for each in await store.held(conn, writer)}.get(content.title_zh)
        if there and there.published_at:
            return False
        drafted: UUID = (
            there.policy_id if there else await store.draft(conn, writer, told["region"], content, datetime.now(UTC))
        )
    async with db.begin(Scope.of(publisher)) as conn:
        await store.publish(conn, publisher, drafted, datetime.now(UTC))
    return True


def _person(username: str) -> Principal:
    account = accounts.account(username)
    return Principal.of_claims({"sub": username, "name": account.name, "groups": account.grants})
