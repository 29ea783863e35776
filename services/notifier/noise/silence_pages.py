"""Pages of silences: what is quiet and until when, a form to propose one, and each one's approval, end and history."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from services.notifier.noise import noise, silence_deeds, silence_routes
from services.notifier.noise.silence_schemas import MatchersRequest, SilenceRequest, SilencesShown
from services.notifier.vocabulary import vocabulary
from shared import forms, regions, web
from shared.auth import Caller
from shared.contracts.alerts import Grade
from shared.principals import Principal
from shared.web import db_of
from shared.workdays import SHANGHAI

router = APIRouter(include_in_schema=False)
_templates = web.templates(Path(__file__).parent.parent)
_QUIETED: tuple[Grade, ...] = ("yellow", "prompt")
_Text = Annotated[str, Form(max_length=1000)]


@router.get("/silences")
async def show_silences(
    request: Request,
    caller: Caller,
    show: SilencesShown = "current",
    rule_id: Annotated[str, Query(max_length=60)] = "",
    case: Annotated[str, Query(max_length=100)] = "",
    party: Annotated[str, Query(max_length=100)] = "",
    region: Annotated[str, Query(max_length=12)] = "",
) -> Response:
    """The silences of the caller's regions, and the form; a link from an alert fills it in."""
    found = await silence_routes.list_silences(request, caller, show)
    chosen: dict[str, Any] = {"region_code": region, "rule_id": rule_id, "matter": "", "case": case, "party": party}
    chosen |= {"reason": "", "ends_at": "", "grades": _QUIETED}
    return _page(request, "silences.html", caller, silences=found.items, show=show, chosen=chosen)


@router.post("/silences")
async def propose(
    request: Request,
    caller: Caller,
    region_code: _Text = "",
    rule_id: _Text = "",
    matter: _Text = "",
    case: _Text = "",
    party: _Text = "",
    reason: _Text = "",
    ends_at: _Text = "",
    grades: Annotated[list[Grade] | None, Form()] = None,
    then: Annotated[str, Form(max_length=10)] = "propose",
) -> Response:
    """Propose a silence, or see first what it would keep quiet; then the page again."""
    chosen = {"region_code": region_code, "rule_id": rule_id, "matter": matter, "case": case, "party": party}
    filled = {name: value.strip() or None for name, value in chosen.items()} | {"grades": grades or []}
    if then == "preview":
        seen = await silence_deeds.preview(db_of(request), caller, forms.read(MatchersRequest, filled))
        found = await silence_routes.list_silences(request, caller, "current")
        again = chosen | {"reason": reason, "ends_at": ends_at, "grades": grades or []}
        return _page(request, "silences.html", caller, silences=found.items, show="current", chosen=again, preview=seen)
    wanted = forms.read(SilenceRequest, filled | {"reason": reason, "ends_at": _shanghai(ends_at)})
    made = await silence_deeds.propose(db_of(request), caller, wanted, None)
    return RedirectResponse(f"/silences/{made.silence_id}", status_code=303)


@router.get("/silences/{silence_id}")
async def show_silence(request: Request, caller: Caller, silence_id: UUID) -> Response:
    """One silence, its history, and what may be done with it."""
    found = await silence_deeds.show(db_of(request), caller, silence_id)
    return _page(request, "silence.html", caller, silence=found)


@router.post("/silences/{silence_id}/approve")
async def approve(request: Request, caller: Caller, silence_id: UUID, note: _Text = "") -> Response:
    """Approve it and show it again."""
    await silence_deeds.approve(db_of(request), caller, silence_id, note)
    return RedirectResponse(f"/silences/{silence_id}", status_code=303)


@router.post("/silences/{silence_id}/end")
async def end(request: Request, caller: Caller, silence_id: UUID, note: _Text = "") -> Response:
    """End it and show it again."""
    await silence_deeds.end(db_of(request), caller, silence_id, note)
    return RedirectResponse(f"/silences/{silence_id}", status_code=303)


def _shanghai(text: str) -> datetime | str:
    """A browser's local time as the moment that it means in Shanghai; what is no time stays as it is, to be refused."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)
    except ValueError:
        return text


def _regions(caller: Principal) -> list[tuple[str, str]]:
    """The regions for which the caller may propose: his own and those below."""
    known = [regions.region(regions.COUNTY), *regions.towns(), *regions.villages()]
    wanted = noise.book().silences.proposers
    return [(one.code, one.zh) for one in known if caller.roles_in(one.code).intersection(wanted)]


def _page(request: Request, name: str, caller: Principal, **values: Any) -> Response:
    shared = {"caller": caller, "words": vocabulary(), "terms": noise.book().silences, "regions": _regions(caller)}
    return _templates.TemplateResponse(request, name, shared | {"preview": None} | values)
