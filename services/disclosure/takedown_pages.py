"""The pages of those who take back what is public: what was taken, the form for a case, and putting back."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.disclosure import taking_back
from services.disclosure.case_view import CaseView
from services.disclosure.cases import WHOLE
from services.disclosure.masking import masks
from services.disclosure.pages import rendered
from services.disclosure.projections import case as cases
from services.disclosure.reader import public
from services.disclosure.taking_back import TAKERS, Reason, Wanted
from services.disclosure.vocabulary import vocabulary
from shared import forms
from shared.auth import Caller, require
from shared.principals import Principal
from shared.problems import FieldError, Problem
from shared.web import db_of
from shared.words import Name

router = APIRouter(prefix="/desk/takedowns", include_in_schema=False)
_PRIVATE = {"cache-control": "private, no-store"}
_WHOLE = Name("整个案件", "The whole case")
_MENDS = {
    "what": FieldError("what", "请选择要撤回的内容", "Choose what to take back"),
    "why": FieldError("why", "请选择理由", "Choose a reason"),
    "note": FieldError("note", "请写说明,最多 500 字", "Write a note of 500 characters at most"),
}
Text = Annotated[str, Form(max_length=2_000)]


@router.get("")
async def show_takedowns(request: Request, caller: Caller, case: Annotated[str, Query(max_length=64)] = "") -> Response:
    """What was taken back; with a case's number or id, the form to take something of it back."""
    return await _page(request, caller, {"case": case.strip()})


@router.post("")
async def take(
    request: Request, caller: Caller, case: Text = "", what: Text = "", why: Text = "", note: Text = ""
) -> Response:
    """Take it back at once; the form again, with what must be mended if anything."""
    require(caller, *TAKERS)
    typed = {"case": case.strip(), "what": what, "why": why, "note": note.strip()}
    try:
        wanted = forms.read(Wanted, {name: typed[name] for name in Wanted.model_fields})
        await taking_back.take(db_of(request), caller, typed["case"], wanted)
    except Problem as problem:
        return await _page(request, caller, typed, problem)
    return RedirectResponse("/desk/takedowns", status_code=303)


@router.post("/{takedown_id}/restoration")
async def put_back(request: Request, caller: Caller, takedown_id: uuid.UUID, note: Text = "") -> Response:
    """Ask that it be public again, or agree as a second person."""
    require(caller, *TAKERS)
    try:
        reason = forms.read(Reason, {"note": note.strip()})
        await taking_back.put_back(db_of(request), caller, takedown_id, reason)
    except Problem as problem:
        return await _page(request, caller, {}, problem, at=takedown_id)
    return RedirectResponse("/desk/takedowns", status_code=303)


async def _page(
    request: Request,
    caller: Principal,
    typed: dict[str, str],
    problem: Problem | None = None,
    *,
    at: uuid.UUID | None = None,
) -> Response:
    """The list, and the form when a case is named; `at` is where putting back was refused."""
    if problem and problem.status == 403:
        raise problem
    found = await taking_back.listed(db_of(request), caller)
    shown: CaseView | None = None
    if typed.get("case"):
        try:
            shown = await _case(request, typed["case"])
        except Problem as unknown:
            problem = problem or unknown
    content = rendered(
        "takedowns.html",
        caller=caller,
        takedowns=found,
        case=shown,
        choices=_choices(shown) if shown else {},
        reasons=taking_back.reasons(),
        names={WHOLE: _WHOLE} | dict(vocabulary().fields),
        typed={"case": "", "what": "", "why": "", "note": ""} | typed,
        errors=_errors(problem) if problem else [],
        at=at,
    )
    return HTMLResponse(content, problem.status if problem else 200, _PRIVATE)


async def _case(request: Request, key: str) -> CaseView:
    async with public(request) as conn:
        found = await cases.find(conn, await cases.identify(conn, key))
    return CaseView.at(found, datetime.now(UTC), masks(), vocabulary())


def _choices(case: CaseView) -> dict[str, Name]:
    """What the case shows now, and the case itself."""
    fields = {field.name: Name(field.label.zh, field.label.en) for entry in case.history for field in entry.fields}
    return fields | {WHOLE: _WHOLE}


def _errors(problem: Problem) -> list[FieldError]:
    if not problem.errors:
        return [FieldError("case" if problem.status == 404 else "", problem.detail_zh, problem.detail_en)]
    return [_MENDS.get(each.field, each) for each in problem.errors]
