"""The pages of those who bring records in: upload, the columns as they are read, what must be mended, the result."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData, UploadFile

from services.approval import flows
from services.approval.database import Db
from services.approval.imports import jobs, mappings, uploads
from services.approval.imports.columns import FIELDS, OF_NODE, called, columns, targets
from services.approval.imports.job_routes import found, keep, worker_of
from services.approval.imports.jobs import Job, Wish
from services.approval.imports.mapping import Mapping
from services.approval.imports.routes import IMPORTERS, sized
from services.approval.imports.schemas import MappingRequest
from services.approval.imports.worker import file_of
from shared import audit, forms, regions
from shared.auth import Caller, require
from shared.db import Connection, Scope
from shared.headers import IGNORED
from shared.principals import Principal
from shared.problems import FieldError, InvalidInput, Problem
from shared.regions import Region
from shared.web import settings_of, templates

router = APIRouter(prefix="/imports", include_in_schema=False)
_templates = templates(Path(__file__).parent.parent)
_REFRESH_SECONDS = "3"
_JOBS = 50
_FAULTS = 100
_UNITS = {"yuan": "元 yuan", "wan": "万元 ten thousand", "qian": "千元 thousand", "fen": "分 fen"}
_WISHES: dict[str, Wish] = {"look": "look", "all": "all", "good": "good"}


@router.get("")
async def imports_page(request: Request, db: Db, caller: Caller) -> Response:
    """The form of an upload, and the newest imports."""
    return await _imports(request, db, caller)


@router.post("", dependencies=[Depends(sized)])
async def upload(request: Request, db: Db, caller: Caller) -> Response:
    """Take a file in, or show the form again with what must be mended."""
    form = await request.form(max_files=1, max_fields=20)
    typed = {name: text for name, text in form.items() if isinstance(text, str)}
    try:
        job = await _upload(request, db, caller, form, typed)
    except Problem as problem:
        return await _imports(request, db, caller, problem, typed)
    worker_of(request).wake()
    return _to(job.job_id)


@router.get("/{job_id}")
async def import_page(
    request: Request, db: Db, caller: Caller, job_id: UUID, after: Annotated[int, Query(ge=0, le=2**62)] = 0
) -> Response:
    """How far an import is; its columns, its faults, what may be done with it. It renews itself while it is worked."""
    return await _import(request, db, caller, job_id, after)


@router.post("/{job_id}/take")
async def take(request: Request, db: Db, caller: Caller, job_id: UUID) -> Response:
    """Take it over, whole or its good rows."""
    good = (await request.form(max_files=0, max_fields=5)).get("good_rows_only") == "yes"
    try:
        async with db.begin(Scope.of(caller)) as conn:
            await found(conn, caller, job_id)
            job = await jobs.lock(conn, job_id)
            await jobs.take_over(conn, job, good_rows_only=good)
            told = {"good_rows_only": good, "rows": job.rows, "faults": job.faults}
            await audit.record(conn, caller, "case.imported", f"import:{job_id}", told, region=job.region_code)
    except Problem as problem:
        return await _import(request, db, caller, job_id, problem=problem)
    worker_of(request).wake()
    return _to(job_id)


@router.post("/{job_id}/map")
async def map_columns(request: Request, db: Db, caller: Caller, job_id: UUID) -> Response:
    """Read the file anew by the columns as chosen, and keep them by name when one is given."""
    form = await request.form(max_files=0, max_fields=2000)
    typed = {name: text for name, text in form.items() if isinstance(text, str)}
    try:
        async with db.begin(Scope.of(caller)) as conn:
            await found(conn, caller, job_id)
            job = await jobs.lock(conn, job_id)
            mapping = _chosen(job, typed)
            mapping.check(flows.load())
            called_now = await _keep_named(conn, caller, job, mapping, typed.get("name", "").strip())
            await audit.record(conn, caller, "import.mapped", f"import:{job_id}", region=job.region_code)
            await jobs.read_anew(conn, job, mapping, called_now)
    except Problem as problem:
        return await _import(request, db, caller, job_id, problem=problem)
    worker_of(request).wake()
    return _to(job_id)


@router.post("/{job_id}/cancel")
async def cancel(request: Request, db: Db, caller: Caller, job_id: UUID) -> Response:
    """End it."""
    try:
        async with db.begin(Scope.of(caller)) as conn:
            await found(conn, caller, job_id)
            job = await jobs.lock(conn, job_id)
            await audit.record(conn, caller, "import.cancelled", f"import:{job_id}", region=job.region_code)
            await jobs.cancel(conn, job)
    except Problem as problem:
        return await _import(request, db, caller, job_id, problem=problem)
    file_of(settings_of(request).data_dir, job_id).unlink(missing_ok=True)
    return _to(job_id)


async def _upload(request: Request, db: Db, caller: Principal, form: FormData, typed: dict[str, str]) -> Job:
    region, file = typed.get("region_code", ""), form.get("file")
    uploads.check_region(region)
    require(caller, *IMPORTERS, region=region)
    if not isinstance(file, UploadFile) or not file.filename:
        raise InvalidInput("请选择文件", "Choose a file", [FieldError("file", "请选择文件", "Choose a file")])
    kept = await uploads.keep(settings_of(request).data_dir, file)
    try:
        async with db.begin(Scope.of(caller)) as conn:
            mapping, named = await uploads.mapping_of(
                conn, typed.get("mapping") or None, typed.get("flow", "")[:8], typed.get("node", "")[:12], flows.load()
            )
            wish = _WISHES.get(typed.get("wish", ""), "look")
            return await uploads.note(conn, kept, caller, region=region, mapping=mapping, mapping_name=named, wish=wish)
    except BaseException:
        kept.path.unlink(missing_ok=True)
        raise


def _chosen(job: Job, typed: dict[str, str]) -> Mapping:
    """The job's mapping with the columns, units, flow and node as chosen on the page."""
    before = Mapping.model_validate(job.mapping)
    chosen, units = dict(before.columns), dict(before.units)
    for at, sheet in enumerate(job.sheets):
        for number, column in enumerate(sheet["columns"]):
            target, unit = typed.get(f"target.{at}.{number}", ""), typed.get(f"unit.{at}.{number}", "")
            if target and target != column["target"]:
                chosen[column["title"]] = target
            if unit in _UNITS and unit != column["unit"]:
                units[column["title"]] = unit  # type: ignore[assignment]  # it is among them
    told = before.model_dump() | {"columns": chosen, "units": units}
    told |= {name: typed[name] for name in ("flow", "node") if typed.get(name)}
    told["sheets"] |= {sheet["name"]: rule for at, sheet in enumerate(job.sheets) if (rule := _rule(typed, at))}
    return forms.read(Mapping, told)


