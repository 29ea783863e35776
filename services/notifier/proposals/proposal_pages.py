"""Pages of supervision proposals: the list, the form, one of them, and the document as it is printed."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from services.notifier.folders import folder_lists, folder_papers
from services.notifier.proposals import proposal_book, proposal_deeds, proposal_store
from services.notifier.proposals.proposal_schemas import (
    ContentForm,
    NewProposal,
    ProposalFilter,
    ProposalMove,
    Source,
)
from services.notifier.schemas import RuleId
from services.notifier.vocabulary import vocabulary
from shared import forms, regions, web
from shared.auth import Caller
from shared.contracts.base import RegionCode
from shared.contracts.proposals import Addressee
from shared.db import Scope
from shared.web import db_of
from shared.workdays import SHANGHAI

router = APIRouter(prefix="/proposals", include_in_schema=False)
_templates = web.templates(Path(__file__).parent.parent)
_PATTERN_DAYS = 180
Text = Annotated[str, Form(max_length=4000)]
Line = Annotated[str, Form(max_length=200)]


@router.get("")
async def show_proposals(
    request: Request,
    caller: Caller,
    state: Annotated[str, Query(max_length=40)] = "going_on",
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The proposals that the caller may read."""
    state, shown = folder_lists.shown(state, proposal_book.book().states)
    wanted = ProposalFilter(**shown, after=after)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        items, following = await proposal_store.search(conn, wanted, datetime.now(UTC))
    return _page(request, "proposals.html", caller=caller, items=items, next=following, state=state)


@router.get("/new")
async def show_form(
    request: Request,
    caller: Caller,
    alert: UUID | None = None,
    inquiry: UUID | None = None,
    rule: RuleId | None = None,
    region: RegionCode | None = None,
    days: Annotated[int, Query(ge=1, le=3660)] = _PATTERN_DAYS,
) -> Response:
    """The form of a new one over an alert, an inquiry, or the alerts of a rule in a region over the last days."""
    source = _source(alert, inquiry, rule, region, datetime.now(UTC) - timedelta(days=days))
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        found, suggested = await proposal_deeds.suggest(conn, caller, source)
    return _form(request, caller, content=suggested, grounds=found, source=source, action="/proposals")


@router.post("")
async def write_proposal(
    request: Request,
    caller: Caller,
    addressee: Annotated[Addressee, Form()],
    source: Annotated[str, Form(max_length=1000)],
    addressee_name: Line = "",
    problem: Text = "",
    asks: Text = "",
    basis: Text = "",
    reply_days: Annotated[int, Form()] = 0,
    follow_up_days: Annotated[int, Form()] = 0,
) -> Response:
    """Draft one and show it."""
    given = _given(addressee, addressee_name, problem, asks, basis, reply_days, follow_up_days)
    wanted = forms.read(NewProposal, given.model_dump() | {"source": _json(source)})
    made = await proposal_deeds.write(db_of(request), caller, wanted, None)
    return _show(made.proposal_id)


@router.get("/{proposal_id}")
async def show_proposal(request: Request, caller: Caller, proposal_id: UUID) -> Response:
    """One proposal, its text, its record, and what may be done."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        view = await proposal_deeds.read(conn, caller, proposal_id)
        papers = await folder_papers.listed(conn, "proposals", proposal_id)
    return _page(request, "proposal.html", caller=caller, view=view, papers=papers)


@router.get("/{proposal_id}/edit")
async def show_edit_form(request: Request, caller: Caller, proposal_id: UUID) -> Response:
    """The form of a draft."""
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        held = await proposal_store.find(conn, proposal_id)
    action = f"/proposals/{proposal_id}/edit"
    return _form(request, caller, content=held.content, grounds=held.grounds, source=None, action=action)


@router.post("/{proposal_id}/edit")
async def rewrite_proposal(
    request: Request,
    caller: Caller,
    proposal_id: UUID,
    addressee: Annotated[Addressee, Form()],
    addressee_name: Line = "",
    problem: Text = "",
    asks: Text = "",
    basis: Text = "",
    reply_days: Annotated[int, Form()] = 0,
    follow_up_days: Annotated[int, Form()] = 0,
) -> Response:
    """Change a draft and show it again."""
    given = _given(addressee, addressee_name, problem, asks, basis, reply_days, follow_up_days)
    await proposal_deeds.rewrite(db_of(request), caller, proposal_id, given, None)
    return _show(proposal_id)


@router.get("/{proposal_id}/print")
async def print_proposal(request: Request, caller: Caller, proposal_id: UUID) -> Response:
    """The document on A4, as an official paper is laid out."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        view = await proposal_deeds.read(conn, caller, proposal_id)
    day = (view.served_at or datetime.now(UTC)).astimezone(SHANGHAI)
    signed = f"{day.year}年{day.month}月{day.day}日" if view.served_at else "    年  月  日"
    return _page(request, "proposal_print.html", view=view, signed=signed)


@router.post("/{proposal_id}/moves")
async def move_proposal(
    request: Request, caller: Caller, proposal_id: UUID, to: Annotated[str, Form(max_length=40)], note: Text = ""
) -> Response:
    """Make a move and show it again."""
    wish = ProposalMove(to=to, note=note)
    await proposal_deeds.move(db_of(request), caller, proposal_id, wish, None)
    return _show(proposal_id)


def _source(alert: UUID | None, inquiry: UUID | None, rule: str | None, region: str | None, since: datetime) -> Source:
    pattern = {"rule_id": rule, "region_code": region, "since": since} if rule and region else None
    return forms.read(Source, {"alert_id": alert, "inquiry_id": inquiry, "pattern": pattern})


def _json(text: str) -> Any:
    """What a hidden field holds; what is no JSON stays as it is, to be refused."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _given(
    addressee: Addressee, name: str, problem: str, asks: str, basis: str, reply_days: int, follow_up_days: int
) -> ContentForm:
    """What the form says: what is asked, and the basis, one a line."""
    values = {
        "addressee": addressee,
        "addressee_name": name,
        "problem": problem,
        "asks": [line for line in asks.splitlines() if line.strip()],
        "basis": [line for line in basis.splitlines() if line.strip()],
        "reply_days": reply_days,
        "follow_up_days": follow_up_days,
    }
    return forms.read(ContentForm, values)


def _form(request: Request, caller: Caller, **values: Any) -> Response:
    return _page(
        request,
        "proposal_form.html",
        caller=caller,
        book=proposal_book.book(),
        region=regions.name,
        words=vocabulary(),
        **values,
    )


def _show(proposal_id: UUID) -> Response:
    return RedirectResponse(f"/proposals/{proposal_id}", status_code=303)


def _page(request: Request, name: str, **values: Any) -> Response:
    return _templates.TemplateResponse(request, name, values)
