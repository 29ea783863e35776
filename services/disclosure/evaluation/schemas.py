"""What the evaluation answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from services.disclosure.evaluation.cards import Dealt, Quartered
from services.disclosure.evaluation.comparing import Change, change
from services.disclosure.evaluation.counting import Item
from services.disclosure.evaluation.figures import Figure
from services.disclosure.evaluation.indicators import Indicator, IndicatorSet, Plan
from services.disclosure.evaluation.scoring import Card, Line
from services.disclosure.schemas import Answer, Bilingual, Named

_WORDS = Annotated[str, Field(max_length=500)]


class LineShown(Answer):
    """One indicator: `met` of `due` as counted, `estimate` drawn towards the mean, `low` and `high` around it.

    `weight` are its points of 100 after those of lines left out were spread, `points` what it got: nothing at `floor`,
    all of them from `target` on.
    """

    indicator: str
    name: Bilingual
    counts: Bilingual
    points_of_set: float
    weight: float
    points: float
    met: float | None
    due: float | None
    per: float
    value: float | None
    mean: float | None
    mean_from: str | None
    estimate: float | None
    low: float | None
    high: float | None
    left_out: str | None
    floor: float
    target: float

    @classmethod
    def of(cls, line: Line, one: Indicator, group: str) -> Self:
        """A line in the words of its set, between the floor and target of a group of villages."""
        bounds = one.bounds_of(group)
        return cls(
            indicator=line.indicator,
            name=Bilingual(zh=one.zh, en=one.en),
            counts=Bilingual(zh=one.counts.zh, en=one.counts.en),
            points_of_set=line.full,
            weight=round(line.weight, 4),
            points=round(line.points, 4),
            met=line.met,
            due=line.due,
            per=one.per,
            value=line.value,
            mean=None if line.mean is None else line.mean * one.per,
            mean_from=line.mean_from,
            estimate=line.estimate,
            low=line.low,
            high=line.high,
            left_out=line.left_out,
            floor=bounds.floor,
            target=bounds.target,
        )


class CardBrief(Answer):
    """A card in a list. More than one band: the interval doesn't decide between them; none: too little was measured."""

    region: Named
    town: Named
    level: Literal["village", "town"]
    score: float | None
    low: float | None
    high: float | None
    bands: tuple[str, ...]
    measured: float
    rank: int | None
    change: float | None
    beyond_chance: bool
    vetoes: tuple[str, ...]


class MoveShown(Answer):
    """What one line added to a change: by its result, and by the weight that it came to have."""

    indicator: str
    result: float
    weight: float


class ChangeShown(Answer):
    """From the quarter before; the moves, bonus and the rest add up to `total`."""

    total: float
    moves: tuple[MoveShown, ...]
    bonus: float
    other: float
    beyond_chance: bool

    @classmethod
    def of(cls, found: Change | None) -> Self | None:
        """A change; None of none."""
        if found is None:
            return None
        moves = tuple(MoveShown(indicator=m.indicator, result=m.result, weight=m.weight) for m in found.moves)
        return cls(
            total=found.total, moves=moves, bonus=found.bonus, other=found.other, beyond_chance=found.beyond_chance
        )


class QuarterHead(Answer):
    """Which quarter, of which revision; provisional until a second person has sealed it."""

    county: Named
    quarter: str
    provisional: bool
    revision: int | None
    reason: str
    set_version: int
    as_of: datetime
    notice: Bilingual = Bilingual(
        zh="仅供发现问题,不得单独作为对个人作出决定的依据",
        en="Shows where to look; never by itself the ground of a decision about a person",
    )

    @classmethod
    def head(cls, made: Quartered) -> dict[str, Any]:
        """Its values."""
        return {
            "county": Named.region(made.county),
            "quarter": str(made.quarter),
            "provisional": made.provisional,
            "revision": made.revision,
            "reason": made.reason,
            "set_version": made.held.version,
            "as_of": made.as_of,
        }


class CardList(QuarterHead):
    """The cards of a quarter."""

    cards: tuple[CardBrief, ...]


class WholeCard(QuarterHead):
    """One card with its lines, and what changed since the quarter before."""

    card: CardBrief
    villages_mean: float | None
    bonus: float
    lines: tuple[LineShown, ...]
    changed: ChangeShown | None


@dataclass(frozen=True)
class Told:
    """One record in words; empty for what is no longer known."""

    name: Bilingual | None = None
    case_no: str | None = None
    at: datetime | None = None


class RecordShown(Answer):
    """A record behind a line, and how it was counted; `against` when it lowers the score."""

    kind: str
    id: str
    name: Bilingual | None
    case_no: str | None
    at: datetime | None
    against: bool
    met: float
    due: float
    link: str | None


class RecordList(QuarterHead):
    """The records behind a line, those that lower the score first; `withheld`: the reader isn't told which they are."""

    region: Named
    indicator: str
    line: LineShown
    withheld: bool
    records: tuple[RecordShown, ...]


class Compared(Answer):
    """A region's score over quarters."""

    region: Named
    quarters: tuple["QuarterScore", ...]


class QuarterScore(Answer):
    """One quarter of it; `beyond_chance`: it differs from the one before by more than chance explains."""

    quarter: str
    provisional: bool
    set_version: int
    score: float | None
    low: float | None
    high: float | None
    bands: tuple[str, ...]
    beyond_chance: bool


