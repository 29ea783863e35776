"""The public pages: choose a village, its page behind the QR code, all its cases, one case with its history."""

import pathlib
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from services.disclosure import desk, village_page
from services.disclosure.answers import answer
from services.disclosure.appeals.plan import plan
from services.disclosure.case_view import SHOWN_LINES, CaseView, ShownField, lines_of
from services.disclosure.cases import State
from services.disclosure.countdown import Countdown
from services.disclosure.finding import matching
from services.disclosure.masking import masks
from services.disclosure.money import money_of
from services.disclosure.notice import Notice
from services.disclosure.packed import Packed
from services.disclosure.projections import case, village
from services.disclosure.reader import page_address, public, village_cache
from services.disclosure.schemas import CaseFilter, CaseLinks, Named
from services.disclosure.vocabulary import vocabulary
from shared import web
from shared.contracts.power import Matter
from shared.formats import number
from shared.workdays import SHANGHAI

router = APIRouter(include_in_schema=False)
_templates = web.templates(pathlib.Path(__file__).parent)
_PAGE = 30
_FACTS = ("location", "supplier_name", "relief_fen")
_A_MOMENT = timedelta(microseconds=1)


@router.get("/")
async def choose_village(request: Request, q: Annotated[str, Query(max_length=100)] = "") -> Response:
    """All villages by town, or those whose name holds some words, in Chinese, English or pinyin."""
    async with public(request) as conn:
        county = await village.county(conn)
    return _page(request, "home.html", county=county.county, towns=matching(county.towns, q), q=q.strip())


@router.get("/villages/{code}")
async def show_village(request: Request, code: str) -> Response:
    """One village, one code: what is under way, on notice and done."""
    cache, address = village_cache(request), page_address(request, code)
    found, said, held = await cache.read(code), await cache.opinions(code), await cache.policies(code)
    now = datetime.now(UTC)

    def render() -> bytes:
        policies = held.on(now.astimezone(SHANGHAI).date())
        values = {"opinions": said.opinions, "kinds": plan().kinds, "policies": policies, "address": address}
        return rendered("village.html", page=found.page, **values)

    content = found.body.plain_etag + said.tag + held.tag
    return _answer(request, cache.html(code, content, now, render))


@router.get("/villages/{code}/cases")
async def list_cases(
    request: Request,
    code: str,
    matter: Annotated[Matter | Literal[""], Query()] = "",
    state: Annotated[State | Literal[""], Query()] = "",
    on_notice: Annotated[bool, Query()] = False,
    q: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[str | None, Query(max_length=300)] = None,
) -> Response:
    """All cases of a village, by matter, state and words."""
    village_page.check(code)
    wanted = CaseFilter(
        matter=matter or None, state=state or None, on_notice=on_notice, q=q or None, after=after, limit=_PAGE
    )
    async with public(request) as conn:
        items, following = await case.search(conn, code, wanted)
    return _page(
        request,
        "cases.html",
        page=(await village_cache(request).read(code)).page,
        cases=items,
        next=following,
        chosen={"matter": matter, "state": state, "on_notice": "true" if on_notice else "", "q": q},
        first=after is None,
        words=vocabulary(),
    )


@router.get("/cases/{key}")
async def show_case(request: Request, key: str) -> Response:
    """One case: where it stands, and what was done when by which role with which papers."""
    async with public(request) as conn:
        case_id = await case.identify(conn, key)
        if case_id != key:
            return RedirectResponse(CaseLinks.of(case_id).page)
        found = await case.find(conn, case_id)
    view = CaseView.at(found, datetime.now(UTC), masks(), vocabulary())
    return _page(
        request, "case.html", case=view, facts=_facts(view), money=money_of(view.history), noticed=bool(found.notices)
    )


@router.get("/cases/{case_id}/notice")
async def show_notice(
    request: Request, case_id: str, node: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
    """The notice of a case to print, whether it runs or ran."""
    async with public(request) as conn:
        found = await case.find(conn, case_id)
    paper = Notice.of(found, node, masks(), vocabulary())
    return _page(request, "notice.html", notice=paper, address=page_address(request, found.village_code))


@router.get("/cases/{case_id}/{sequence}/{name}")
async def show_lines(
    request: Request,
    case_id: str,
    sequence: Annotated[int, Path(ge=1, le=2**31 - 1)],
    name: Annotated[str, Path(max_length=60)],
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """A wage sheet or bids, page by page."""
    async with public(request) as conn:
        found = await case.find(conn, case_id)
    lines = lines_of(found, sequence, name, offset, SHOWN_LINES, masks(), vocabulary())
    view = CaseView.at(found, datetime.now(UTC), masks(), vocabulary())
    return _page(request, "lines.html", case=view, list=lines, here=f"/cases/{case_id}/{sequence}/{name}")


def _facts(view: CaseView) -> list[ShownField]:
    """What people look for first: the last word on place, firm and relief."""
    last = {field.name: field for entry in view.history for field in entry.fields}
    return [last[name] for name in _FACTS if name in last]


def _page(request: Request, name: str, **values: Any) -> Response:
    return _answer(request, rendered(name, **values))


def rendered(name: str, **values: Any) -> bytes:
    """A page from its template."""
    return _templates.get_template(name).render(**values).encode()


def _answer(request: Request, body: bytes | Packed) -> Response:
    return answer(request, body, "text/html; charset=utf-8")


def _countdown(ends_at: datetime) -> Countdown:
    return Countdown.until(ends_at, datetime.now(UTC))


def _last_minute(ends_at: datetime) -> str:
    """The last minute of a notice: one that ends at midnight runs to 24:00 of the day before."""
    end = ends_at.astimezone(SHANGHAI)
    return f"{_last_day(ends_at)} 24:00" if (end.hour, end.minute) == (0, 0) else f"{end:%Y-%m-%d %H:%M}"


def _last_day(ends_at: datetime) -> str:
    return (ends_at.astimezone(SHANGHAI) - _A_MOMENT).date().isoformat()


def _size(count: int) -> str:
    """Bytes as people read them: 1234567 -> `1.2 MB`."""
    for power, unit in ((3, "GB"), (2, "MB"), (1, "KB")):
        if count >= 1000**power:
            return f"{count / 1000**power:.1f} {unit}"
    return f"{count} B"


def _combined(chosen: dict[str, str], **over: str) -> dict[str, str]:
    return {name: value for name, value in (chosen | over).items() if value}


_templates.env.filters.update(
    countdown=_countdown, last_minute=_last_minute, last_day=_last_day, combined=_combined, number=number, size=_size
)
_templates.env.globals.update(desks=desk.open_to, region=Named.region)
