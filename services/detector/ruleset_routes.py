"""Rule sets over REST: draft a change, see what it would have done, have a second person decide, see what is in force.

What is approved goes to the bus in the transaction that notes the approval, and takes effect when it comes back.
"""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from services.detector import backtests, draft_store, errors
from services.detector.backtesting import Kind
from services.detector.backtests import Runner
from services.detector.drafts import KEEPER, Draft, State
from services.detector.errors import NoSuchDraft, NoSuchRule
from services.detector.rule_changes import all_changes
from services.detector.rules import Rule, Rulebook, parse
from services.detector.ruleset_schemas import (
    ActView,
    Approval,
    BacktestView,
    DifferencePage,
    DifferenceView,
    DraftDetail,
    DraftPage,
    DraftView,
    History,
    InForce,
    NewDraft,
    NewRule,
    Rejection,
    SettingView,
)
from services.detector.rulesets import Settings
from services.detector.trial import Candidate, try_out
from shared import cursor
from shared.auth import Caller, require
from shared.bus import outbox
from shared.bus.envelope import Envelope
from shared.contracts.base import UtcTime
from shared.contracts.rulesets import TOPIC, RuleChanged
from shared.db import Connection, Scope
from shared.openapi import problems
from shared.principals import Principal
from shared.problems import FieldError
from shared.regions import COUNTY
from shared.web import db_of

READERS = (KEEPER, "county_secretary", "auditor")
_TAG = "规则调整 rule sets"
DraftId = Annotated[uuid.UUID, Path(description="草案编号 / the draft's id")]
Limit = Annotated[int, Query(ge=1, le=500)]
router = APIRouter(prefix="/v1/rulesets", tags=[_TAG])


@router.post(
    "/drafts",
    status_code=201,
    summary="起草规则调整 / Draft a change of a rule",
    responses=problems(NoSuchRule, errors.BadDraft),
)
async def draft_change(request: Request, caller: Caller, body: NewDraft) -> DraftView:
    """Draft a change of parameters, grade, or whether a rule is on, for one's own region. It changes nothing yet."""
    require(caller, KEEPER, region=body.region_code)
    draft = _draft(caller, **body.model_dump())
    async with db_of(request).begin(Scope.of(caller)) as conn:
        draft.checked(await _rule(request, conn, draft), draft.drafted_at)
        await _keep(conn, draft, caller)
    return DraftView.model_validate(draft)


@router.post(
    "/rules",
    status_code=201,
    summary="起草自定规则 / Draft a rule of the county's own",
    responses=problems(errors.BadDraft, errors.BadRule),
)
async def draft_rule(request: Request, caller: Caller, body: NewRule) -> DraftView:
    """Draft a rule of the county's own. It is compiled and its own tests are run, in bounded time, before it is taken.

    To retire it, draft a change of it with `enabled` false.
    """
    require(caller, KEEPER, region=body.region_code)
    (faults,) = await try_out([Candidate(body.definition)])
    if faults:
        told = [
            FieldError(
                f"body.definition:{one.line}:{one.column}", f"第 {one.line} 行第 {one.column} 列:{one.zh}", one.en
            )
            for one in faults
        ]
        raise errors.BadRule(f"共 {len(told)} 处", f"{len(told)} faults", told)
    rule = parse(body.definition)
    draft = _draft(caller, rule_id=rule.id, **body.model_dump(), params={}, grade=None, enabled=True)
    async with db_of(request).begin(Scope.of(caller)) as conn:
        _refuse_taken(rule, _base(request).with_changes(await all_changes(conn)))
        draft.checked(rule, draft.drafted_at)
        await _keep(conn, draft, caller)
    return DraftView.model_validate(draft)


@router.get("/drafts", summary="草案列表 / List drafts")
async def list_drafts(
    request: Request,
    caller: Caller,
    rule_id: str | None = None,
    state: State | None = None,
    after: Annotated[str | None, Query(description="上一页的 next / `next` of the page before")] = None,
    limit: Limit = 50,
) -> DraftPage:
    """Drafts of one's own region, the latest first."""
    require(caller, *READERS)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        place = cursor.read_moment(after)
        drafts = await draft_store.page(conn, rule_id=rule_id, state=state, after=place, limit=limit)
    last = drafts[-1] if len(drafts) == limit else None
    return DraftPage(
        drafts=[DraftView.model_validate(draft) for draft in drafts],
        next=cursor.write(last.drafted_at.isoformat(), str(last.id)) if last else None,
    )


@router.get("/drafts/{id}", summary="草案详情 / Read a draft", responses=problems(NoSuchDraft))
async def get_draft(request: Request, caller: Caller, id: DraftId) -> DraftDetail:
    """A draft with all that was done with it, and what its last back-test came to."""
    require(caller, *READERS)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        return await _detail(conn, await draft_store.get(conn, id))


