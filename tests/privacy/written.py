"""What officials write beside cases, with what must not be in it: policies, and answers to appeals for all to read."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from random import Random

from services.disclosure.appeals import deeds, lifecycle, number, opinions
from services.disclosure.appeals.intake import Wanted
from services.disclosure.appeals.lifecycle import Reply
from services.disclosure.appeals.plan import plan
from services.disclosure.policies import store
from services.disclosure.policies.policy import Content
from shared.db import Database, Scope
from shared.principals import Grant, Principal
from shared.settings import Settings
from tests.privacy.planted import Sown

_COUNTY = "330421000000"
_WRITERS = tuple(
    Principal(each, each, each, frozenset({Grant("county_authority", _COUNTY)})) for each in ("one", "two")
)
_LONG = ("title_zh", "title_en", "benefit", "conditions", "applying", "papers")
_SHORT = ("office", "issuer", "document_no")


async def policy(db: Database, sown: Sown, region: str = _COUNTY) -> uuid.UUID:
    """A policy that is published, into each of whose words its author wrote what must not be public."""
    said = {name: f"高龄津贴{sown.words([], 1)}" for name in (*_LONG, *_SHORT)}
    content = Content.model_validate(said | {"groups": ("elderly",), "valid_from": "2020-01-01"})
    one, two = _WRITERS
    async with db.begin(Scope.of(one)) as conn:
        drafted = await store.draft(conn, one, region, content, datetime.now(UTC))
    async with db.begin(Scope.of(two)) as conn:
        await store.publish(conn, two, drafted, datetime.now(UTC))
    return drafted


async def answered_appeals(db: Database, settings: Settings, sown: Sown, villages: Iterable[str]) -> None:
    """In each village an appeal by somebody who gave his name and number, and its answer made public."""
    rng, now = Random("appeals"), datetime.now(UTC)
    for village in villages:
        author, contact = sown.name(), f"1{rng.choice('35')}{rng.randrange(10**9):09d}"
        sown.kinds[contact] = "telephone"
        wanted = Wanted("complaint", "village", f"路灯三个月没亮{sown.words([author])}", author, contact)
        tracking = number.number_of(village, settings.identity_secret)
        await deeds.file(db, settings, village, None, wanted, [], tracking)
        async with db.begin(Scope.system()) as conn:
            appeal_id = str(
                await conn.fetchval(
                    "SELECT appeal_id FROM appeals WHERE village_code = $1 ORDER BY filed_at DESC LIMIT 1", village
                )
            )
            appeal = lifecycle.new(appeal_id, village, "complaint", "village", None, now, plan())
            reply = Reply(f"已修好{sown.words([author])}", public=True, about=f"路灯{sown.words([author])}")
            await opinions.publish(conn, appeal, reply, author, now)
