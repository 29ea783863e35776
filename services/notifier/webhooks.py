"""Subscriptions of webhooks in PostgreSQL: a caller's own, for the caller's own desks."""

import base64
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from uuid import UUID

from asyncpg import Record

from services.notifier import standing
from services.notifier.channels.webhook import check_address
from services.notifier.errors import NoSuchWebhook, WebhookOutOfScope
from services.notifier.routing import Desk
from services.notifier.schemas import DeliveryView, NewWebhook, WebhookRequest, WebhookView
from services.notifier.stream import last_position
from shared.db import Connection
from shared.identity import seal
from shared.principals import Principal
from shared.settings import Settings

_VALID = timedelta(days=180)
_LOG = 100
_VIEW = "webhook_id, url, desks, grades, created_at, expires_at, failures, paused_until"


async def check(wanted: WebhookRequest, caller: Principal, settings: Settings) -> None:
    """Refuse desks of others and addresses that must not be reached."""
    foreign = [desk for desk in wanted.desks if not standing.may_subscribe(caller, Desk.at(desk))]
    if foreign:
        raise WebhookOutOfScope(
            f"只能订阅本人岗位的预警:{'、'.join(foreign)}", f"Not a desk of yours: {', '.join(foreign)}"
        )
    await check_address(wanted.url, allow_private=settings.allow_private_webhooks)


async def create(conn: Connection, wanted: WebhookRequest, caller: Principal, settings: Settings) -> NewWebhook:
    """Subscribe to what comes from now on. The secret is kept sealed and shown only here."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    row = await conn.fetchrow(
        "INSERT INTO webhooks (webhook_id, owner, url, desks, grades, secret, expires_at, since)"
        f" VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING {_VIEW}",
        uuid.uuid4(),
        caller.subject,
        wanted.url,
        sorted(set(wanted.desks)),
        sorted(set(wanted.grades)),
        seal(secret, settings.identity_secret),
        datetime.now(UTC) + _VALID,
        await last_position(conn),
    )
    assert row
    return NewWebhook(**dict(row), secret=secret)


async def renew(conn: Connection, webhook_id: UUID, wanted: WebhookRequest) -> WebhookView:
    """Change a subscription, close its circuit and let it live on; raises `NoSuchWebhook`."""
    row = await conn.fetchrow(
        "UPDATE webhooks SET url = $2, desks = $3, grades = $4, expires_at = $5, failures = 0, paused_until = NULL"
        f" WHERE webhook_id = $1 RETURNING {_VIEW}",
        webhook_id,
        wanted.url,
        sorted(set(wanted.desks)),
        sorted(set(wanted.grades)),
        datetime.now(UTC) + _VALID,
    )
    return WebhookView(**dict(_found(row)))


async def delete(conn: Connection, webhook_id: UUID) -> None:
    """End a subscription, its log included; raises `NoSuchWebhook`."""
    _found(await conn.fetchrow("DELETE FROM webhooks WHERE webhook_id = $1 RETURNING 1", webhook_id))


async def find(conn: Connection, webhook_id: UUID) -> WebhookView:
    """One subscription of the caller; raises `NoSuchWebhook`."""
    row = await conn.fetchrow(f"SELECT {_VIEW} FROM webhooks WHERE webhook_id = $1", webhook_id)
    return WebhookView(**dict(_found(row)))


async def all_of_caller(conn: Connection) -> list[WebhookView]:
    """The caller's subscriptions, the oldest first."""
    rows = await conn.fetch(f"SELECT {_VIEW} FROM webhooks ORDER BY created_at, webhook_id")
    return [WebhookView(**dict(row)) for row in rows]


async def log(conn: Connection, webhook_id: UUID) -> list[DeliveryView]:
    """The latest deliveries of a subscription of the caller; raises `NoSuchWebhook`."""
    await find(conn, webhook_id)
    rows = await conn.fetch(
        "SELECT position, alert_id, kind, state, attempts, next_at, attempted_at, status, error"
        " FROM deliveries WHERE webhook_id = $1 ORDER BY position DESC LIMIT $2",
        webhook_id,
        _LOG,
    )
    return [DeliveryView(**dict(row)) for row in rows]


def _found(row: Record | None) -> Record:
    if row is None:
        raise NoSuchWebhook("没有这个订阅,或不属于您", "There is no such webhook, or it is not yours")
    return row
