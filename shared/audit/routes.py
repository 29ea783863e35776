"""The audit log over REST: for auditors, and for the discipline secretaries above. Each service has its own log."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse

from shared.audit import errors, export, record, search
from shared.audit.schemas import AuditEntry, AuditExport, AuditPage, AuditQuery, Verification
from shared.audit.watch import Watch
from shared.auth import Caller, require
from shared.db import Database, Scope
from shared.openapi import problems
from shared.principals import Principal
from shared.web import db_of

READERS = ("auditor", "county_secretary", "city_secretary")
router = APIRouter(prefix="/v1/audit", tags=["审计 audit"])
EntryId = Annotated[int, Path(ge=1, le=2**63 - 1, description="记录编号 / the entry's id")]


@router.get("", summary="审计记录 / List audit entries", responses=problems(errors.BadAuditCursor))
async def list_audit_entries(request: Request, caller: Caller, wanted: Annotated[AuditQuery, Query()]) -> AuditPage:
    """Who saw, changed or exported what in the caller's regions, the latest first."""
    require(caller, *READERS)
    return await read(db_of(request), caller, wanted)


@router.get(
    "/export",
    summary="导出审计记录 / Export audit entries",
    response_class=StreamingResponse,
    responses={200: {"content": {media: {} for media in export.MEDIA.values()}}},
)
async def export_audit_entries(
    request: Request, caller: Caller, wanted: Annotated[AuditExport, Query()]
) -> StreamingResponse:
    """The entries of the caller's regions as CSV or NDJSON, in their order. The export is an entry of its own."""
    require(caller, *READERS)
    db, scope = db_of(request), Scope.of(caller)
    async with db.begin(scope) as conn:
        await record(conn, caller, "audit.exported", "audit", wanted.told() | {"format": wanted.format})
        upto = await search.last(conn)
    name = f"audit-{db.schema}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{wanted.format}"
    return StreamingResponse(
        export.lines(db, scope, wanted, upto=upto),
        media_type=export.MEDIA[wanted.format],
        headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
    )


@router.get("/verification", summary="审计链核对结果 / Read the last verification")
async def show_audit_verification(request: Request, caller: Caller) -> Verification | None:
    """What the last check of the whole chain came to; null before the first, a minute after the service's start."""
    require(caller, *READERS)
    return watch_of(request).last


@router.post("/verification", summary="核对审计链 / Verify the chain", responses=problems(errors.NotChecked))
async def verify_audit_log(request: Request, caller: Caller) -> Verification:
    """Check the whole chain of this service now: against itself, and against the heads that were published."""
    require(caller, *READERS)
    return await verify(request, caller)


@router.get("/{id}", summary="审计记录详情 / Read an audit entry", responses=problems(errors.NoSuchEntry))
async def show_audit_entry(request: Request, caller: Caller, id: EntryId) -> AuditEntry:
    """One entry."""
    require(caller, *READERS)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        return await search.entry(conn, id)


async def read(db: Database, caller: Principal, wanted: AuditQuery) -> AuditPage:
    """A page of the log; that it was read is an entry too, once an hour."""
    async with db.begin(Scope.of(caller)) as conn:
        await record(conn, caller, "audit.viewed", "audit", hourly=True)
        return await search.page(conn, wanted)


async def verify(request: Request, caller: Principal) -> Verification:
    """Check now, and note who asked and what it came to."""
    found = await watch_of(request).look()
    async with db_of(request).begin(Scope.of(caller)) as conn:
        await record(conn, caller, "audit.verified", "audit", {"entries": found.entries, "sound": found.sound})
    return found


def watch_of(request: Request) -> Watch:
    """The service's own check."""
    watch: Watch = request.app.state.audit_watch
    return watch
