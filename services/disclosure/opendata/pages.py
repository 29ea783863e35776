"""The page of the open data (开放数据), its catalogue, and its files."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response

from services.disclosure import errors
from services.disclosure.answers import answer
from services.disclosure.opendata import catalogue, served
from services.disclosure.opendata.limits import within_limits
from services.disclosure.opendata.publication import publication
from services.disclosure.pages import rendered
from services.disclosure.projections import downloads
from services.disclosure.reader import own_url, public
from shared import regions
from shared.openapi import problems

router = APIRouter(tags=["公开 open data"])
_A_MINUTE = "public, max-age=60"
_FILE = problems(errors.NoSuchFile, errors.NoSuchRange, errors.TooManyRequests)
FileName = Annotated[str, Path(max_length=60, description="文件名 / its name", examples=["cases.csv"])]


@router.get("/data", include_in_schema=False)
async def show_data(request: Request) -> Response:
    """What open data there is, for people."""
    async with public(request) as conn:
        files = await downloads.listed(conn)
    body = rendered(
        "data.html",
        county=regions.region(regions.COUNTY),
        datasets=catalogue.datasets(files),
        terms=publication(),
        url=own_url(request),
    )
    return answer(request, body, "text/html; charset=utf-8", keep=_A_MINUTE)


@router.get(
    "/data/catalog.jsonld",
    summary="数据目录 / Catalogue",
    response_class=Response,
    responses={200: {"content": {"application/ld+json": {}}}},
)
async def show_catalogue(request: Request) -> Response:
    """All datasets and files as a DCAT catalogue (JSON-LD)."""
    async with public(request) as conn:
        files = await downloads.listed(conn)
    body = orjson.dumps(catalogue.document(files, own_url(request), publication()))
    return answer(request, body, "application/ld+json", keep=_A_MINUTE)


@router.get(
    "/data/files/{name}",
    summary="下载文件 / Download a file",
    response_class=Response,
    dependencies=[Depends(within_limits)],
    responses=_FILE
    | {
        200: {"description": "整个文件 / the whole file", "content": {"text/csv": {}, "application/octet-stream": {}}},
        206: {"description": "所要的一段 / the range that was asked for"},
        304: {"description": "没有变化 / not changed"},
    },
)
@router.head("/data/files/{name}", include_in_schema=False, dependencies=[Depends(within_limits)])
async def download(request: Request, name: FileName) -> Response:
    """A file as it was made last: CSV (UTF-8), XLSX, or OCDS packages as gzipped JSON. Ranges can be asked for."""
    async with public(request) as conn:
        codings = await downloads.find(conn, name.replace("\0", ""))
    if "" not in codings:
        raise errors.NoSuchFile("没有这个文件,见 /data", "There is no such file, see /data")
    return served.answer(request, codings)
