"""The open data of disclosure under /v1: for anybody, without an account."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from services.disclosure import errors, qr, village_page
from services.disclosure.answers import answer
from services.disclosure.case_view import CaseView, Lines, lines_of
from services.disclosure.masking import masks
from services.disclosure.notice import Notice
from services.disclosure.notice import printed as printed_notice
from services.disclosure.poster import Paper, posters, sign
from services.disclosure.projections import case, village
from services.disclosure.proof.routes import signer_of
from services.disclosure.reader import page_address, public, village_cache
from services.disclosure.schemas import CaseFilter, CaseLinks, CasePage, County, VillagePage
from services.disclosure.vocabulary import vocabulary
from shared import regions
from shared.openapi import problems
from shared.pdf import NoChineseFont
from shared.web import settings_of

router = APIRouter(prefix="/v1", tags=["公开 open data"])
_JSON = "application/json"
_A_DAY = "public, max-age=86400"
VillageCode = Annotated[str, Path(description="12 位村代码 / the village's code", examples=["330421107201"])]
_VILLAGE = problems(errors.BadVillageCode, errors.NoSuchVillage)


@router.get("/villages", summary="村列表 / List villages", responses={200: {"model": County}})
async def list_villages(request: Request) -> Response:
    """All villages by town, with the number of their cases."""
    async with public(request) as conn:
        return _json(request, await village.county(conn))


@router.get("/villages/{code}", summary="村公开页 / Read a village", responses=_VILLAGE | {200: {"model": VillagePage}})
async def show_village(request: Request, code: VillageCode) -> Response:
    """One village: cases by matter, what ends its notice next, the latest moved cases, alerts of the last year."""
    return answer(request, (await village_cache(request).read(code)).body, _JSON)


@router.get(
    "/villages/{code}/cases", summary="村案件列表 / List cases", responses=_VILLAGE | {200: {"model": CasePage}}
)
async def list_cases(request: Request, code: VillageCode, wanted: Annotated[CaseFilter, Query()]) -> Response:
    """The cases of a village, the latest moved first."""
    async with public(request) as conn:
        items, after = await case.search(conn, village_page.check(code), wanted)
    return _json(request, CasePage(items=tuple(items), next=after))


@router.get(
    "/villages/{code}/qr.svg",
    summary="二维码图 / QR code as a drawing",
    response_class=Response,
    responses=_VILLAGE | {200: {"content": {"image/svg+xml": {}}}},
)
async def draw_svg(request: Request, code: VillageCode) -> Response:
    """The QR code of the village's page, as a drawing."""
    return answer(request, qr.draw(page_address(request, code), "svg"), "image/svg+xml", keep=_A_DAY)


@router.get(
    "/villages/{code}/qr.png",
    summary="二维码图片 / QR code as a picture",
    response_class=Response,
    responses=_VILLAGE | {200: {"content": {"image/png": {}}}},
)
async def draw_png(request: Request, code: VillageCode) -> Response:
    """The QR code of the village's page, as a picture."""
    return answer(request, qr.draw(page_address(request, code), "png"), "image/png", keep=_A_DAY)


@router.get(
    "/villages/{code}/poster.pdf",
    summary="村码海报 / The village's poster to print",
    response_class=Response,
    responses=_VILLAGE | problems(NoChineseFont) | {200: {"content": {"application/pdf": {}}}},
)
async def give_poster(request: Request, code: VillageCode, paper: Paper = "a4") -> Response:
    """A4 or A3 for the notice board: the village's code and address, and the key of the log of disclosed papers."""
    return await _posters(request, [village_page.check(code)], paper)


