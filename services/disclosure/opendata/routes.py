"""The interfaces of the open data over the whole county: cases, contracting processes, a village's feed."""

from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.disclosure import errors, village_page
from services.disclosure.answers import answer
from services.disclosure.masking import masks
from services.disclosure.opendata import feed, ocds
from services.disclosure.opendata.limits import within_limits
from services.disclosure.opendata.ocds import Publisher
from services.disclosure.opendata.publication import publication
from services.disclosure.opendata.schemas import (
    OpenCaseFilter,
    OpenCasePage,
    ProcessFilter,
    RecordPackage,
    ReleasePackage,
)
from services.disclosure.packed import Packed
from services.disclosure.policies import store
from services.disclosure.projections import case, open_cases
from services.disclosure.reader import own_url, public
from services.disclosure.schemas import Named
from services.disclosure.vocabulary import vocabulary
from shared import regions
from shared.openapi import problems

router = APIRouter(prefix="/v1", tags=["公开 open data"], dependencies=[Depends(within_limits)])
_JSON = "application/json"
_A_MINUTE = "public, max-age=60"
_LIMITED = problems(errors.TooManyRequests)
_LISTED = problems(errors.BadCursor, errors.TooManyRequests)
_PROCESS = problems(errors.NoSuchProcess, errors.TooManyRequests)
# With fields=case_no,title,state.
_EXAMPLE = {
    "items": [
        {
            "case_no": "330421107201-EN2-2026-0003",
            "title": {"zh": "蒋村村南星桥田间机耕路工程", "en": "Small works by competitive offer"},
            "state": {"code": "running", "zh": "办理中", "en": "Under way"},
        }
    ],
    "next": "MjAyNi0wMy0wMVQwMTo1MDoxMSswMDowMHwwOGE0Y2M5Mg",
}
_CASES = _LISTED | {200: {"model": OpenCasePage, "content": {_JSON: {"example": _EXAMPLE}}}}
Ocid = Annotated[
    str, Path(max_length=90, description="开放合同编号 / the open contracting id", examples=["ocds-000000-…"])
]


@router.get("/cases", summary="全县案件 / List all cases", responses=_CASES)
async def list_open_cases(request: Request, wanted: Annotated[OpenCaseFilter, Query()]) -> Response:
    """Cases of the county, the least recently changed first: page on by `next`, come back with `updated_since`.

    What changes while you page moves to the end and is seen again. Take some minutes of overlap; a case that you have
    and that is no longer answered, or whose `public_until` is over, is no longer public and is to be deleted.
    """
    words = vocabulary()
    wanted.check(words)
    async with public(request) as conn:
        items, after = await open_cases.search(conn, wanted, words)
    chosen = set(wanted.chosen)
    shown = [item.model_dump(mode="json", include=chosen) for item in items]
    return _json(request, {"items": shown, "next": after}, _next_link(request, after))


@router.get(
    "/villages/{code}/feed.atom",
    summary="村动态订阅 / A village's feed",
    response_class=Response,
    responses=problems(errors.BadVillageCode, errors.NoSuchVillage, errors.TooManyRequests)
    | {200: {"content": {feed.MEDIA_TYPE: {}}}},
)
async def read_feed(
    request: Request, code: Annotated[str, Path(description="12 位村代码 / its code", examples=["330421107201"])]
) -> Response:
    """The 50 cases of a village that moved last, and the policies for it, as an Atom feed; a correction is a later
    update of the same entry.

    Without cases of relief: a feed is kept by whoever reads it, and these are public only for a time.
    """
    village, hidden = village_page.check(code), sorted(masks().hidden_unless_sound)
    async with public(request) as conn:
        cases = await open_cases.latest(conn, village, hidden)
        policies = await store.published(conn, village)
    body = feed.feed(Named.region(village), cases, policies, own_url(request), vocabulary(), publication())
    return answer(request, Packed.of(body), f"{feed.MEDIA_TYPE}; charset=utf-8", keep=_A_MINUTE)


