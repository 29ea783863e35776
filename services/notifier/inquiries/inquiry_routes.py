"""Inquiries (线索) under /v1/inquiries."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.notifier import errors
from services.notifier.idempotency import RequestKey
from services.notifier.inquiries import inquiries, inquiry_deeds, inquiry_standing, inquiry_store
from services.notifier.inquiries.inquiry_schemas import (
    AlertToAdd,
    AlertToRemove,
    InquiryFilter,
    InquiryMove,
    InquiryPage,
    InquiryView,
    LongerTerm,
    NewInquiry,
    Staff,
    Words,
)
from services.notifier.inquiries.inquiry_standing import Wish
from shared.auth import Caller
from shared.db import Scope
from shared.openapi import problems
from shared.web import db_of

router = APIRouter(prefix="/v1/inquiries", tags=["线索 inquiries"])
_CHANGING = problems(*errors.INQUIRING)


@router.get("", summary="线索列表 / List inquiries", responses=problems(errors.BadCursor))
async def list_inquiries(request: Request, caller: Caller, wanted: Annotated[InquiryFilter, Query()]) -> InquiryPage:
    """The inquiries each of whose alerts the caller may read, the newest first."""
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        items, following = await inquiry_store.search(conn, wanted, datetime.now(UTC))
    return InquiryPage(items=items, next=following)


@router.post("", status_code=201, summary="立线索 / Open an inquiry", responses=_CHANGING)
async def open_inquiry(
    request: Request, response: Response, caller: Caller, body: NewInquiry, key: RequestKey = None
) -> InquiryView:
    """Merge alerts of the caller's own desks into one inquiry. It gets the next number of its county and year."""
    made = await inquiry_deeds.open_inquiry(db_of(request), caller, body, key)
    response.headers["location"] = f"/v1/inquiries/{made.inquiry_id}"
    return made


@router.get("/{inquiry_id}", summary="线索详情 / Read an inquiry", responses=problems(errors.NoSuchInquiry))
async def show_inquiry(request: Request, caller: Caller, inquiry_id: UUID) -> InquiryView:
    """One inquiry with its alerts, what they share, its record, and what the caller may do now."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        return await inquiry_deeds.read(conn, caller, inquiry_id)


@router.post("/{inquiry_id}/moves", summary="办理线索 / Move an inquiry", responses=_CHANGING)
async def move_inquiry(
    request: Request, caller: Caller, inquiry_id: UUID, body: InquiryMove, key: RequestKey = None
) -> InquiryView:
    """Bring an inquiry into another state and its alerts along: all of them, or none with a list of why not."""
    deed = inquiry_deeds.moving(Wish(**body.model_dump()))
    return await inquiry_deeds.change(db_of(request), caller, inquiry_id, ["move", body.model_dump()], deed, key)


@router.post("/{inquiry_id}/alerts", summary="并入预警 / Merge an alert", responses=_CHANGING)
async def add_alert(
    request: Request, caller: Caller, inquiry_id: UUID, body: AlertToAdd, key: RequestKey = None
) -> InquiryView:
    """Merge one more alert; one that is in it already changes nothing."""
    return await inquiry_deeds.add_alert(db_of(request), caller, inquiry_id, body.alert_id, key)


@router.post("/{inquiry_id}/alerts/{alert_id}/remove", summary="移出预警 / Take an alert out", responses=_CHANGING)
async def remove_alert(
    request: Request, caller: Caller, inquiry_id: UUID, alert_id: UUID, body: AlertToRemove, key: RequestKey = None
) -> InquiryView:
    """Take an alert out, with a reason; it keeps its state."""
    deed = inquiry_deeds.removing(alert_id, body.reason)
    said = ["remove", str(alert_id), body.reason]
    return await inquiry_deeds.change(db_of(request), caller, inquiry_id, said, deed, key)


@router.put("/{inquiry_id}/staff", summary="指定承办人 / Name who inquires", responses=_CHANGING)
async def staff_inquiry(
    request: Request, caller: Caller, inquiry_id: UUID, body: Staff, key: RequestKey = None
) -> InquiryView:
    """Name who leads and who helps; nobody of the name of a person whom it is about."""

    def deed(hand: inquiry_deeds.Hand) -> inquiry_standing.Step:
        return inquiries.staff(hand.held, body.lead, body.helpers, hand.alerts, hand.actor, hand.now)

    return await inquiry_deeds.change(db_of(request), caller, inquiry_id, ["staff", body.model_dump()], deed, key)


@router.put("/{inquiry_id}/plan", summary="核查方案 / Write the plan", responses=_CHANGING)
async def plan_inquiry(
    request: Request, caller: Caller, inquiry_id: UUID, body: Words, key: RequestKey = None
) -> InquiryView:
    """Write how it is to be checked; plans before stay in the record."""

    def deed(hand: inquiry_deeds.Hand) -> inquiry_standing.Step:
        return inquiries.plan(hand.held, body.text, hand.actor, hand.now)

    return await inquiry_deeds.change(db_of(request), caller, inquiry_id, ["plan", body.text], deed, key)


@router.post("/{inquiry_id}/notes", summary="记录 / Add a note", responses=_CHANGING)
async def note_inquiry(
    request: Request, caller: Caller, inquiry_id: UUID, body: Words, key: RequestKey = None
) -> InquiryView:
    """Write down what was found."""

    def deed(hand: inquiry_deeds.Hand) -> inquiry_standing.Step:
        return inquiries.note(hand.held, body.text, hand.actor, hand.now)

    return await inquiry_deeds.change(db_of(request), caller, inquiry_id, ["note", body.text], deed, key)


@router.put("/{inquiry_id}/term", summary="延长期限 / Prolong", responses=_CHANGING)
async def prolong_inquiry(
    request: Request, caller: Caller, inquiry_id: UUID, body: LongerTerm, key: RequestKey = None
) -> InquiryView:
    """Give an inquiry that is under way a longer term, with a reason."""

    def deed(hand: inquiry_deeds.Hand) -> inquiry_standing.Step:
        return inquiries.prolong(hand.held, body.term, body.reason, hand.actor, hand.now)

    return await inquiry_deeds.change(db_of(request), caller, inquiry_id, ["term", body.model_dump()], deed, key)
