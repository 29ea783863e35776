"""The cockpit's figures and the lists behind them as JSON, for whoever leads or audits a region."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from services.disclosure import errors
from services.disclosure.cockpit import seen
from services.disclosure.cockpit.choice import AlertChoice, CaseChoice, PeriodChoice, ProposalChoice, StepChoice
from services.disclosure.cockpit.errors import BadPeriod, BadRegion, NotYourRegion
from services.disclosure.cockpit.plan import plan
from services.disclosure.cockpit.schemas import AlertPage, CasePage, Definitions, Overview, ProposalPage, StepPage
from services.disclosure.cockpit.seen import Look
from shared.auth import Caller, require
from shared.openapi import problems

router = APIRouter(prefix="/v1/cockpit", tags=["决策辅助 cockpit"])
_REFUSED = problems(BadPeriod, BadRegion, NotYourRegion)
_LISTED = problems(BadPeriod, BadRegion, NotYourRegion, errors.BadCursor)


@router.get("", summary="总览 / Overview", responses=_REFUSED)
async def read_cockpit(request: Request, caller: Caller, choice: Annotated[PeriodChoice, Query()]) -> Overview:
    """All figures and tables of a period in a region of the caller's own, with the period before."""
    return await seen.overview_of(request, Look.of(caller, choice))


@router.get("/definitions", summary="统计口径 / Definitions")
async def read_cockpit_definitions(caller: Caller) -> Definitions:
    """How each figure and table is counted."""
    require(caller, *plan().readers)
    return seen.definitions()


@router.get("/alerts", summary="预警明细 / Alerts", responses=_LISTED)
async def list_cockpit_alerts(request: Request, caller: Caller, wanted: Annotated[AlertChoice, Query()]) -> AlertPage:
    """The alerts behind a figure, the latest first."""
    items, following = await seen.listed(request, Look.of(caller, wanted), "alerts", wanted)
    return AlertPage(items=tuple(items), next=following)


@router.get("/cases", summary="事项明细 / Cases", responses=_LISTED)
async def list_cockpit_cases(request: Request, caller: Caller, wanted: Annotated[CaseChoice, Query()]) -> CasePage:
    """The cases behind a figure, the latest first."""
    items, following = await seen.listed(request, Look.of(caller, wanted), "cases", wanted)
    return CasePage(items=tuple(items), next=following)


@router.get("/steps", summary="节点明细 / Steps", responses=_LISTED)
async def list_cockpit_steps(request: Request, caller: Caller, wanted: Annotated[StepChoice, Query()]) -> StepPage:
    """The handlings behind a figure, the latest first."""
    items, following = await seen.listed(request, Look.of(caller, wanted), "steps", wanted)
    return StepPage(items=tuple(items), next=following)


@router.get("/proposals", summary="建议书明细 / Proposals", responses=_LISTED)
async def list_cockpit_proposals(
    request: Request, caller: Caller, wanted: Annotated[ProposalChoice, Query()]
) -> ProposalPage:
    """The supervision proposals behind a figure or a gap, the latest served first, with what became of them."""
    items, following = await seen.listed(request, Look.of(caller, wanted), "proposals", wanted)
    return ProposalPage(items=tuple(items), next=following)
