"""The detector's REST interface: registers, the rulebook, faults, and the prompt before the deed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request

from services.detector.detection import Finding
from services.detector.errors import BadRecords, NoSuchDataset, NoSuchRecord, NoSuchRule, UploadTooLarge
from services.detector.evaluation import would_raise
from services.detector.judging import Judge
from services.detector.publishing import WRITERS, record_deleted, record_set, require_writer
from services.detector.rule_changes import all_changes
from services.detector.rules import Rulebook
from services.detector.schemas import Accepted, Evaluation, FaultView, RecordPage, RuleView, WouldRaise
from services.detector.uploads import Unreadable, read_record, read_records, rows_of
from shared.auth import Caller, require
from shared.bus import outbox
from shared.contracts.power import NodeCompleted
from shared.contracts.reference import DATASETS, Record
from shared.db import Database, Scope
from shared.openapi import problems
from shared.principals import Principal
from shared.problems import FieldError, NotAllowed
from shared.regions import COUNTY

READERS = (*WRITERS, "auditor")
SUPERVISORS = (*READERS, "town_secretary", "town_inspector")
_MOST_BYTES = 20 * 1024 * 1024
_MOST_ROWS = 20_000
_MOST_FAULTS = 200
_DEATH = {"person_key": "6f1ed002ab5595859014ebf0951522d9", "name": "王五", "died_on": "2026-02-11"}
_FAULTS = """
SELECT rule_id, sum(times)::bigint AS times, count(*) AS keys, max(last_at) AS last_at,
       (array_agg(message ORDER BY last_at DESC))[1] AS message
FROM rule_faults GROUP BY rule_id ORDER BY max(last_at) DESC
"""
_PAGE = """
SELECT id, data FROM reference_records WHERE dataset = $1 AND id > $2 ORDER BY id LIMIT $3
"""
Dataset = Annotated[str, Path(description="登记数据集 / the register", json_schema_extra={"enum": list(DATASETS)})]
RecordId = Annotated[str, Path(description="记录编号 / the id; a company's is its credit code")]
router = APIRouter(prefix="/v1")


@router.put(
    "/reference/{dataset}/{id}",
    status_code=202,
    tags=["登记数据 reference"],
    summary="登记一条记录 / Set one record",
    responses=problems(NoSuchDataset, BadRecords),
)
async def put_record(
    request: Request,
    caller: Caller,
    dataset: Dataset,
    id: RecordId,
    body: Annotated[dict[str, Any], Body(examples=[_DEATH])],
) -> Accepted:
    """Set one record. `id_no` fields become keyed hashes and are not kept."""
    record, faults = read_record(
        _model(dataset), {"id": id} | body, secret=request.app.state.settings.identity_secret, path="body."
    )
    if record is not None and record.id != id:
        faults.append(FieldError("body.id", "与地址中的编号不一致", "not the id in the address"))
    if record is None or faults:
        raise BadRecords("请按提示修改", "Please mend the named fields", faults)
    await _publish(request, caller, dataset, [record])
    return Accepted(dataset=dataset, accepted=1)


@router.delete(
    "/reference/{dataset}/{id}",
    status_code=202,
    tags=["登记数据 reference"],
    summary="删除一条记录 / Delete one record",
    responses=problems(NoSuchDataset),
)
async def delete_record(request: Request, caller: Caller, dataset: Dataset, id: RecordId) -> Accepted:
    """Delete one record. Deleting what isn't there has no effect."""
    _model(dataset)
    # All regions in sight, as `require_writer` needs them; it refuses whoever may not write in the record's region.
    async with _db(request).begin(Scope.system()) as conn:
        await require_writer(conn, caller, dataset, [id])
        await outbox.publish(conn, [record_deleted(dataset, id, datetime.now(UTC))])
    return Accepted(dataset=dataset, accepted=1)


@router.post(
    "/reference/{dataset}",
    status_code=202,
    tags=["登记数据 reference"],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/x-ndjson": {"schema": {"type": "string"}},
                "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
            },
        }
    },
    summary="批量登记 / Set many records",
    responses=problems(NoSuchDataset, BadRecords, UploadTooLarge),
)
async def post_records(request: Request, caller: Caller, dataset: Dataset) -> Accepted:
    """Set many records, from NDJSON or a JSON array: all of them, or none with every fault named by row and field."""
    model = _model(dataset)
    try:
        rows = rows_of(await _body(request))
    except Unreadable as error:
        fault = FieldError(f"rows.{error.line}", "不是 JSON 对象", "not a JSON object")
        raise BadRecords("数据不是 JSON", "Not JSON", [fault]) from error
    if len(rows) > _MOST_ROWS:
        raise UploadTooLarge(f"一次最多 {_MOST_ROWS} 行", f"At most {_MOST_ROWS} rows at a time")
    records, faults = read_records(model, rows, secret=request.app.state.settings.identity_secret)
    if faults:
        raise BadRecords(
            f"共 {len(faults)} 处错误", f"{len(faults)} faults; the first are named", faults[:_MOST_FAULTS]
        )
    await _publish(request, caller, dataset, records)
    return Accepted(dataset=dataset, accepted=len(records))


