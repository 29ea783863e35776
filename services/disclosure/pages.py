"""The public pages: choose a village, its page behind the QR code, all its cases, one case with its history."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.disclosure import villages
from services.disclosure.answers import answer
from services.disclosure.cache import VillageCache
from services.disclosure.case_view import CaseView, ShownField
from services.disclosure.cases import State
from services.disclosure.projections import case, village
from services.disclosure.schemas import CaseFilter, County, TownEntry
from services.disclosure.vocabulary import vocabulary
from shared import web
from shared.contracts.power import Matter
from shared.db import Database, Scope
from shared.settings import Settings
from shared.workdays import SHANGHAI

router = APIRouter(include_in_schema=False)
_templates = web.templates(Path(__file__).parent)
_PAGE = 30
_FACTS = ("location", "budget_fen", "supplier_name", "award_fen", "contract_fen", "settlement_fen", "relief_fen")
_A_MOMENT = timedelta(microseconds=1)


@router.get("/")
async def choose_village(request: Request, q: Annotated[str, Query(max_length=100)] = "") -> Response:
    """All villages by town, or those whose name holds some words."""
    async with _db(request).begin(Scope.public(), readonly=True) as conn:
        county = await village.county(conn)
    return _page(request, "home.html", county=county.county, towns=_matching(county, q.strip()), q=q.strip())


@router.get("/villages/{code}")
async def show_village(request: Request, code: str) -> Response:
    """One village, one code: what is under way, on notice and done."""
    cache: VillageCache = request.app.state.villages
    page = (await cache.read(code)).page
    settings: Settings = request.app.state.settings
    return _page(request, "village.html", page=page, address=f"{settings.disclosure_url.rstrip('/')}/villages/{code}")


@router.get("/villages/{code}/cases")
async def list_cases(
    request: Request,
    code: str,
    matter: Annotated[Matter | Literal[""], Query()] = "",
    state: Annotated[State | Literal[""], Query()] = "",
    q: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[str | None, Query(max_length=300)] = None,
) -> Response:
    """All cases of a village, by matter, state and words."""
    villages.check(code)
    wanted = CaseFilter(matter=matter or None, state=state or None, q=q or None, after=after, limit=_PAGE)
    async with _db(request).begin(Scope.public(), readonly=True) as conn:
        items, following = await case.search(conn, code, wanted)
    cache: VillageCache = request.app.state.villages
    return _page(
        request,
        "cases.html",
        page=(await cache.read(code)).page,
        cases=items,
        next=following,
        chosen={"matter": matter, "state": state, "q": q},
        first=after is None,
        words=vocabulary(),
    )


@router.get("/cases/{key}")
async def show_case(request: Request, key: str) -> Response:
    """One case: where it stands, and what was done when by which office with which papers."""
    async with _db(request).begin(Scope.public(), readonly=True) as conn:
        found = await case.find(conn, key)
    view = CaseView.at(found, datetime.now(UTC))
    return _page(request, "case.html", case=view, facts=_facts(view))


def _facts(view: CaseView) -> list[ShownField]:
    """What people look for first: the last word on place, firm and money."""
    last = {field.name: field for entry in view.history for field in entry.fields}
    return [last[name] for name in _FACTS if name in last]


def _matching(county: County, words: str) -> list[TownEntry]:
    if not words:
        return list(county.towns)
    found = []
    for town in county.towns:
        named = words.lower() in f"{town.town.zh} {town.town.en}".lower()
        some = tuple(
            each
            for each in town.villages
            if named or words.lower() in f"{each.village.zh} {each.village.en} {each.village.code}".lower()
        )
        if some:
            found.append(town.model_copy(update={"villages": some}))
    return found


def _page(request: Request, name: str, **values: Any) -> Response:
    body = _templates.get_template(name).render(request=request, **values)
    return answer(request, body.encode(), "text/html; charset=utf-8")


def _days_left(ends_at: datetime) -> int:
    """Whole days of Shanghai until a notice ends: 0 on its last day. It ends at midnight, which is the next day's."""
    today = datetime.now(SHANGHAI).date()
    last = (ends_at.astimezone(SHANGHAI) - _A_MOMENT).date()
    return (last - today).days


def _last_day(ends_at: datetime) -> str:
    return (ends_at.astimezone(SHANGHAI) - _A_MOMENT).date().isoformat()


def _combined(chosen: dict[str, str], **over: str) -> dict[str, str]:
    return {name: value for name, value in (chosen | over).items() if value}


def _db(request: Request) -> Database:
    db: Database = request.app.state.db
    return db


_templates.env.filters.update(days_left=_days_left, last_day=_last_day, combined=_combined)