@router.post(
    "/drafts/{id}/approve",
    summary="批准草案 / Approve a draft",
    responses=problems(
        NoSuchDraft, errors.OwnDraft, errors.AlreadyDecided, errors.NotBacktested, errors.PeriodOver, errors.BadDraft
    ),
)
async def approve_draft(request: Request, caller: Caller, id: DraftId, body: Approval) -> DraftDetail:
    """Bring a change into force, by another keeper of the county than who drafted it."""
    require(caller, KEEPER, region=COUNTY)
    now = datetime.now(UTC)
    async with db_of(request).begin(Scope.of(caller)) as conn:
        draft = await draft_store.get(conn, id, lock=True)
        draft.decided_by(caller)
        # The rule may have changed since; only the period may have begun meanwhile.
        replace(draft, effective_from=None).checked(await _rule(request, conn, draft), now)
        change = draft.approved(
            await draft_store.next_number(conn, draft.rule_id),
            caller,
            now,
            backtested=await backtests.was_done(conn, id),
            without_backtest=body.without_backtest,
        )
        await draft_store.decide(conn, draft, "approved", change.number)
        why = f"{body.reason}(未回测:{change.without_backtest})" if change.without_backtest else body.reason
        await draft_store.note(conn, draft, "approved", caller, why, now)
        await outbox.publish(conn, [_event(change)])
        return await _detail(conn, await draft_store.get(conn, id))


@router.post(
    "/drafts/{id}/reject",
    summary="驳回草案 / Reject a draft",
    responses=problems(NoSuchDraft, errors.OwnDraft, errors.AlreadyDecided),
)
async def reject_draft(request: Request, caller: Caller, id: DraftId, body: Rejection) -> DraftDetail:
    """Reject a change, by another keeper of the county than who drafted it."""
    require(caller, KEEPER, region=COUNTY)
    async with db_of(request).begin(Scope.of(caller)) as conn:
        draft = await draft_store.get(conn, id, lock=True)
        draft.decided_by(caller)
        await draft_store.decide(conn, draft, "rejected")
        await draft_store.note(conn, draft, "rejected", caller, body.reason, datetime.now(UTC))
        return await _detail(conn, await draft_store.get(conn, id))


@router.get("/history", summary="规则调整的历史 / The history of rule changes")
async def list_history(
    request: Request, caller: Caller, rule_id: str | None = None, after: int = 0, limit: Limit = 200
) -> History:
    """Every act on every draft of one's own region, in turn: who, what, when and why. It is only ever added to."""
    require(caller, *READERS)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        acts = await draft_store.acts(conn, rule_id=rule_id, after=after, limit=limit)
    views = [ActView(**act) for act in acts]
    return History(acts=views, next=views[-1].position if len(views) == limit else None)


@router.get("/in-force", summary="现行规则 / What is in force", responses=problems(NoSuchRule))
async def show_in_force(
    request: Request,
    caller: Caller,
    region_code: Annotated[str, Query(pattern=r"^\d{12}$", examples=["330421107201"])] = COUNTY,
    at: Annotated[UtcTime | None, Query(description="何时;缺省为现在 / when; now by default")] = None,
    rule_id: str | None = None,
) -> InForce:
    """Each rule as it is in force for a region (the county, a town or a village) at a moment."""
    moment = at or datetime.now(UTC)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        rulebook = _base(request).with_changes(await all_changes(conn))
    rules = [rule for rule in rulebook.rules if rule_id in (None, rule.id)]
    if not rules:
        raise NoSuchRule(f"规则手册中没有 {rule_id}", f"The rulebook has no {rule_id}")
    views = []
    for rule in rules:
        line = rulebook.timelines.get(rule.id)
        settings = line.settings(region_code, moment) if line else Settings()
        views.append(SettingView.of(rulebook.variant(rule, settings), settings.changes))
    return InForce(region_code=region_code, at=moment, rules=views)


@router.post(
    "/drafts/{id}/backtest",
    status_code=202,
    summary="启动回测 / Start a back-test",
    responses=problems(NoSuchDraft, errors.AlreadyDecided, errors.BacktestBusy),
)
async def start_backtest(request: Request, caller: Caller, id: DraftId) -> BacktestView:
    """Try a draft on the whole history, in a process of low priority. Ask for its progress with GET."""
    runner: Runner = request.app.state.backtests
    draft = await _own_draft(request, caller, id)
    if draft.state != "drafted":
        raise errors.AlreadyDecided(f"现为 {draft.state}", f"It is {draft.state}")
    # How many run is counted over all regions.
    async with db_of(request).begin(Scope.system()) as conn:
        run = await backtests.open_run(conn, draft)
        await draft_store.note(conn, draft, "backtest_started", caller, "", datetime.now(UTC))
    runner.start(run.id)
    return BacktestView.model_validate(run)


