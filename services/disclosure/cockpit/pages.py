"""The cockpit's pages: the overview, the lists behind its numbers, their files, and the report of a period."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

from anyio import to_process
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from services.disclosure.cockpit import charts, exports, report, seen, shown
from services.disclosure.cockpit.choice import (
    AlertChoice,
    CaseChoice,
    ListChoice,
    PeriodChoice,
    ProposalChoice,
    StepChoice,
)
from services.disclosure.cockpit.exports import MEDIA, MOST_ROWS, Shape
from services.disclosure.cockpit.period import Period, today_of
from services.disclosure.cockpit.plan import plan
from services.disclosure.cockpit.schemas import Overview
from services.disclosure.cockpit.seen import Look
from services.disclosure.pages import rendered
from services.disclosure.schemas import Named
from services.disclosure.supervision.plan import plan as supervision_plan
from shared import pdf, regions
from shared.auth import Caller
from shared.documents import DOWNLOAD_HEADERS
from shared.principals import Grant
from shared.web import settings_of
from shared.words import words

router = APIRouter(prefix="/cockpit", include_in_schema=False)
_PRIVATE = {"cache-control": "private, no-store"}
_TEMPLATE = Path(__file__).with_name("report.typ")
_PAGE = 200
_OFFERED = {"{year}-{month:02}": 13, "{year}-Q{quarter}": 6, "{year}": 3}


@router.get("")
async def show_overview(request: Request, caller: Caller, choice: Annotated[PeriodChoice, Query()]) -> Response:
    """All figures, tables and charts of a period."""
    look = Look.of(caller, choice)
    overview = await seen.overview_of(request, look)
    values = {"drawn": await _drawn(overview, look.query), "places": _places(look), "periods": _periods(look)}
    return _page("cockpit.html", look, seen=overview, **values)


@router.get("/report")
async def show_report(request: Request, caller: Caller, choice: Annotated[PeriodChoice, Query()]) -> Response:
    """The report, to be printed from the browser."""
    look = Look.of(caller, choice)
    overview = await seen.overview_of(request, look)
    return _page("cockpit_report.html", look, paper=report.paper(overview, plan(), await _drawn(overview)))


@router.get("/report.pdf")
async def print_report(request: Request, caller: Caller, choice: Annotated[PeriodChoice, Query()]) -> Response:
    """The report as PDF; raises `NoChineseFont`."""
    look = Look.of(caller, choice)
    overview = await seen.overview_of(request, look, "cockpit.printed")
    paper = report.paper(overview, plan(), await _drawn(overview))
    content = await pdf.pdf(_TEMPLATE, paper, settings_of(request).fonts_dir)
    return _file(content, "application/pdf", f"cockpit-{look.seat.region}-{look.period.first}-{look.period.last}.pdf")


@router.get("/alerts")
async def show_alerts(request: Request, caller: Caller, wanted: Annotated[AlertChoice, Query()]) -> Response:
    """The alerts behind a number."""
    return await _list(request, Look.of(caller, wanted), "alerts", wanted)


@router.get("/cases")
async def show_cases(request: Request, caller: Caller, wanted: Annotated[CaseChoice, Query()]) -> Response:
    """The cases behind a number."""
    return await _list(request, Look.of(caller, wanted), "cases", wanted)


@router.get("/steps")
async def show_steps(request: Request, caller: Caller, wanted: Annotated[StepChoice, Query()]) -> Response:
    """The handlings behind a number."""
    return await _list(request, Look.of(caller, wanted), "steps", wanted)


@router.get("/proposals")
async def show_proposals(request: Request, caller: Caller, wanted: Annotated[ProposalChoice, Query()]) -> Response:
    """The proposals behind a number."""
    return await _list(request, Look.of(caller, wanted), "proposals", wanted)


@router.get("/alerts.{shape}")
async def export_alerts(
    request: Request, caller: Caller, shape: Shape, wanted: Annotated[AlertChoice, Query()]
) -> Response:
    """The alerts behind a number as a file."""
    return await _export(request, Look.of(caller, wanted), "alerts", wanted, shape)


@router.get("/cases.{shape}")
async def export_cases(
    request: Request, caller: Caller, shape: Shape, wanted: Annotated[CaseChoice, Query()]
) -> Response:
    """The cases behind a number as a file."""
    return await _export(request, Look.of(caller, wanted), "cases", wanted, shape)


@router.get("/steps.{shape}")
async def export_steps(
    request: Request, caller: Caller, shape: Shape, wanted: Annotated[StepChoice, Query()]
) -> Response:
    """The handlings behind a number as a file."""
    return await _export(request, Look.of(caller, wanted), "steps", wanted, shape)


@router.get("/proposals.{shape}")
async def export_proposals(
    request: Request, caller: Caller, shape: Shape, wanted: Annotated[ProposalChoice, Query()]
) -> Response:
    """The proposals behind a number as a file."""
    return await _export(request, Look.of(caller, wanted), "proposals", wanted, shape)


async def _list(request: Request, look: Look, name: str, wanted: ListChoice) -> Response:
    items, following = await seen.listed(request, look, name, wanted)
    filters = {key: str(value).lower() if value is True else str(value) for key, value in wanted.filters().items()}
    return _page(
        "cockpit_list.html",
        look,
        kind=name,
        items=items,
        next=following,
        filters=filters,
        amounts=supervision_plan().amount_names,
        first=wanted.after is None,
    )


async def _export(request: Request, look: Look, name: str, wanted: ListChoice, shape: Shape) -> Response:
    """All rows of a list, up to the most that a file takes; the header `x-truncated` says when there are more."""
    rows: list[Any] = []
    after, deed = None, "cockpit.exported"
    while True:
        page = wanted.model_copy(update={"after": after, "limit": _PAGE})
        found, after = await seen.listed(request, look, name, page, deed)
        rows += found
        deed = "cockpit.listed"
        if after is None or len(rows) >= MOST_ROWS:
            break
    content = await asyncio.to_thread(exports.written, name, rows, shape)
    file = f"cockpit-{name}-{look.seat.region}-{look.period.first}-{look.period.last}.{shape}"
    answer = _file(content, MEDIA[shape], file)
    if after:
        answer.headers["x-truncated"] = str(len(rows))
    return answer


async def _drawn(overview: Overview, query: dict[str, str] | None = None) -> dict[str, str]:
    """In a process of its own: drawing holds the interpreter's lock, and villagers must not wait for a chart."""
    return await to_process.run_sync(charts.all_of, overview, query)


