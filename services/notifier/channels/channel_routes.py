"""The REST API of how people are reached, of deliveries and receipts, under /v1."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.notifier import errors, inbox, standing
from services.notifier.channels import receipts, subscriptions
from services.notifier.channels.channel_schemas import (
    ChannelChange,
    ChannelRequest,
    Channels,
    ChannelView,
    CodeRequest,
    DeliveryFilter,
    GatewayView,
    Queued,
    Receipts,
)
from services.notifier.channels.deliveries import Deliveries as Worker
from services.notifier.channels.gateways import Gateway
from services.notifier.channels.webhook_schemas import Deliveries
from services.notifier.errors import CodeWrong
from services.notifier.schemas import Named
from shared.auth import Caller
from shared.db import Scope
from shared.openapi import problems
from shared.web import db_of, settings_of

router = APIRouter(prefix="/v1")
_ADDING = (
    errors.NoSuchGateway,
    errors.TooManyChannels,
    errors.WebhookOutOfScope,
    errors.BadWebhookAddress,
    errors.CodeTooSoon,
)


@router.get("/channels", tags=["接收方式 channels"], summary="我的接收方式 / List my channels")
async def list_channels(request: Request, caller: Caller) -> Channels:
    """The caller's ways of being reached, and the gateways by which the county can reach him."""
    db, settings = db_of(request), settings_of(request)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        items = await subscriptions.all_of_caller(conn)
    key = await subscriptions.push_key(db, settings)
    return Channels(items=items, gateways=offered(gateways_of(request)), push_key=key.public)


@router.post(
    "/channels",
    status_code=201,
    tags=["接收方式 channels"],
    summary="新增接收方式 / Add a channel",
    responses=problems(*_ADDING),
)
async def create_channel(request: Request, response: Response, caller: Caller, body: ChannelRequest) -> ChannelView:
    """Add a way to be reached about own desks. A code goes to the address; give it back to begin."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        made = await subscriptions.add(conn, body, caller, gateways_of(request), settings_of(request))
    wake(request)
    response.headers["location"] = f"/v1/channels/{made.subscription_id}"
    return made


@router.get(
    "/channels/{channel_id}",
    tags=["接收方式 channels"],
    summary="接收方式详情 / Read a channel",
    responses=problems(errors.NoSuchChannel),
)
async def show_channel(request: Request, caller: Caller, channel_id: UUID) -> ChannelView:
    """One way of being reached; its address is masked."""
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        return await subscriptions.find(conn, channel_id)


@router.patch(
    "/channels/{channel_id}",
    tags=["接收方式 channels"],
    summary="更改接收方式 / Change a channel",
    responses=problems(errors.NoSuchChannel, errors.WebhookOutOfScope),
)
async def change_channel(request: Request, caller: Caller, channel_id: UUID, body: ChannelChange) -> ChannelView:
    """Desks, grades, pause and quiet hours (red comes all the same); what is left out stays."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        return await subscriptions.change(conn, channel_id, body, caller)


@router.delete(
    "/channels/{channel_id}",
    status_code=204,
    tags=["接收方式 channels"],
    summary="移除接收方式 / Remove a channel",
    responses=problems(errors.NoSuchChannel),
)
async def delete_channel(request: Request, caller: Caller, channel_id: UUID) -> None:
    """Remove it. The address is forgotten; what was sent stays on record with the alerts."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        await subscriptions.remove(conn, channel_id, caller)


@router.post(
    "/channels/{channel_id}/code",
    status_code=202,
    tags=["接收方式 channels"],
    summary="重发验证码 / Send another code",
    responses=problems(errors.NoSuchChannel, errors.CodeTooSoon),
)
async def send_code(request: Request, caller: Caller, channel_id: UUID) -> None:
    """Send a fresh code; the one before no longer holds."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        await subscriptions.ask_code(conn, channel_id, caller)
    wake(request)


@router.post(
    "/channels/{channel_id}/verify",
    tags=["接收方式 channels"],
    summary="填写验证码 / Give the code",
    responses=problems(errors.NoSuchChannel, errors.CodeWrong),
)
async def verify_channel(request: Request, caller: Caller, channel_id: UUID, body: CodeRequest) -> ChannelView:
    """Prove the address by the code that came to it."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        proven = await subscriptions.verify(conn, channel_id, body.code, settings_of(request))
    if proven is None:
        raise CodeWrong("验证码不对,请核对后再填", "This is not the code that was sent")
    return proven


@router.post(
    "/channels/{channel_id}/test",
    status_code=202,
    tags=["接收方式 channels"],
    summary="发送测试消息 / Send a test",
    responses=problems(errors.NoSuchChannel, errors.NotVerified),
)
async def test_channel(request: Request, caller: Caller, channel_id: UUID) -> Queued:
    """Queue a test message."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        queued = await subscriptions.send_test(conn, channel_id)
    wake(request)
    return Queued(delivery_id=queued)


@router.get(
    "/channels/{channel_id}/deliveries",
    tags=["接收方式 channels"],
    summary="发送记录 / List what was sent",
    responses=problems(errors.NoSuchChannel),
)
async def list_channel_deliveries(
    request: Request, caller: Caller, channel_id: UUID, wanted: Annotated[DeliveryFilter, Query()]
) -> Deliveries:
    """What was sent to it, the newest first."""
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        await subscriptions.find(conn, channel_id)
        return Deliveries(items=await receipts.log(conn, channel_id, wanted))


@router.get(
    "/alerts/{alert_id}/receipts",
    tags=["预警 alerts"],
    summary="送达回执 / Receipts of an alert",
    responses=problems(errors.NoSuchAlert, *errors.RECUSED),
)
async def list_receipts(request: Request, caller: Caller, alert_id: UUID) -> Receipts:
    """By which channels the alert was sent to whom, and whether it was taken; not for those who must stand aside."""
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        held = await inbox.find(conn, alert_id)
        standing.refuse_recused(held, caller)
        return Receipts(items=await receipts.of_alert(conn, alert_id))


def offered(gateways: Mapping[str, Gateway]) -> list[GatewayView]:
    """The gateways by which a person may be reached."""
    return [
        GatewayView(
            name=name,
            kind=one.config.kind,
            zh=one.zh,
            en=one.en,
            address=Named.of("address", one.kind.address),
            secret=Named.of("secret", one.kind.secret) if one.kind.secret else None,
            clearance=one.clearance(""),
        )
        for name, one in gateways.items()
        if one.config.kind != "webhook"
    ]


def wake(request: Request) -> None:
    """Send now what was just queued."""
    worker: Worker = request.app.state.deliveries
    worker.wake()


def gateways_of(request: Request) -> Mapping[str, Gateway]:
    """The county's gateways."""
    gateways: Mapping[str, Gateway] = request.app.state.gateways
    return gateways