@router.get(
    "/reference/{dataset}/{id}",
    tags=["登记数据 reference"],
    summary="查询一条记录 / Read one record",
    responses=problems(NoSuchDataset, NoSuchRecord),
)
async def get_record(request: Request, caller: Caller, dataset: Dataset, id: RecordId) -> dict[str, Any]:
    """One record, as it took effect."""
    _model(dataset)
    require(caller, *READERS)
    async with _db(request).begin(Scope.of(caller), readonly=True) as conn:
        data = await conn.fetchval("SELECT data FROM reference_records WHERE dataset = $1 AND id = $2", dataset, id)
    if data is None:
        raise NoSuchRecord("该记录不存在,或不在本人区域内", "It does not exist or lies outside your region")
    return dict(data)


@router.get(
    "/reference/{dataset}",
    tags=["登记数据 reference"],
    summary="记录列表 / List records",
    responses=problems(NoSuchDataset),
)
async def list_records(
    request: Request,
    caller: Caller,
    dataset: Dataset,
    after: Annotated[str, Query(description="上一页的 next / `next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> RecordPage:
    """The records of a register by id, within the caller's regions."""
    _model(dataset)
    require(caller, *READERS)
    async with _db(request).begin(Scope.of(caller), readonly=True) as conn:
        rows = await conn.fetch(_PAGE, dataset, after, limit)
    return RecordPage(records=[row["data"] for row in rows], next=rows[-1]["id"] if len(rows) == limit else None)


@router.post("/evaluate", tags=["侦测 detection"], summary="事前提示 / What a step would raise")
async def evaluate(request: Request, caller: Caller, step: NodeCompleted) -> Evaluation:
    """What an intended step would raise. Nothing is written.

    The village itself hears what it may see of its own case; whoever supervises it hears all of it.
    """
    roles, rulebook = caller.roles_in(step.village_code), _rulebook(request)
    if not roles:
        raise NotAllowed("该村不在本人权限范围内", "This village lies outside your region")
    if roles.isdisjoint(SUPERVISORS):
        # A judge of its own: what the shared one holds was read with all regions in sight.
        async with _db(request).begin(Scope.of(caller), readonly=True) as conn:
            judge = Judge(rulebook, for_village=True)
            findings = await would_raise(conn, judge, step)
        findings = [replace(finding, about=()) for finding in findings]
        return Evaluation(findings=[_would_raise(finding, judge.rules.rulebook) for finding in findings])
    judge = request.app.state.evaluating
    async with _db(request).begin(Scope.system(), readonly=True) as conn:
        findings = await would_raise(conn, judge, step)
    return Evaluation(findings=[_would_raise(finding, judge.rules.rulebook) for finding in findings])


@router.get("/rules", tags=["规则 rulebook"], summary="规则列表 / List rules")
async def list_rules(request: Request, caller: Caller) -> list[RuleView]:
    """The rulebook with the county's own rules, as written; `/v1/rulesets/in-force` tells what a region has changed."""
    return [RuleView.of(rule) for rule in (await _with_own(request, caller)).rules]


@router.get("/rules/{id}", tags=["规则 rulebook"], summary="规则详情 / Read a rule", responses=problems(NoSuchRule))
async def get_rule(
    request: Request,
    caller: Caller,
    id: Annotated[str, Path(description="规则编号 / the rule's id", examples=["A001"])],
) -> RuleView:
    """One rule of it."""
    for rule in (await _with_own(request, caller)).rules:
        if rule.id == id:
            return RuleView.of(rule)
    raise NoSuchRule(f"规则手册中没有 {id}", f"The rulebook has no {id}")


@router.get("/faults", tags=["侦测 detection"], summary="规则故障 / List faults of rules")
async def list_faults(request: Request, caller: Caller) -> list[FaultView]:
    """Rules that could not be evaluated, the latest first. A message may hold values of any village."""
    require(caller, *READERS, region=COUNTY)
    async with _db(request).begin(Scope.of(caller), readonly=True) as conn:
        rows = await conn.fetch(_FAULTS)
    return [FaultView(**row) for row in rows]


def _would_raise(finding: Finding, rulebook: Rulebook) -> WouldRaise:
    return WouldRaise.model_validate(finding.raised(rulebook.rule(finding.rule_id)))


def _model(dataset: str) -> type[Record]:
    if dataset not in DATASETS:
        known = "、".join(DATASETS)
        raise NoSuchDataset(f"可用的数据集:{known}", f"Datasets: {', '.join(DATASETS)}")
    return DATASETS[dataset]


def _rulebook(request: Request) -> Rulebook:
    rulebook: Rulebook = request.app.state.rulebook
    return rulebook


async def _with_own(request: Request, caller: Principal) -> Rulebook:
    async with _db(request).begin(Scope.of(caller), readonly=True) as conn:
        return _rulebook(request).with_changes(await all_changes(conn))


def _db(request: Request) -> Database:
    db: Database = request.app.state.db
    return db


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise UploadTooLarge("一次最多 20 MB", "At most 20 MB at a time")
    return bytes(body)


async def _publish(request: Request, caller: Caller, dataset: str, records: list[Record]) -> None:
    now = datetime.now(UTC)
    # All regions in sight, as `require_writer` needs them; it refuses whoever may not write in these records' regions.
    async with _db(request).begin(Scope.system()) as conn:
        await require_writer(conn, caller, dataset, [record.id for record in records], records)
        await outbox.publish(conn, [record_set(record, now) for record in records])