def _periods(look: Look) -> list[Period]:
    """What may be chosen at once: the last months, quarters and years up to the day of looking."""
    today, found = today_of(look.now), list[Period]()
    for name, number in _OFFERED.items():
        period = Period.named(name.format(year=today.year, month=today.month, quarter=(today.month + 2) // 3))
        for _ in range(number):
            found.append(period)
            period = period.before()
    return found


def _places(look: Look) -> list[Named]:
    """The regions that a reader may choose: his own and those right below."""
    own = sorted({grant.region for grant in look.caller.grants if grant.role in plan().readers})
    found = dict.fromkeys(own)
    for code in own:
        match regions.level_of(code):
            case "city" | "county":
                found |= dict.fromkeys(town.code for town in regions.towns() if _covers(code, town.code))
            case "town":
                found |= dict.fromkeys(village.code for village in regions.villages(code))
    found[look.seat.region] = None
    return [Named.region(code) for code in found]


def _covers(code: str, town: str) -> bool:
    return Grant("", code).covers(town)


def _page(template: str, look: Look, **values: Any) -> Response:
    common: dict[str, Any] = {
        "caller": look.caller,
        "look": look,
        "query": look.query,
        "plan": plan(),
        "shown": shown,
        "words": words(),
        "region": Named.region(look.seat.region),
    }
    return HTMLResponse(rendered(template, **common, **values), headers=_PRIVATE)


def _file(content: bytes, media_type: str, name: str) -> Response:
    headers = dict(DOWNLOAD_HEADERS) | {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)
