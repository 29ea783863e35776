"""The pages of how one is reached, and of what was sent: the log of a subscription, with sending again."""

from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from services.notifier.channels import receipts, subscriptions, webhooks
from services.notifier.channels.channel_routes import gateways_of, offered, wake
from services.notifier.channels.channel_schemas import ChannelChange, ChannelRequest, DeliveryFilter, ReplayRequest
from services.notifier.channels.kinds import channels
from services.notifier.errors import CodeWrong
from services.notifier.routing.routing import Desk
from services.notifier.vocabulary import vocabulary
from shared import forms, regions, web
from shared.auth import Caller
from shared.contracts.alerts import Grade
from shared.db import Scope
from shared.principals import Principal
from shared.web import db_of, settings_of

router = APIRouter(include_in_schema=False)
_templates = web.templates(Path(__file__).parent.parent)
_WORKER = Path(__file__).parent.parent / "scripts" / "push_worker.js"
_PAGE = 100


@router.get("/channels")
async def show_channels(request: Request, caller: Caller) -> Response:
    """How whoever is signed in is reached. Looking keeps it alive."""
    db, settings = db_of(request), settings_of(request)
    async with db.begin(Scope.of(caller)) as conn:
        await subscriptions.keep_alive(conn, caller)
        items = await subscriptions.all_of_caller(conn)
        hooks = await webhooks.all_of_caller(conn, settings)
    key = await subscriptions.push_key(db, settings)
    return _templates.TemplateResponse(
        request,
        "channels.html",
        {
            "caller": caller,
            "items": items,
            "hooks": hooks,
            "gateways": offered(gateways_of(request)),
            "desks": [(desk, _desk_name(desk)) for desk in subscriptions.own_desks(caller)],
            "desk_name": _desk_name,
            "push_key": key.public,
            "words": vocabulary(),
            "code": channels().code,
        },
    )


@router.post("/channels")
async def add_channel(
    request: Request,
    caller: Caller,
    gateway: Annotated[str, Form(max_length=40)],
    address: Annotated[str, Form(max_length=4000)],
    secret: Annotated[str, Form(max_length=200)] = "",
    desks: Annotated[list[str] | None, Form()] = None,
    grades: Annotated[list[Grade] | None, Form()] = None,
) -> Response:
    """Add a way to be reached."""
    given = {"gateway": gateway, "address": address, "secret": secret, "desks": desks or [], "grades": grades or []}
    wanted = forms.read(ChannelRequest, given)
    async with db_of(request).begin(Scope.of(caller)) as conn:
        made = await subscriptions.add(conn, wanted, caller, gateways_of(request), settings_of(request))
    wake(request)
    return _back(made.subscription_id)


@router.post("/channels/{channel_id}/verify")
async def verify_channel(
    request: Request, caller: Caller, channel_id: UUID, code: Annotated[str, Form(max_length=20)]
) -> Response:
    """Take the code."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        proven = await subscriptions.verify(conn, channel_id, code, settings_of(request))
    if proven is None:
        raise CodeWrong("验证码不对,请返回核对后再填", "This is not the code that was sent: go back and look again")
    return _back(channel_id)


@router.post("/channels/{channel_id}/code")
async def send_code(request: Request, caller: Caller, channel_id: UUID) -> Response:
    """Send another code."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        await subscriptions.ask_code(conn, channel_id, caller)
    wake(request)
    return _back(channel_id)


@router.post("/channels/{channel_id}/test")
async def test_channel(request: Request, caller: Caller, channel_id: UUID) -> Response:
    """Send a test, and show what becomes of it."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        await subscriptions.send_test(conn, channel_id)
    wake(request)
    return RedirectResponse(f"/channels/{channel_id}/deliveries", status_code=303)


@router.post("/channels/{channel_id}/change")
async def change_channel(
    request: Request,
    caller: Caller,
    channel_id: UUID,
    desks: Annotated[list[str], Form()],
    grades: Annotated[list[Grade] | None, Form()] = None,
    quiet_from: Annotated[str, Form(max_length=8)] = "",
    quiet_until: Annotated[str, Form(max_length=8)] = "",
) -> Response:
    """Desks, grades and quiet hours."""
    quiet = {"quiet_from": quiet_from or None, "quiet_until": quiet_until or None}
    wanted = forms.read(ChannelChange, {"desks": desks, "grades": grades or []} | quiet)
    return await _change(request, caller, channel_id, wanted)


@router.post("/channels/{channel_id}/pause")
async def pause_channel(
    request: Request, caller: Caller, channel_id: UUID, paused: Annotated[Literal["yes", "no"], Form()]
) -> Response:
    """Pause or go on."""
    return await _change(request, caller, channel_id, ChannelChange(paused=paused == "yes"))


@router.post("/channels/{channel_id}/remove")
async def remove_channel(request: Request, caller: Caller, channel_id: UUID) -> Response:
    """Remove it."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        await subscriptions.remove(conn, channel_id, caller)
    return RedirectResponse("/channels", status_code=303)


@router.get("/channels/{channel_id}/deliveries")
async def show_deliveries(
    request: Request,
    caller: Caller,
    channel_id: UUID,
    state: Annotated[Literal["waiting", "delivered", "given_up", ""], Query()] = "",
    kind: Annotated[str, Query(max_length=40)] = "",
    before: Annotated[int | None, Query(ge=1)] = None,
    again: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """What was sent to one of the caller's subscriptions, people's or systems'."""
    wanted = DeliveryFilter(state=state or None, kind=kind or None, before=before, limit=_PAGE)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        held = await subscriptions.find(conn, channel_id)
        rows = await receipts.log(conn, channel_id, wanted)
    return _templates.TemplateResponse(
        request,
        "deliveries.html",
        {
            "caller": caller,
            "held": held,
            "rows": rows,
            "chosen": {"state": state, "kind": kind},
            "next": rows[-1].delivery_id if len(rows) == _PAGE else None,
            "again": again,
            "words": vocabulary(),
        },
    )


@router.post("/channels/{channel_id}/replays")
async def replay(
    request: Request,
    caller: Caller,
    channel_id: UUID,
    from_position: Annotated[int, Form(ge=0)],
    to_position: Annotated[int, Form(ge=0)],
    state: Annotated[Literal["delivered", "given_up", ""], Form()] = "",
) -> Response:
    """Send one or a range again."""
    given = {"from_position": from_position, "to_position": to_position, "state": state or None}
    wanted = forms.read(ReplayRequest, given)
    async with db_of(request).begin(Scope.of(caller)) as conn:
        held = await subscriptions.find(conn, channel_id)
        count = await receipts.replay(conn, channel_id, held.kind.code, wanted, caller)
    wake(request)
    return RedirectResponse(f"/channels/{channel_id}/deliveries?again={count}", status_code=303)


@router.get("/push-worker.js")
async def push_worker() -> Response:
    """The browser's part of the push: it shows what comes and opens the alert. At the root, for it serves all pages."""
    return FileResponse(_WORKER, media_type="text/javascript", headers={"cache-control": "no-cache"})


async def _change(request: Request, caller: Principal, channel_id: UUID, wanted: ChannelChange) -> Response:
    async with db_of(request).begin(Scope.of(caller)) as conn:
        await subscriptions.change(conn, channel_id, wanted, caller)
    return _back(channel_id)


def _back(channel_id: UUID) -> Response:
    return RedirectResponse(f"/channels#channel-{channel_id}", status_code=303)


def _desk_name(address: str) -> str:
    desk = Desk.at(address)
    return f"{regions.name(desk.region)} {vocabulary().role(desk.role).zh}"
