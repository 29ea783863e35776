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
from services.disclosure.poster import poster
from services.disclosure.projections import case, village
from services.disclosure.proof.routes import signer_of
from services.disclosure.reader import page_address, public, village_cache
from services.disclosure.schemas import CaseFilter, CaseLinks, CasePage, County, VillagePage
from services.disclosure.vocabulary import vocabulary
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
async def give_poster(request: Request, code: VillageCode) -> Response:
    """A4 for the notice board: the village's code and address, and the key of the log of disclosed papers."""
    address = page_address(request, code)
    body = await poster(code, address, signer_of(request).verifier, settings_of(request).fonts_dir)
    return Response(body, media_type="application/pdf", headers={"cache-control": _A_DAY})


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


def _json(request: Request, body: BaseModel) -> Response:
    return answer(request, body.model_dump_json().encode(), _JSON)