@router.get(
    "/policies/feed.atom",
    summary="惠民政策订阅 / The feed of policies",
    response_class=Response,
    responses=_LIMITED | {200: {"content": {feed.MEDIA_TYPE: {}}}},
)
async def read_policy_feed(request: Request) -> Response:
    """The 50 policies of the county, its towns and villages that were published or withdrawn last, as an Atom feed."""
    async with public(request) as conn:
        policies = await store.all_published(conn)
    body = feed.policy_feed(Named.region(regions.COUNTY), policies, own_url(request), publication())
    return answer(request, Packed.of(body), f"{feed.MEDIA_TYPE}; charset=utf-8", keep=_A_MINUTE)


@router.get("/ocds/records", summary="OCDS 记录 / Records", responses=_LISTED | {200: {"model": RecordPackage}})
async def list_records(request: Request, wanted: Annotated[ProcessFilter, Query()]) -> Response:
    """Purchases and works as an OCDS 1.1 record package: each as it stands, with links to its releases."""
    publisher = _publisher(request)
    told, links = await _processes(request, wanted)
    records = [record for each, changes in told if (record := publisher.record(each, changes))]
    return _json(request, publisher.record_package(_here(request), records, **links), links.get("next"))


@router.get("/ocds/releases", summary="OCDS 发布 / Releases", responses=_LISTED | {200: {"model": ReleasePackage}})
async def list_releases(request: Request, wanted: Annotated[ProcessFilter, Query()]) -> Response:
    """Purchases and works as an OCDS 1.1 release package: all releases of each of the processes of this page."""
    publisher = _publisher(request)
    told, links = await _processes(request, wanted)
    releases = [release for each, changes in told for release in publisher.releases(each, changes)]
    return _json(request, publisher.release_package(_here(request), releases, **links), links.get("next"))


@router.get(
    "/ocds/processes/{ocid}/releases",
    summary="一个过程的发布 / Releases of a process",
    responses=_PROCESS | {200: {"model": ReleasePackage}},
)
async def show_releases(request: Request, ocid: Ocid) -> Response:
    """All releases of one contracting process; a resolved change of its contract is an amendment."""
    publisher = _publisher(request)
    found, changes = await _process(request, ocid)
    return _json(request, publisher.release_package(_here(request), publisher.releases(found, changes)))


@router.get(
    "/ocds/processes/{ocid}/record",
    summary="一个过程的记录 / The record of a process",
    responses=_PROCESS | {200: {"model": RecordPackage}},
)
async def show_record(request: Request, ocid: Ocid) -> Response:
    """One contracting process as it stands, with links to its releases."""
    publisher = _publisher(request)
    found, changes = await _process(request, ocid)
    record = publisher.record(found, changes)
    return _json(request, publisher.record_package(_here(request), [record] if record else []))


async def _processes(request: Request, wanted: ProcessFilter) -> tuple[list[Any], dict[str, str]]:
    wanted.check(vocabulary())
    async with public(request) as conn:
        cases, after = await open_cases.processes(conn, wanted, sorted(ocds.mapped().matters))
        changes = await open_cases.changes(conn, cases, masks())
    following = _next_link(request, after)
    return [(each, changes.get(each.case_id, [])) for each in cases], {"next": following} if following else {}


async def _process(request: Request, ocid: str) -> tuple[Any, Any]:
    id = ocds.case_id(ocid, publication())
    try:
        async with public(request) as conn:
            found = await case.find(conn, id or "")
            changes = await open_cases.changes(conn, [found], masks())
    except (errors.NoSuchCase, errors.BadCaseNumber) as error:
        raise _no_process() from error
    if not ocds.is_process(found):
        raise _no_process()
    return found, changes.get(found.case_id, [])


def _no_process() -> errors.NoSuchProcess:
    return errors.NoSuchProcess("没有公开的采购或工程用这个 ocid", "No public purchase or works has this ocid")


def _publisher(request: Request) -> Publisher:
    return Publisher(masks(), vocabulary(), publication(), own_url(request))


def _here(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{own_url(request)}{request.url.path}{query}"


def _next_link(request: Request, after: str | None) -> str | None:
    if after is None:
        return None
    query = urlencode([*((k, v) for k, v in request.query_params.multi_items() if k != "after"), ("after", after)])
    return f"{own_url(request)}{request.url.path}?{query}"


def _json(request: Request, body: dict[str, Any], following: str | None = None) -> Response:
    made = answer(request, Packed.of(orjson.dumps(body)), _JSON, keep=_A_MINUTE)
    if following:
        made.headers["link"] = f'<{following}>; rel="next"'
    return made