@router.get(
    "/drafts/{id}/backtest",
    summary="回测进度 / A back-test's progress",
    responses=problems(NoSuchDraft, errors.NoSuchBacktest),
)
async def get_backtest(request: Request, caller: Caller, id: DraftId) -> BacktestView:
    """The last back-test of a draft: how far it is, and what it came to."""
    require(caller, *READERS)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        await draft_store.get(conn, id)
        return BacktestView.model_validate(await backtests.latest(conn, id))


@router.get(
    "/drafts/{id}/backtest/differences",
    summary="回测差异 / What a back-test found",
    responses=problems(NoSuchDraft, errors.NoSuchBacktest),
)
async def list_differences(
    request: Request, caller: Caller, id: DraftId, kind: Kind | None = None, after: int = 0, limit: Limit = 100
) -> DifferencePage:
    """The alerts that a draft would add, take away or grade otherwise, with their case numbers."""
    require(caller, *READERS)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        await draft_store.get(conn, id)
        run = await backtests.latest(conn, id)
        found = await backtests.differences(conn, run.id, kind=kind, after=after, limit=limit)
    return DifferencePage(
        differences=[DifferenceView.model_validate(one) for _, one in found],
        next=found[-1][0] if len(found) == limit else None,
    )


@router.delete(
    "/drafts/{id}/backtest",
    summary="取消回测 / Cancel a back-test",
    responses=problems(NoSuchDraft, errors.NoSuchBacktest),
)
async def cancel_backtest(request: Request, caller: Caller, id: DraftId) -> BacktestView:
    """End the back-test of a draft. One that has ended stays as it is."""
    draft = await _own_draft(request, caller, id)
    async with db_of(request).begin(Scope.of(caller)) as conn:
        run = await backtests.latest(conn, id)
        if await backtests.end(conn, run.id, "cancelled", ""):
            await draft_store.note(conn, draft, "backtest_cancelled", caller, "", datetime.now(UTC))
        return BacktestView.model_validate(await backtests.latest(conn, id))


async def _own_draft(request: Request, caller: Principal, id: uuid.UUID) -> Draft:
    """A draft of a region whose rules the caller keeps."""
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        draft = await draft_store.get(conn, id)
    require(caller, KEEPER, region=draft.region_code)
    return draft


def _draft(caller: Principal, **told: Any) -> Draft:
    """A new draft of the caller's."""
    return Draft(
        **({"definition": None} | told),
        id=uuid.uuid4(),
        number=None,
        state="drafted",
        subject=caller.subject,
        person_key=caller.person_key,
        name=caller.name,
        drafted_at=datetime.now(UTC),
    )


async def _keep(conn: Connection, draft: Draft, caller: Principal) -> None:
    await draft_store.add(conn, draft)
    await draft_store.note(conn, draft, "drafted", caller, draft.reason, draft.drafted_at)


async def _detail(conn: Connection, draft: Draft) -> DraftDetail:
    acts = await draft_store.acts(conn, draft_id=draft.id)
    try:
        backtest = BacktestView.model_validate(await backtests.latest(conn, draft.id))
    except errors.NoSuchBacktest:
        backtest = None
    told = DraftView.model_validate(draft).model_dump()
    return DraftDetail(**told, acts=[ActView(**act) for act in acts], backtest=backtest)


async def _rule(request: Request, conn: Connection, draft: Draft) -> Rule:
    """The rule that a draft is about; raises `NoSuchRule`."""
    if draft.definition:
        return parse(draft.definition)
    for rule in _base(request).with_changes(await all_changes(conn)).rules:
        if rule.id == draft.rule_id:
            return rule
    raise NoSuchRule(f"规则手册中没有 {draft.rule_id}", f"The rulebook has no {draft.rule_id}")


def _refuse_taken(rule: Rule, rulebook: Rulebook) -> None:
    for other in rulebook.rules:
        for name in {rule.id, rule.spec.key} & {other.id, other.spec.key}:
            fault = FieldError("body.definition", f"{name} 已被 {other.id} 占用", f"{name} is taken by {other.id}")
            raise errors.BadRule("编号或名称已被占用", "The number or the name is taken", [fault])


def _event(change: RuleChanged) -> Envelope:
    return Envelope.of(
        change,
        source="/detector/rulesets",
        topic=TOPIC,
        key=change.rule_id,
        time=change.approved_at,
        subject=change.rule_id,
        id=change.change_id,
    )


def _base(request: Request) -> Rulebook:
    rulebook: Rulebook = request.app.state.rulebook
    return rulebook