@router.get(
    "/towns/{code}/posters.pdf",
    summary="全镇海报 / The posters of all villages of a town",
    response_class=Response,
    responses=problems(errors.NoSuchTown, NoChineseFont) | {200: {"content": {"application/pdf": {}}}},
)
async def give_posters(
    request: Request,
    code: Annotated[str, Path(description="12 位镇代码 / the town's code", examples=["330421107000"])],
    paper: Paper = "a4",
) -> Response:
    """The posters of all villages of a town, one a page."""
    if code not in {town.code for town in regions.towns()}:
        raise errors.NoSuchTown(f"本县没有代码为 {code} 的镇", f"No town of this county has the code {code}")
    return await _posters(request, [each.code for each in regions.villages(code)], paper)


@router.get(
    "/villages/{code}/sign.svg",
    summary="村码标牌 / The village's code with its name, for sign makers",
    response_class=Response,
    responses=_VILLAGE | {200: {"content": {"image/svg+xml": {}}}},
)
async def draw_sign(request: Request, code: VillageCode) -> Response:
    """The QR code above the village's name, as one drawing of any size."""
    return answer(request, sign(code, page_address(request, code)), "image/svg+xml", keep=_A_DAY)


@router.get(
    "/cases/{key}",
    summary="案件详情 / Read a case",
    responses=problems(errors.BadCaseNumber, errors.NoSuchCase, errors.SeveralCases)
    | {200: {"model": CaseView}, 307: {"description": "按编号找到一个案件 / the one case of this number"}},
)
async def show_case(
    request: Request,
    key: Annotated[str, Path(description="案件的 id;编号只指一个案件时转到它 / the id; a number leads to it")],
) -> Response:
    """One case by its id, with its whole history. A number that one case has leads there."""
    async with public(request) as conn:
        case_id = await case.identify(conn, key)
        if case_id != key:
            return RedirectResponse(CaseLinks.of(case_id).data)
        found = await case.find(conn, case_id)
    return _json(request, CaseView.at(found, datetime.now(UTC), masks(), vocabulary()))


@router.get(
    "/cases/{case_id}/notice.pdf",
    summary="公示打印件 / The notice of a case to print",
    response_class=Response,
    responses=problems(errors.BadCaseNumber, errors.NoSuchCase, errors.NoSuchNotice, NoChineseFont)
    | {200: {"content": {"application/pdf": {}}}},
)
async def give_notice(
    request: Request,
    case_id: Annotated[str, Path(description="案件的 id / the case's id")],
    node: Annotated[str | None, Query(max_length=40, description="公示节点,默认最近一次 / the latest if none")] = None,
) -> Response:
    """A4: what was decided, for how much, with whom, from when to when, and how to object."""
    async with public(request) as conn:
        found = await case.find(conn, case_id)
    paper = Notice.of(found, node, masks(), vocabulary())
    body = await printed_notice(paper, page_address(request, found.village_code), settings_of(request).fonts_dir)
    return Response(body, media_type="application/pdf", headers={"cache-control": "public, max-age=1"})


@router.get(
    "/cases/{case_id}/{sequence}/{name}",
    summary="案件明细 / Read a list of a case",
    responses=problems(errors.BadCaseNumber, errors.NoSuchCase, errors.NoSuchList) | {200: {"model": Lines}},
)
async def show_lines(
    request: Request,
    case_id: Annotated[str, Path(description="案件的 id / the case's id")],
    sequence: Annotated[int, Path(ge=1, le=2**31 - 1, description="第几次办理 / the entry's sequence")],
    name: Annotated[str, Path(max_length=60, description="字段 / the field: workers, bids")],
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Response:
    """Lines of a wage sheet or of bids, page by page."""
    async with public(request) as conn:
        found = await case.find(conn, case_id)
    return _json(request, lines_of(found, sequence, name, offset, limit, masks(), vocabulary()))


async def _posters(request: Request, villages: list[str], paper: Paper) -> Response:
    addresses = {code: page_address(request, code) for code in villages}
    body = await posters(addresses, signer_of(request).verifier, settings_of(request).fonts_dir, paper)
    return Response(body, media_type="application/pdf", headers={"cache-control": _A_DAY})


def _json(request: Request, body: BaseModel) -> Response:
    return answer(request, body.model_dump_json().encode(), _JSON)
