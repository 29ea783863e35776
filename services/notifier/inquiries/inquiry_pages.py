"""Pages of inquiries: the list, one of them, and the forms of what may be done."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from services.notifier.folders import folder_lists, folder_papers
from services.notifier.inquiries import inquiries, inquiry_book, inquiry_deeds, inquiry_store
from services.notifier.inquiries.inquiry_deeds import Deed, Hand
from services.notifier.inquiries.inquiry_schemas import InquiryFilter, NewInquiry
from services.notifier.inquiries.inquiry_standing import Step, Wish
from services.notifier.proposals import proposal_store
from services.notifier.schemas import AlertFilter
from services.notifier.workbench import listing
from shared import forms, web
from shared.auth import Caller
from shared.db import Scope
from shared.problems import FieldError, InvalidInput
from shared.web import db_of

router = APIRouter(prefix="/inquiries", include_in_schema=False)
_templates = web.templates(Path(__file__).parent.parent)
_MOST_TO_CHOOSE = 100
Text = Annotated[str, Form(max_length=4000)]
Line = Annotated[str, Form(max_length=400)]


@router.get("")
async def show_inquiries(
    request: Request,
    caller: Caller,
    state: Annotated[str, Query(max_length=40)] = "going_on",
    text: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The inquiries that the caller may read."""
    state, shown = folder_lists.shown(state, inquiry_book.book().states)
    wanted = InquiryFilter(**shown, text=text or None, after=after)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        items, following = await inquiry_store.search(conn, wanted, datetime.now(UTC))
    return _page(request, "inquiries.html", caller=caller, items=items, next=following, state=state, text=text)


@router.get("/new")
async def show_form(
    request: Request, caller: Caller, alert: Annotated[list[UUID] | None, Query(max_length=200)] = None
) -> Response:
    """The form that opens an inquiry over alerts chosen from the caller's desk."""
    wanted = AlertFilter(state="open", limit=_MOST_TO_CHOOSE)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        items, _ = await listing.search(conn, wanted)
        bound = await inquiry_store.bound(conn, [item.alert_id for item in items])
    return _page(
        request,
        "inquiry_new.html",
        caller=caller,
        items=[item for item in items if item.alert_id not in bound],
        chosen=set(alert or ()),
        term=inquiry_book.book().inquiry_term,
    )


@router.post("")
async def open_inquiry(
    request: Request,
    caller: Caller,
    title: Annotated[str, Form(max_length=200)] = "",
    alerts: Annotated[list[UUID] | None, Form()] = None,
    helpers: Line = "",
    plan: Text = "",
    term: Annotated[int, Form()] = 0,
) -> Response:
    """Open an inquiry and show it."""
    if not title.strip() or not alerts:
        raise InvalidInput(
            "请填写名称并选择预警",
            "Give it a title and choose alerts",
            [FieldError("title" if alerts else "alerts", "必填", "Needed")],
        )
    given = {"title": title.strip(), "alerts": alerts, "helpers": _names(helpers), "plan": plan, "term": term}
    wanted = forms.read(NewInquiry, given)
    made = await inquiry_deeds.open_inquiry(db_of(request), caller, wanted, None)
    return _show(made.inquiry_id)


