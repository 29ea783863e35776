"""The evaluation's pages: a quarter's cards, one card explained, what if, figures and seals; print, PDF and files."""

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.disclosure.evaluation import exports, figures, seen, shown, store
from services.disclosure.evaluation.cards import weights_of
from services.disclosure.evaluation.choice import CardChoice, ListChoice, id_of, keeps
from services.disclosure.evaluation.errors import BadFigures
from services.disclosure.evaluation.indicators import Indicator, IndicatorSet, dimension_of, plan
from services.disclosure.evaluation.quarters import Quarter
from services.disclosure.evaluation.schemas import LineShown, WholeCard
from services.disclosure.evaluation.seen import Look
from services.disclosure.pages import rendered
from services.disclosure.schemas import Named
from shared import pdf, regions
from shared.auth import Caller
from shared.db import Scope
from shared.documents import DOWNLOAD_HEADERS
from shared.formats import local_time
from shared.problems import FieldError, Problem
from shared.web import db_of, settings_of

router = APIRouter(prefix="/evaluation", include_in_schema=False)
_PRIVATE = {"cache-control": "private, no-store"}
_TEMPLATE = Path(__file__).with_name("card.typ")
_TREND = 4


@router.get("")
async def show_evaluation(request: Request, caller: Caller, wanted: Annotated[ListChoice, Query()]) -> Response:
    """The cards of a quarter; a village's reader comes to its card."""
    look = Look.of(caller, wanted)
    if regions.level_of(look.seat.region) == "village":
        return RedirectResponse(f"/evaluation/card?quarter={look.quarter}&region={look.seat.region}", 303)
    cards = await seen.listed(request, look, wanted)
    return _page("evaluation.html", look, list=cards, wanted=wanted)


@router.get("/card")
async def show_card(request: Request, caller: Caller, choice: Annotated[CardChoice, Query()]) -> Response:
    """One card: its lines, what changed, its quarters."""
    look = Look.of(caller, choice)
    card = await seen.card_of(request, look)
    trend = await seen.compared(request, look, _TREND)
    in_dimension: dict[str, list[str]] = defaultdict(list)
    for line in card.lines:
        in_dimension[dimension_of(line.indicator)].append(line.indicator)
    return _page("evaluation_card.html", look, one=card, trend=trend, told=_told(look, card), in_dimension=in_dimension)


@router.get("/card.pdf")
async def print_card(request: Request, caller: Caller, choice: Annotated[CardChoice, Query()]) -> Response:
    """One card as PDF; raises `NoChineseFont`."""
    look = Look.of(caller, choice)
    card = await seen.card_of(request, look, "evaluation.printed")
    content = await pdf.pdf(_TEMPLATE, paper(card), settings_of(request).fonts_dir)
    return _file(content, "application/pdf", f"evaluation-{look.seat.region}-{look.quarter}.pdf")


@router.get("/card/records/{line}")
async def show_records(request: Request, caller: Caller, line: str, choice: Annotated[CardChoice, Query()]) -> Response:
    """The records behind a line."""
    look = Look.of(caller, choice)
    found = await seen.records_of(request, look, line)
    words = plan().set_of(look.quarter)
    return _page(
        "evaluation_records.html", look, found=found, line=words.indicators.get(line) or words.town_lines[line]
    )


@router.get("/cards.{shape}")
async def export_cards(
    request: Request, caller: Caller, shape: Literal["csv", "xlsx"], wanted: Annotated[ListChoice, Query()]
) -> Response:
    """The cards of a quarter as a file."""
    look = Look.of(caller, wanted)
    cards = await seen.listed(request, look, wanted, "evaluation.exported")
    content = await asyncio.to_thread(exports.written, cards, plan(), shape)
    return _file(content, exports.MEDIA[shape], f"evaluation-{look.seat.region}-{look.quarter}.{shape}")


@router.get("/what-if")
async def show_what_if(request: Request, caller: Caller, choice: Annotated[CardChoice, Query()]) -> Response:
    """Other weights, told in the address (`w.G12=7`); nothing is kept."""
    look = Look.of(caller, choice)
    held = weights_of(plan().set_of(look.quarter))
    typed = {name[2:]: text for name, text in request.query_params.items() if name.startswith("w.")}
    weights, faults = _weights(typed), list[FieldError]()
    answer = None
    try:
        answer = await seen.what_if_of(request, look, weights)
    except Problem as problem:
        faults = problem.errors
    return _page(
        "evaluation_what_if.html", look, answer=answer, weights=held | weights, points=held, faults=faults, typed=typed
    )


@router.get("/work")
async def show_work(request: Request, caller: Caller, choice: Annotated[CardChoice, Query()]) -> Response:
    """Figures and seals of a quarter, and the forms of whoever keeps them."""
    look = Look.of(caller, choice)
    return await _work(request, look)


@router.get("/work/preview")
async def show_preview(request: Request, caller: Caller, choice: Annotated[CardChoice, Query()]) -> Response:
    """What would be sealed, card by card, before it is proposed."""
    look = Look.of(caller, choice)
    return _page("evaluation_seal.html", look, seal=await seen.preview_of(request, look))


@router.get("/work/seals/{id}")
async def show_proposed(request: Request, caller: Caller, id: str, choice: Annotated[CardChoice, Query()]) -> Response:
    """What the second person decides of."""
    look = Look.of(caller, choice)
    return _page("evaluation_seal.html", look, seal=await seen.proposed_of(request, caller, id_of(id)))