def _rule(typed: dict[str, str], at: int) -> dict[str, Any] | None:
    """What was chosen for a sheet as a whole; none where the page didn't ask."""
    if f"rule.{at}" not in typed:
        return None
    told = {name: typed.get(f"{name}.{at}", "") for name in ("flow", "node")}
    return {**told, "skip": f"skip.{at}" in typed}


async def _keep_named(conn: Connection, caller: Principal, job: Job, mapping: Mapping, name: str) -> str | None:
    if not name:
        return None
    wanted = forms.read(MappingRequest, {"name": name, "region_code": job.region_code, "mapping": mapping})
    named = await keep(conn, caller, wanted.name, job.region_code, mapping)
    return f"{named.name} v{named.version}"


async def _imports(
    request: Request, db: Db, caller: Principal, problem: Problem | None = None, typed: dict[str, str] | None = None
) -> Response:
    require(caller, *IMPORTERS)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        newest = [job for job in await jobs.newest(conn, _JOBS) if _may(caller, job.region_code)]
        named = await mappings.newest(conn, 200)
    return _page(
        request, "imports.html", caller, problem, jobs=newest, mappings=named, places=_places(caller), typed=typed or {}
    )


async def _import(
    request: Request, db: Db, caller: Principal, job_id: UUID, after: int = 0, problem: Problem | None = None
) -> Response:
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        job = await found(conn, caller, job_id)
        faults = await jobs.faults_of(conn, job_id, after=after, limit=_FAULTS)
    answer = _page(
        request,
        "import.html",
        caller,
        problem,
        job=job,
        faults=[fault for _, fault in faults],
        after=after,
        following=faults[-1][0] if len(faults) == _FAULTS else None,
        choices=_choices(targets()),
        of_nodes={sheet["flow"]: _choices(_of_nodes(sheet["flow"])) for sheet in job.sheets},
        called=_called,
        needed=columns().own,
        units=_UNITS,
        ignored=IGNORED,
        mapping=Mapping.model_validate(job.mapping),
        most_faults=jobs.MOST_FAULTS,
    )
    if not job.resting:
        answer.headers["refresh"] = _REFRESH_SECONDS
    return answer


def _choices(some: Iterable[str]) -> list[tuple[str, str]]:
    return [(target, _called(target)) for target in some]


def _of_nodes(code: str) -> Iterator[str]:
    """What a column may fill in at a node of a flow, for sheets whose lines tell whole cases."""
    flow = flows.load().flows.get(code)
    for node in flow.nodes if flow else ():
        yield from (f"{node.code}:{name}" for name in OF_NODE)
        yield from (f"{node.code}:{FIELDS}{use.name}" for use in node.form)


def _called(target: str) -> str:
    name = called(target)
    return f"{name.zh} {name.en}" if not target.startswith(FIELDS) else f"{name.zh} · {name.en}"


def _places(caller: Principal) -> list[Region]:
    """Where the caller may bring records in: villages, and the towns and county above where all of it is his."""
    found = [regions.region(regions.COUNTY), *regions.towns(), *regions.villages()]
    return [each for each in found if _may(caller, each.code)]


def _may(caller: Principal, region: str) -> bool:
    return any(caller.has(role, region) for role in IMPORTERS)


def _page(request: Request, template: str, caller: Principal, problem: Problem | None, **context: Any) -> Response:
    errors = {error.field: error for error in problem.errors} if problem else {}
    shared = {"caller": caller, "catalogue": flows.load(), "problem": problem, "errors": errors, "place": regions.name}
    status = problem.status if problem else 200
    return _templates.TemplateResponse(request, template, shared | context, status_code=status)


def _to(job_id: UUID) -> Response:
    return RedirectResponse(f"/imports/{job_id}", status_code=303)