@router.get("/{inquiry_id}")
async def show_inquiry(request: Request, caller: Caller, inquiry_id: UUID) -> Response:
    """One inquiry, its alerts, what they share, its record, and what may be done."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        view = await inquiry_deeds.read(conn, caller, inquiry_id)
        linked = await proposal_store.resting_on(conn, inquiry_id=inquiry_id)
        papers = await folder_papers.listed(conn, "inquiries", inquiry_id)
    return _page(
        request,
        "inquiry.html",
        caller=caller,
        view=view,
        proposals=linked,
        papers=papers,
        term=inquiry_book.book().inquiry_term,
    )


@router.post("/{inquiry_id}/moves")
async def move_inquiry(
    request: Request,
    caller: Caller,
    inquiry_id: UUID,
    to: Annotated[str, Form(max_length=40)],
    note: Text = "",
    outcome: Annotated[str, Form(max_length=40)] = "",
    receiver: Line = "",
    explanation: Annotated[str, Form(max_length=40)] = "",
    recovered_yuan: Annotated[float, Form(ge=0, le=10**10)] = 0,
    people: Annotated[int, Form(ge=0, le=10_000)] = 0,
) -> Response:
    """Move an inquiry with all its alerts, and show it again."""
    money = round(recovered_yuan * 100)
    wish = Wish(to, note, outcome or None, receiver, explanation or None, money, people)
    return await _do(request, caller, inquiry_id, inquiry_deeds.moving(wish))


@router.post("/{inquiry_id}/alerts")
async def add_alert(request: Request, caller: Caller, inquiry_id: UUID, alert_id: Annotated[UUID, Form()]) -> Response:
    """Merge one more alert, and show the inquiry again."""
    await inquiry_deeds.add_alert(db_of(request), caller, inquiry_id, alert_id, None)
    return _show(inquiry_id)


@router.post("/merge/{alert_id}")
async def merge_alert(
    request: Request, caller: Caller, alert_id: UUID, inquiry_id: Annotated[UUID, Form()]
) -> Response:
    """Merge an alert from its own page into an inquiry that goes on."""
    await inquiry_deeds.add_alert(db_of(request), caller, inquiry_id, alert_id, None)
    return _show(inquiry_id)


@router.post("/{inquiry_id}/alerts/{alert_id}/remove")
async def remove_alert(
    request: Request, caller: Caller, inquiry_id: UUID, alert_id: UUID, reason: Text = ""
) -> Response:
    """Take an alert out, and show the inquiry again."""
    return await _do(request, caller, inquiry_id, inquiry_deeds.removing(alert_id, reason))


@router.post("/{inquiry_id}/staff")
async def staff_inquiry(
    request: Request, caller: Caller, inquiry_id: UUID, lead: Line = "", helpers: Line = ""
) -> Response:
    """Name who leads and who helps, and show the inquiry again."""

    def deed(hand: Hand) -> Step:
        return inquiries.staff(hand.held, lead, _names(helpers), hand.alerts, hand.actor, hand.now)

    return await _do(request, caller, inquiry_id, deed)


@router.post("/{inquiry_id}/plan")
async def plan_inquiry(request: Request, caller: Caller, inquiry_id: UUID, text: Text = "") -> Response:
    """Write the plan, and show the inquiry again."""
    return await _do(request, caller, inquiry_id, lambda hand: inquiries.plan(hand.held, text, hand.actor, hand.now))


@router.post("/{inquiry_id}/notes")
async def note_inquiry(request: Request, caller: Caller, inquiry_id: UUID, text: Text = "") -> Response:
    """Add a note, and show the inquiry again."""
    return await _do(request, caller, inquiry_id, lambda hand: inquiries.note(hand.held, text, hand.actor, hand.now))


@router.post("/{inquiry_id}/term")
async def prolong_inquiry(
    request: Request, caller: Caller, inquiry_id: UUID, term: Annotated[int, Form()], reason: Text = ""
) -> Response:
    """Prolong it, and show it again."""

    def deed(hand: Hand) -> Step:
        return inquiries.prolong(hand.held, term, reason, hand.actor, hand.now)

    return await _do(request, caller, inquiry_id, deed)


async def _do(request: Request, caller: Caller, inquiry_id: UUID, deed: Deed) -> Response:
    await inquiry_deeds.change(db_of(request), caller, inquiry_id, (), deed, None)
    return _show(inquiry_id)


def _show(inquiry_id: UUID) -> Response:
    return RedirectResponse(f"/inquiries/{inquiry_id}", status_code=303)


def _names(text: str) -> list[str]:
    """Names as they are written in one field."""
    return [name for part in text.replace(",", "、").replace(",", "、").split("、") if (name := part.strip())][:20]


def _page(request: Request, name: str, **values: Any) -> Response:
    return _templates.TemplateResponse(request, name, values)
