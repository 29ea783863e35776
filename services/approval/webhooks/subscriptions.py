"""Subscriptions of a client: within its own regions, their addresses and secrets sealed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.approval.errors import ChangedMeanwhile, NoSuchWebhook, TooManyWebhooks, WebhookOutOfScope
from services.approval.rest import rest
from services.approval.webhooks.schemas import NewWebhook, WebhookOut, WebhookRequest
from shared.db import Connection, region_prefix
from shared.identity import seal, unseal
from shared.principals import Principal
from shared.problems import FieldError
from shared.settings import Settings
from shared.webhooks.guard import check_address
from shared.webhooks.message import new_secret

_SHOWN = """webhook_id, url, regions, matters, types, paused, created_at, expires_at, failures, failing_since,
            resting_until, switched_off_at, old_secret_until, sequence"""


async def check(wanted: WebhookRequest, caller: Principal, settings: Settings) -> None:
    """Refuse places that the caller may not see and addresses that must not be reached.

    Raises `WebhookOutOfScope`, `BadWebhookAddress`.
    """
    beyond = [code for code in wanted.regions if not any(grant.covers(code) for grant in caller.grants)]
    # A town's code begins like its villages': who holds a village doesn't hold the town.
    beyond += [code for code in wanted.regions if code not in beyond and not _held_whole(code, caller)]
    if beyond:
        raise WebhookOutOfScope(
            f"不在您的地区:{'、'.join(beyond)}",
            f"Not within your regions: {', '.join(beyond)}",
            [FieldError("regions", f"{code} 不在您的地区", f"{code} is not within your regions") for code in beyond],
        )
    await check_address(wanted.url, allow_private=settings.allow_private_webhooks)


def _held_whole(code: str, caller: Principal) -> bool:
    reach = region_prefix(code).removesuffix("%")
    return any(reach.startswith(region_prefix(grant.region).removesuffix("%")) for grant in caller.grants)


async def create(conn: Connection, wanted: WebhookRequest, caller: Principal, settings: Settings) -> NewWebhook:
    """Subscribe to what comes from now on; raises `TooManyWebhooks`."""
    most = rest().webhooks.most_of_a_client
    if await conn.fetchval("SELECT count(*) FROM webhooks") >= most:
        raise TooManyWebhooks(f"每个客户端最多 {most} 个", f"{most} at most for a client")
    secret = new_secret()
    made = await conn.fetchval(
        "INSERT INTO webhooks (subject, secret, url, regions, reach, matters, types, paused, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING webhook_id",
        caller.subject,
        seal(secret, settings.identity_secret),
        *_values(wanted, settings),
    )
    return NewWebhook(**(await find(conn, made, settings)).model_dump(), secret=secret)


async def renew(
    conn: Connection, webhook_id: UUID, wanted: WebhookRequest, settings: Settings, seen: int | None
) -> WebhookOut:
    """Change or renew a subscription and begin with a clean record; raises `NoSuchWebhook`, `ChangedMeanwhile`."""
    await _lock(conn, webhook_id, seen)
    await conn.execute(
        "UPDATE webhooks SET url = $2, regions = $3, reach = $4, matters = $5, types = $6, paused = $7,"
        " expires_at = $8, failures = 0, failing_since = NULL, resting_until = NULL, switched_off_at = NULL,"
        " sequence = sequence + 1 WHERE webhook_id = $1",
        webhook_id,
        *_values(wanted, settings),
    )
    return await find(conn, webhook_id, settings)


async def renew_secret(conn: Connection, webhook_id: UUID, settings: Settings, seen: int | None) -> NewWebhook:
    """A new secret; the old one signs along for a day. Raises `NoSuchWebhook`, `ChangedMeanwhile`."""
    await _lock(conn, webhook_id, seen)
    secret = new_secret()
    await conn.execute(
        "UPDATE webhooks SET old_secret = secret, old_secret_until = $3, secret = $2, sequence = sequence + 1"
        " WHERE webhook_id = $1",
        webhook_id,
        seal(secret, settings.identity_secret),
        datetime.now(UTC) + timedelta(hours=rest().webhooks.old_secret_hours),
    )
    return NewWebhook(**(await find(conn, webhook_id, settings)).model_dump(), secret=secret)


async def delete(conn: Connection, webhook_id: UUID, seen: int | None) -> None:
    """End a subscription, with what waits for it and its log; raises `NoSuchWebhook`, `ChangedMeanwhile`."""
    await _lock(conn, webhook_id, seen)
    await conn.execute("DELETE FROM webhooks WHERE webhook_id = $1", webhook_id)


async def find(conn: Connection, webhook_id: UUID, settings: Settings) -> WebhookOut:
    """One subscription of the caller; raises `NoSuchWebhook`."""
    row = await conn.fetchrow(f"SELECT {_SHOWN} FROM webhooks WHERE webhook_id = $1", webhook_id)
    if row is None:
        raise _none()
    return _shown(row, settings)


async def all_of_caller(conn: Connection, settings: Settings) -> list[WebhookOut]:
    """The caller's subscriptions, the oldest first."""
    rows = await conn.fetch(f"SELECT {_SHOWN} FROM webhooks ORDER BY created_at, webhook_id")
    return [_shown(row, settings) for row in rows]


async def _lock(conn: Connection, webhook_id: UUID, seen: int | None) -> None:
    sequence = await conn.fetchval("SELECT sequence FROM webhooks WHERE webhook_id = $1 FOR UPDATE", webhook_id)
    if sequence is None:
        raise _none()
    if seen is not None and seen != sequence:
        raise ChangedMeanwhile("订阅刚被更改,请重新读取", "The webhook has been changed: read it again")


def _none() -> NoSuchWebhook:
    return NoSuchWebhook("没有这个订阅,或不属于您", "There is no such webhook, or it is not yours")


def _values(wanted: WebhookRequest, settings: Settings) -> tuple[Any, ...]:
    regions = sorted(set(wanted.regions))
    return (
        seal(wanted.url, settings.identity_secret),
        regions,
        [region_prefix(code) for code in regions],
        sorted(set(wanted.matters)),
        sorted(set(wanted.types)),
        wanted.paused,
        datetime.now(UTC) + timedelta(days=rest().webhooks.live_days),
    )


def _shown(row: Mapping[str, Any], settings: Settings) -> WebhookOut:
    values = dict(row)
    return WebhookOut(**values | {"url": unseal(values["url"], settings.identity_secret)})