class WhatIf(BaseModel):
    """Other weights for some lines; with the others they must sum to 100. Nothing is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: Annotated[
        Mapping[str, Annotated[float, Field(allow_inf_nan=False)]],
        Field(max_length=100, examples=[{"G12": 7, "G13": 6}]),
    ]


class WhatIfCard(Answer):
    """A card before and after."""

    region: Named
    level: str
    old: float | None
    new: float | None
    old_rank: int | None
    new_rank: int | None


class WhatIfAnswer(QuarterHead):
    """Old and new scores and ranks; ranks among cards of the same level that the reader sees."""

    weights: Mapping[str, float]
    cards: tuple[WhatIfCard, ...]


class FigureIn(BaseModel):
    """One figure of one village."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    village: Annotated[str, Field(max_length=12, examples=["330421107201"])]
    name: Annotated[str, Field(max_length=40, examples=["residents"])]
    value: Annotated[float, Field(allow_inf_nan=False, examples=[1530])]

    def figure(self) -> Figure:
        """As it is checked."""
        return Figure(self.village, self.name, self.value)


class FiguresIn(BaseModel):
    """Figures of a quarter, all or none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    figures: Annotated[tuple[FigureIn, ...], Field(min_length=1, max_length=20_000)]
    note: _WORDS = ""


class SealedCard(Answer):
    """A card of a seal; `before` is its score in the last sealed revision, `changed` whether it differs from that."""

    region: Named
    level: str
    score: float | None
    low: float | None
    high: float | None
    bands: tuple[str, ...]
    measured: float
    vetoes: tuple[str, ...]
    before: float | None
    changed: bool


class SealPreview(QuarterHead):
    """What is, or would be, sealed as revision `becomes`.

    `bands` counts the cards of one band, `undecided` those between bands, `too_little` those without any; `changed`
    those that differ from the last sealed revision (null: there is none). `waiting_figures` are batches that nobody
    has approved: they aren't in it. `seal_id` is that of a proposal, `yours` when the reader made it: another decides.
    """

    seal_id: str | None
    yours: bool
    becomes: int
    settled_at: datetime
    settled: bool
    waiting_figures: int
    bands: Mapping[str, int]
    undecided: int
    too_little: int
    vetoed: int
    changed: int | None
    cards: tuple[SealedCard, ...]


class SealIn(BaseModel):
    """Why a sealed quarter is counted anew; empty for the first time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: _WORDS = ""


class DecisionIn(BaseModel):
    """What the second person decides."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    approve: bool


class Waits(Answer):
    """What a second person decides of, by its id."""

    id: str
    state: str


class Definitions(Answer):
    """Indicators, weights, bands and figures in force."""

    version: int
    dimensions: Mapping[str, Bilingual]
    indicators: Mapping[str, Mapping[str, Any]]
    town_lines: Mapping[str, Mapping[str, Any]]
    bands: Mapping[str, Mapping[str, Any]]
    credibility: float
    figures: Mapping[str, str]


def brief(card: Card, rank: int | None, before: Card | None) -> CardBrief:
    """A card as a list has it."""
    moved = change(before, card) if before else None
    return CardBrief(
        region=Named.region(card.region),
        town=Named.region(card.region[:9] + "000"),
        level="town" if card.level == "town" else "village",
        score=card.score,
        low=card.low,
        high=card.high,
        bands=card.bands,
        measured=card.measured,
        rank=rank,
        change=moved.total if moved else None,
        beyond_chance=bool(moved and moved.beyond_chance),
        vetoes=card.vetoes,
    )


def lines_of(card: Card, held: IndicatorSet) -> tuple[LineShown, ...]:
    """Its lines in the words of its set."""
    words = held.town_lines if card.level == "town" else held.indicators
    return tuple(LineShown.of(line, words[line.indicator], card.group) for line in card.lines)


def record(item: Item, told: Told, indicator: Indicator, notifier_url: str) -> RecordShown:
    """A record in words, with its page: cases and steps on the public one, alerts at the notifier, appeals at desks."""
    head = item.id.partition("/")[0]
    link = {
        "case": f"/cases/{head}",
        "step": f"/cases/{head}",
        "alert": f"{notifier_url}/alerts/{head}",
        "appeal": f"/appeals/{head}",
    }.get(item.kind)
    against = item.met < item.due if indicator.better == "up" else item.met > 0
    words = {"name": told.name, "case_no": told.case_no, "at": told.at, "against": against}
    return RecordShown(kind=item.kind, id=item.id, met=item.met, due=item.due, link=link, **words)


def whole(made: Quartered, dealt: Dealt, rank: int | None, before: Card | None) -> WholeCard:
    """One card, explained."""
    card = dealt.card
    return WholeCard(
        **QuarterHead.head(made),
        card=brief(card, rank, before),
        villages_mean=card.villages_mean,
        bonus=card.bonus,
        lines=lines_of(card, made.held),
        changed=ChangeShown.of(change(before, card) if before else None),
    )


def definitions(held: IndicatorSet, plan: Plan, names: Mapping[str, str]) -> Definitions:
    """What is in force."""
    return Definitions(
        version=held.version,
        dimensions={code: Bilingual(zh=one.zh, en=one.en) for code, one in held.dimensions.items()},
        indicators={code: one.model_dump() for code, one in held.indicators.items()},
        town_lines={code: one.model_dump() for code, one in held.town_lines.items()},
        bands={code: one.model_dump(by_alias=True) for code, one in plan.bands.items()},
        credibility=plan.credibility,
        figures=names,
    )
