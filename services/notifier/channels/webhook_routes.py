"""The REST API of webhooks under /v1: subscriptions, their deliveries, and sending these again."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.notifier import errors
from services.notifier.channels import receipts, webhooks
from services.notifier.channels.channel_routes import gateways_of, wake
from services.notifier.channels.channel_schemas import DeliveryFilter, Replayed, ReplayRequest
from services.notifier.channels.webhook_schemas import Deliveries, NewWebhook, WebhookRequest, Webhooks, WebhookView
from shared import audit
from shared.auth import Caller
from shared.db import Scope
from shared.openapi import problems
from shared.web import db_of, settings_of

router = APIRouter(prefix="/v1", tags=["订阅 webhooks"])


@router.get("/webhooks", summary="订阅列表 / List subscriptions")
async def list_webhooks(request: Request, caller: Caller) -> Webhooks:
    """The caller's subscriptions."""
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        return Webhooks(items=await webhooks.all_of_caller(conn, settings_of(request)))


@router.post(
    "/webhooks",
    status_code=201,
    summary="新建订阅 / Subscribe",
    responses=problems(errors.BadWebhookAddress, errors.WebhookOutOfScope),
)
async def create_webhook(request: Request, response: Response, caller: Caller, body: WebhookRequest) -> NewWebhook:
    """Subscribe a URL to own desks. The secret (standardwebhooks.com) is shown only in this answer."""
    settings = settings_of(request)
    await webhooks.check(body, caller, settings)
    async with db_of(request).begin(Scope.of(caller)) as conn:
        made = await webhooks.create(conn, body, caller, gateways_of(request), settings)
        await audit.record(conn, caller, "webhook.created", f"webhook:{made.webhook_id}", {"desks": made.desks})
    response.headers["location"] = f"/v1/webhooks/{made.webhook_id}"
    return made


@router.get(
    "/webhooks/{webhook_id}",
    summary="订阅详情 / Read a subscription",
    responses=problems(errors.NoSuchWebhook),
)
async def show_webhook(request: Request, caller: Caller, webhook_id: UUID) -> WebhookView:
    """One subscription."""
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        return await webhooks.find(conn, webhook_id, settings_of(request))


@router.put(
    "/webhooks/{webhook_id}",
    summary="更改或续期订阅 / Change or renew a subscription",
    responses=problems(errors.NoSuchWebhook, errors.BadWebhookAddress, errors.WebhookOutOfScope),
)
async def renew_webhook(request: Request, caller: Caller, webhook_id: UUID, body: WebhookRequest) -> WebhookView:
    """Change or renew a subscription; its secret stays."""
    settings = settings_of(request)
    await webhooks.check(body, caller, settings)
    async with db_of(request).begin(Scope.of(caller)) as conn:
        changed = await webhooks.renew(conn, webhook_id, body, gateways_of(request), settings)
        await audit.record(conn, caller, "webhook.changed", f"webhook:{webhook_id}", {"desks": changed.desks})
        return changed


@router.delete(
    "/webhooks/{webhook_id}",
    status_code=204,
    summary="取消订阅 / End a subscription",
    responses=problems(errors.NoSuchWebhook),
)
async def delete_webhook(request: Request, caller: Caller, webhook_id: UUID) -> None:
    """End a subscription."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        await webhooks.delete(conn, webhook_id, settings_of(request))
        await audit.record(conn, caller, "webhook.deleted", f"webhook:{webhook_id}")


@router.get(
    "/webhooks/{webhook_id}/deliveries",
    summary="投递记录 / List deliveries",
    responses=problems(errors.NoSuchWebhook),
)
async def list_deliveries(
    request: Request, caller: Caller, webhook_id: UUID, wanted: Annotated[DeliveryFilter, Query()]
) -> Deliveries:
    """The deliveries of a subscription with the receiver's last answers, the newest first; kept for seven days."""
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        await webhooks.find(conn, webhook_id, settings_of(request))
        return Deliveries(items=await receipts.log(conn, webhook_id, wanted))


@router.post(
    "/webhooks/{webhook_id}/replays",
    summary="重新投递 / Send deliveries again",
    responses=problems(errors.NoSuchWebhook),
)
async def replay_deliveries(request: Request, caller: Caller, webhook_id: UUID, body: ReplayRequest) -> Replayed:
    """Send one delivery or a range again, under the same `webhook-id`: a receiver leaves out what it has.

    What is older than seven days, or no longer on the caller's desks, is not sent again.
    """
    async with db_of(request).begin(Scope.of(caller)) as conn:
        await webhooks.find(conn, webhook_id, settings_of(request))
        count = await receipts.replay(conn, webhook_id, "webhook", body, caller)
    wake(request)
    return Replayed(count=count)
