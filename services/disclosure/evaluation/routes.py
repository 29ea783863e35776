"""The evaluation as JSON: cards, records, comparison, what if; figures and seals with a second person."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from services.disclosure.evaluation import figures, seen
from services.disclosure.evaluation.choice import CardChoice, ListChoice, id_of
from services.disclosure.evaluation.errors import (
    AlreadyProposed,
    AnotherPersonNeeded,
    BadFigures,
    BadQuarter,
    BadRegionOfCard,
    BadWeights,
    NoSuchCard,
    NoSuchDraft,
    NotSettled,
    NotYourCard,
    ReasonNeeded,
)
from services.disclosure.evaluation.indicators import plan
from services.disclosure.evaluation.schemas import (
    CardList,
    Compared,
    DecisionIn,
    Definitions,
    FiguresIn,
    RecordList,
    SealIn,
    SealPreview,
    Waits,
    WhatIf,
    WhatIfAnswer,
    WholeCard,
    definitions,
)
from services.disclosure.evaluation.seen import Look
from shared.auth import Caller
from shared.openapi import problems

router = APIRouter(prefix="/v1/evaluation", tags=["政治生态评价 evaluation"])
_SEEN = (BadQuarter, BadRegionOfCard, NotYourCard)
_REFUSED, _CARD = problems(*_SEEN), problems(*_SEEN, NoSuchCard)


@router.get("/definitions", summary="指标与权重 / Indicators and weights", responses=_REFUSED)
async def read_evaluation_definitions(caller: Caller, choice: Annotated[CardChoice, Query()]) -> Definitions:
    """Indicators, weights, bands and figures in force in a quarter."""
    look = Look.of(caller, choice)
    return definitions(plan().set_of(look.quarter), plan(), figures.names(plan()))


@router.get("/cards", summary="评价卡列表 / Cards", responses=_CARD)
async def list_evaluation_cards(request: Request, caller: Caller, wanted: Annotated[ListChoice, Query()]) -> CardList:
    """The cards of a quarter, by town, band and level, the highest score first."""
    return await seen.listed(request, Look.of(caller, wanted), wanted)


@router.get("/card", summary="一张评价卡 / One card", responses=_CARD)
async def read_evaluation_card(request: Request, caller: Caller, choice: Annotated[CardChoice, Query()]) -> WholeCard:
    """A village's or town's card of a quarter, with its lines and what changed since the quarter before."""
    return await seen.card_of(request, Look.of(caller, choice))


@router.get("/card/records/{line}", summary="指标背后的记录 / Records behind a line", responses=_CARD)
async def list_evaluation_records(
    request: Request, caller: Caller, line: str, choice: Annotated[CardChoice, Query()]
) -> RecordList:
    """Which records a line counted, as far as the reader may be told."""
    return await seen.records_of(request, Look.of(caller, choice), line)


@router.get("/comparison", summary="逐季比较 / Over quarters", responses=_CARD)
async def compare_evaluation(
    request: Request,
    caller: Caller,
    choice: Annotated[CardChoice, Query()],
    quarters: Annotated[int, Query(ge=2, le=8)] = 4,
) -> Compared:
    """A card's score over quarters, and where it moved by more than chance explains."""
    return await seen.compared(request, Look.of(caller, choice), quarters)


@router.post("/what-if", summary="试算权重 / What if", responses=problems(*_SEEN, NoSuchCard, BadWeights))
async def ask_what_if(
    request: Request, caller: Caller, choice: Annotated[CardChoice, Query()], asked: WhatIf
) -> WhatIfAnswer:
    """Scores and ranks if some lines weighed otherwise. Nothing is kept."""
    return await seen.what_if_of(request, Look.of(caller, choice), asked.weights)


@router.post("/figures", status_code=201, summary="上报数据 / Hand in", responses=problems(*_SEEN, BadFigures))
async def hand_in_figures(
    request: Request, caller: Caller, choice: Annotated[CardChoice, Query()], given: FiguresIn
) -> Waits:
    """Figures that no record tells; they count when a second person has approved them."""
    look = Look.of(caller, choice)
    told = [one.figure() for one in given.figures]
    batch = await seen.hand_in(request, caller, look.seat.region, look.quarter, told, given.note)
    return Waits(id=str(batch), state="drafted")


@router.post(
    "/figures/{id}", summary="复核上报数据 / Decide of figures", responses=problems(NoSuchDraft, AnotherPersonNeeded)
)
async def decide_of_figures(request: Request, caller: Caller, id: str, decision: DecisionIn) -> Waits:
    """The second person approves or rejects."""
    return Waits(id=id, state=await seen.decide(request, caller, "evaluation_figures", id_of(id), decision.approve))


@router.post(
    "/seals",
    status_code=201,
    summary="提请封存 / Propose a seal",
    responses=problems(*_SEEN, NotSettled, AlreadyProposed, ReasonNeeded),
)
async def propose_seal(
    request: Request, caller: Caller, choice: Annotated[CardChoice, Query()], asked: SealIn
) -> Waits:
    """Count a settled quarter for a second person to seal; a revision of a sealed one says why."""
    look = Look.of(caller, choice)
    seal = await seen.propose(request, caller, look.seat.region, look.quarter, asked.reason)
    return Waits(id=str(seal), state="proposed")


@router.get(
    "/seals/preview",
    summary="拟封存的内容 / What would be sealed",
    responses=_REFUSED,
)
async def preview_seal(request: Request, caller: Caller, choice: Annotated[CardChoice, Query()]) -> SealPreview:
    """All cards that a seal would hold now, beside the last sealed revision. Nothing is kept."""
    return await seen.preview_of(request, Look.of(caller, choice))


@router.get("/seals/{id}", summary="待批准的封存 / A proposed seal", responses=problems(NoSuchDraft, NotYourCard))
async def read_proposed_seal(request: Request, caller: Caller, id: str) -> SealPreview:
    """What the second person decides of: all cards as they were counted when it was proposed."""
    return await seen.proposed_of(request, caller, id_of(id))


@router.post("/seals/{id}", summary="批准封存 / Decide of a seal", responses=problems(NoSuchDraft, AnotherPersonNeeded))
async def decide_of_seal(request: Request, caller: Caller, id: str, decision: DecisionIn) -> Waits:
    """The second person seals, or rejects."""
    return Waits(id=id, state=await seen.decide(request, caller, "evaluation_seals", id_of(id), decision.approve))
