"""Webhooks: subscriptions of systems, which get every change of the caller's own desks, signed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from asyncpg import Record

from services.notifier.channels import addresses, subscriptions
from services.notifier.channels.gateways import Gateway
from services.notifier.channels.subscriptions import VALID
from services.notifier.channels.webhook_schemas import NewWebhook, WebhookRequest, WebhookView
from services.notifier.errors import NoSuchWebhook
from shared.db import Connection
from shared.identity import seal, unseal
from shared.principals import Principal
from shared.settings import Settings
from shared.webhooks.guard import check_address
from shared.webhooks.message import new_secret

_VIEW = """subscription_id AS webhook_id, address, desks, grades, created_at, expires_at, failures, paused_until
           FROM subscriptions WHERE kind = 'webhook' AND removed_at IS NULL"""


async def check(wanted: WebhookRequest, caller: Principal, settings: Settings) -> None:
    """Refuse desks of others and addresses that must not be reached."""
    subscriptions.check_desks(wanted.desks, caller)
    await check_address(wanted.url, allow_private=settings.allow_private_webhooks)


async def create(
    conn: Connection, wanted: WebhookRequest, caller: Principal, gateways: Mapping[str, Gateway], settings: Settings
) -> NewWebhook:
    """Subscribe to what comes from now on. The secret is kept sealed and shown only here."""
    secret = new_secret()
    made = await subscriptions.insert(
        conn,
        gateways["webhook"],
        caller,
        settings,
        address=wanted.url,
        secret=secret,
        desks=wanted.desks,
        grades=wanted.grades,
        verified=True,
    )
    return NewWebhook(**(await find(conn, made, settings)).model_dump(), secret=secret)


async def renew(
    conn: Connection, webhook_id: UUID, wanted: WebhookRequest, gateways: Mapping[str, Gateway], settings: Settings
) -> WebhookView:
    """Change a subscription, close its circuit and let it live on; raises `NoSuchWebhook`."""
    await conn.execute(
        "UPDATE subscriptions SET address = $2, shown = $3, desks = $4, grades = $5, expires_at = $6, cleared = $7,"
        " failures = 0, paused_until = NULL"
        " WHERE subscription_id = $1 AND kind = 'webhook' AND removed_at IS NULL",
        webhook_id,
        seal(wanted.url, settings.identity_secret),
        addresses.mask("webhook", wanted.url),
        sorted(set(wanted.desks)),
        sorted(set(wanted.grades)),
        datetime.now(UTC) + VALID,
        gateways["webhook"].clearance(wanted.url) != "plain",
    )
    return await find(conn, webhook_id, settings)


async def delete(conn: Connection, webhook_id: UUID, settings: Settings) -> None:
    """End a subscription; raises `NoSuchWebhook`."""
    await find(conn, webhook_id, settings)
    await subscriptions.end(conn, webhook_id)


async def find(conn: Connection, webhook_id: UUID, settings: Settings) -> WebhookView:
    """One subscription of the caller; raises `NoSuchWebhook`."""
    row = await conn.fetchrow(f"SELECT {_VIEW} AND subscription_id = $1", webhook_id)
    if row is None:
        raise NoSuchWebhook("没有这个订阅,或不属于您", "There is no such webhook, or it is not yours")
    return _view(row, settings)


async def all_of_caller(conn: Connection, settings: Settings) -> list[WebhookView]:
    """The caller's subscriptions, the oldest first."""
    rows = await conn.fetch(f"SELECT {_VIEW} ORDER BY created_at, subscription_id")
    return [_view(row, settings) for row in rows]


def _view(row: Record, settings: Settings) -> WebhookView:
    values = dict(row)
    url = unseal(values.pop("address"), settings.identity_secret)
    return WebhookView(**values, url=url)
