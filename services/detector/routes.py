"""The detector's REST interface: the rulebook, faults, and the prompt before the deed."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Request

from services.detector.detection import Finding
from services.detector.errors import NoSuchRule
from services.detector.evaluation import would_raise
from services.detector.judging import Judge
from services.detector.publishing import WRITERS
from services.detector.rule_changes import all_changes
from services.detector.rules import Rulebook
from services.detector.schemas import Evaluation, FaultView, RuleView, WouldRaise
from shared.auth import Caller, require
from shared.contracts.power import NodeCompleted
from shared.db import Scope
from shared.openapi import problems
from shared.principals import Principal
from shared.problems import NotAllowed
from shared.regions import COUNTY
from shared.web import db_of

READERS = (*WRITERS, "auditor")
SUPERVISORS = (*READERS, "town_secretary", "town_inspector")
_FAULTS = """
SELECT rule_id, sum(times)::bigint AS times, count(*) AS keys, max(last_at) AS last_at,
       (array_agg(message ORDER BY last_at DESC))[1] AS message
FROM rule_faults GROUP BY rule_id ORDER BY max(last_at) DESC
"""
router = APIRouter(prefix="/v1")


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
        async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
            judge = Judge(rulebook, for_village=True)
            findings = await would_raise(conn, judge, step)
        findings = [replace(finding, about=(), parties=()) for finding in findings]
        return Evaluation(findings=[_would_raise(finding, judge.rules.rulebook) for finding in findings])
    judge = request.app.state.evaluating
    async with db_of(request).begin(Scope.system(), readonly=True) as conn:
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
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        rows = await conn.fetch(_FAULTS)
    return [FaultView(**row) for row in rows]


def _would_raise(finding: Finding, rulebook: Rulebook) -> WouldRaise:
    return WouldRaise.model_validate(finding.raised(rulebook.rule(finding.rule_id)))


def _rulebook(request: Request) -> Rulebook:
    rulebook: Rulebook = request.app.state.rulebook
    return rulebook


async def _with_own(request: Request, caller: Principal) -> Rulebook:
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        return _rulebook(request).with_changes(await all_changes(conn))
