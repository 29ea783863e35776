"""The open data of disclosure under /v1: for anybody, without an account."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from services.disclosure import errors, qr, villages
from services.disclosure.answers import answer
from services.disclosure.cache import VillageCache
from services.disclosure.case_view import CaseView
from services.disclosure.projections import case, village
from services.disclosure.schemas import CaseFilter, CasePage, County, VillagePage
from shared.db import Database, Scope
from shared.openapi import problems
from shared.settings import Settings

router = APIRouter(prefix="/v1", tags=["公开 open data"])
_JSON = "application/json"
_A_DAY = "public, max-age=86400"
VillageCode = Annotated[str, Path(description="12 位村代码 / the village's code", examples=["330421107201"])]
_VILLAGE = problems(errors.BadVillageCode, errors.NoSuchVillage)


@router.get("/villages", summary="村列表 / List villages", responses={200: {"model": County}})
async def list_villages(request: Request) -> Response:
    """All villages by town, with the number of their cases."""
    async with _db(request).begin(Scope.public(), readonly=True) as conn:
        return _json(request, await village.county(conn))


@router.get("/villages/{code}", summary="村公开页 / Read a village", responses=_VILLAGE | {200: {"model": VillagePage}})
async def show_village(request: Request, code: VillageCode) -> Response:
    """One village: cases by matter, notices that run now, the latest moved cases, the number of alerts."""
    cache: VillageCache = request.app.state.villages
    page = await cache.read(code)
    return answer(request, page.body, _JSON, tag=page.etag)


@router.get(
    "/villages/{code}/cases", summary="村事项列表 / List cases", responses=_VILLAGE | {200: {"model": CasePage}}
)
async def list_cases(request: Request, code: VillageCode, wanted: Annotated[CaseFilter, Query()]) -> Response:
    """The cases of a village, the latest moved first."""
    async with _db(request).begin(Scope.public(), readonly=True) as conn:
        items, after = await case.search(conn, villages.check(code), wanted)
    return _json(request, CasePage(items=tuple(items), next=after))


@router.get(
    "/villages/{code}/qr.svg",
    summary="二维码图 / QR code as a drawing",
    response_class=Response,
    responses=_VILLAGE | {200: {"content": {"image/svg+xml": {}}}},
)
async def draw_svg(request: Request, code: VillageCode) -> Response:
    """The QR code of the village's page, as a drawing."""
    return answer(request, qr.draw(_page_url(request, code), "svg"), "image/svg+xml", keep=_A_DAY)


@router.get(
    "/villages/{code}/qr.png",
    summary="二维码图片 / QR code as a picture",
    response_class=Response,
    responses=_VILLAGE | {200: {"content": {"image/png": {}}}},
)
async def draw_png(request: Request, code: VillageCode) -> Response:
    """The QR code of the village's page, as a picture."""
    return answer(request, qr.draw(_page_url(request, code), "png"), "image/png", keep=_A_DAY)


@router.get(
    "/cases/{key}",
    summary="事项详情 / Read a case",
    responses=problems(errors.BadCaseNumber, errors.NoSuchCase) | {200: {"model": CaseView}},
)
async def show_case(
    request: Request, key: Annotated[str, Path(description="事项编号 / the case's number or id")]
) -> Response:
    """One case by its id or number, with its whole history."""
    async with _db(request).begin(Scope.public(), readonly=True) as conn:
        found = await case.find(conn, key)
    return _json(request, CaseView.at(found, datetime.now(UTC)))


def _json(request: Request, body: BaseModel) -> Response:
    return answer(request, body.model_dump_json().encode(), _JSON)


def _page_url(request: Request, code: str) -> str:
    settings: Settings = request.app.state.settings
    return f"{settings.disclosure_url.rstrip('/')}/villages/{villages.check(code)}"


def _db(request: Request) -> Database:
    db: Database = request.app.state.db
    return db