@router.post("/work/figures")
async def hand_in(
    request: Request,
    caller: Caller,
    choice: Annotated[CardChoice, Query()],
    figures_text: Annotated[str, Form(alias="figures", max_length=1_000_000)] = "",
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Take figures in, or show what is wrong with them beside what was typed."""
    look = Look.of(caller, choice)
    keeps(caller, look.seat.region, plan())
    told, faults = figures.read(figures_text)
    try:
        if faults:
            raise BadFigures("请按提示修改", "Please mend the named lines", faults[:200])
        await seen.hand_in(request, caller, look.seat.region, look.quarter, told, note)
    except BadFigures as problem:
        return await _work(request, look, problem, figures_text, note)
    return _back(look)


@router.post("/work/seal")
async def propose(
    request: Request,
    caller: Caller,
    choice: Annotated[CardChoice, Query()],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Propose to seal the quarter."""
    look = Look.of(caller, choice)
    try:
        await seen.propose(request, caller, look.seat.region, look.quarter, reason)
    except Problem as problem:
        if problem.status == 403:
            raise
        return await _work(request, look, problem)
    return _back(look)


@router.post("/work/{what}/{id}")
async def decide(
    request: Request,
    caller: Caller,
    what: Literal["figures", "seals"],
    id: str,
    choice: Annotated[CardChoice, Query()],
    approve: Annotated[bool, Form()] = False,
) -> Response:
    """The second person's word."""
    look = Look.of(caller, choice)
    try:
        await seen.decide(request, caller, f"evaluation_{what}", id_of(id), approve)
    except Problem as problem:
        if problem.status in (403, 404):
            raise
        return await _work(request, look, problem)
    return _back(look)


def paper(card: WholeCard) -> dict[str, Any]:
    """A card as the PDF takes it: texts only."""
    held = plan().set_of(Quarter.parse(card.quarter) or Quarter(2020, 1))
    standing = "暂计" if card.provisional else f"第 {card.revision} 版(已封存)"
    return {
        "title": f"{card.card.region.zh}政治生态评价卡",
        "quarter": f"{card.quarter} · {standing}",
        "foot": f"云睛 · {card.card.region.zh} · {card.quarter} · 截至 {local_time(card.as_of)}",
        "score": shown.score(card.card.score),
        "interval": shown.interval(card.card.low, card.card.high),
        "bands": shown.bands(card.card, plan()).removesuffix(" too little"),
        "change": shown.signed(card.card.change) + (" 超出偶然" if card.card.beyond_chance else ""),
        "notice": card.notice.zh,
        "parts": _parts(card, held),
        "how": [f"{line.indicator} {line.name.zh}:{line.counts.zh}" for line in card.lines],
    }


def _parts(card: WholeCard, held: IndicatorSet) -> list[dict[str, Any]]:
    """The lines of each dimension with what it got; a town's are all of one part without a name."""
    words = held.town_lines if card.card.level == "town" else held.indicators
    parts: dict[str, list[LineShown]] = defaultdict(list)
    for line in card.lines:
        parts["" if card.card.level == "town" else dimension_of(line.indicator)].append(line)
    return [
        {
            "name": held.dimensions[code].zh if code else "",
            "points": f"{sum(line.points for line in lines):.1f} / {sum(line.weight for line in lines):.1f}",
            "rows": [_row(line, words[line.indicator]) for line in lines],
        }
        for code, lines in parts.items()
    ]


def _row(line: LineShown, word: Indicator) -> list[str]:
    got = shown.LEFT_OUT[line.left_out][0] if line.left_out else f"{line.points:.1f} / {line.weight:.1f}"
    values = (shown.amount(line.value, word), shown.amount(line.estimate, word))
    return [f"{line.indicator} {line.name.zh}", shown.counted(line), *values, got]


async def _work(
    request: Request, look: Look, problem: Problem | None = None, typed: str = "", note: str = ""
) -> Response:
    keeps(look.seat.caller, look.seat.region, plan())
    async with db_of(request).begin(Scope.of(look.seat.caller), readonly=True) as conn:
        batches, seals = await store.history(conn, look.seat.county, look.quarter)
    settled = look.quarter.settled_at(plan().settling_working_days)
    values = {"batches": batches, "seals": seals, "settled": settled, "problem": problem, "typed": typed, "note": note}
    return _page(
        "evaluation_work.html", look, names=figures.names(plan()), status=problem.status if problem else 200, **values
    )


def _weights(typed: dict[str, str]) -> dict[str, float]:
    """What was typed as numbers; what is none is -1, which no weight may be."""
    found = {}
    for name, text in typed.items():
        try:
            found[name] = float(text)
        except ValueError:
            found[name] = -1.0
    return found


def _told(look: Look, card: WholeCard) -> set[str]:
    """The lines whose records the reader may be told."""
    held = plan().set_of(look.quarter)
    words = held.town_lines if card.card.level == "town" else held.indicators
    return {name for name, one in words.items() if one.source == "records" and look.seat.sees_records(one.audience)}


def _back(look: Look) -> Response:
    return RedirectResponse(f"/evaluation/work?quarter={look.quarter}&region={look.seat.region}", 303)


def _page(template: str, look: Look, status: int = 200, **values: Any) -> Response:
    running = Quarter.of(look.now)
    held = plan().set_of(look.quarter)
    keeper = any(grant.role in plan().keepers and grant.region == look.seat.region for grant in look.seat.caller.grants)
    common: dict[str, Any] = {
        "caller": look.seat.caller,
        "look": look,
        "query": look.query,
        "plan": plan(),
        "held": held,
        "shown": shown,
        "region": Named.region(look.seat.region),
        "quarters": [running.plus(-ago) for ago in range(6)],
        "keeper": keeper,
    }
    return HTMLResponse(rendered(template, **common | values), status, headers=_PRIVATE)


def _file(content: bytes, media_type: str, name: str) -> Response:
    headers = dict(DOWNLOAD_HEADERS) | {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)
