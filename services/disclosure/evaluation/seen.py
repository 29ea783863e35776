"""The evaluation as one reader sees it: cards of his regions, their records, what if; each look is on record."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Request

from services.disclosure.evaluation import figures, naming, store
from services.disclosure.evaluation.cards import Dealt, Quartered, ranks, unsound, what_if
from services.disclosure.evaluation.choice import CardChoice, ListChoice, Seat, keeps
from services.disclosure.evaluation.comparing import apart
from services.disclosure.evaluation.counting import Item
from services.disclosure.evaluation.errors import (
    AlreadyProposed,
    AnotherPersonNeeded,
    BadFigures,
    BadWeights,
    NoSuchCard,
    NoSuchDraft,
    NotSettled,
    ReasonNeeded,
)
from services.disclosure.evaluation.figures import Figure
from services.disclosure.evaluation.indicators import plan
from services.disclosure.evaluation.preview import preview
from services.disclosure.evaluation.quarters import Quarter
from services.disclosure.evaluation.reckoner import Reckoner, reckoned
from services.disclosure.evaluation.schemas import (
    CardBrief,
    CardList,
    Compared,
    QuarterHead,
    QuarterScore,
    RecordList,
    SealPreview,
    Told,
    WhatIfAnswer,
    WhatIfCard,
    WholeCard,
    brief,
    lines_of,
    record,
    whole,
)
from services.disclosure.evaluation.scoring import Card
from services.disclosure.schemas import Named
from shared import audit
from shared.db import Connection, Scope
from shared.principals import Principal
from shared.problems import FieldError
from shared.web import db_of, settings_of

_MEND = ("请按提示修改", "Please mend the named fields")


@dataclass(frozen=True)
class Look:
    """Who looks where, at which quarter and revision, and when."""

    seat: Seat
    quarter: Quarter
    revision: int | None
    now: datetime

    @classmethod
    def of(cls, caller: Principal, choice: CardChoice) -> "Look":
        """What was asked for; raises `NotAllowed`, `BadRegionOfCard`, `NotYourCard`, `BadQuarter`."""
        seat, now = Seat.of(caller, choice.region, plan()), datetime.now(UTC)
        return cls(seat, choice.asked(now), choice.revision, now)

    @property
    def query(self) -> dict[str, str]:
        """How a link names it."""
        told = {"quarter": str(self.quarter), "region": self.seat.region}
        return told | ({"revision": str(self.revision)} if self.revision else {})


def reckoner(request: Request) -> Reckoner:
    """What counts the quarters that nobody has sealed."""
    found: Reckoner = request.app.state.evaluation
    return found


async def quarter_of(request: Request, look: Look, quarter: Quarter, revision: int | None = None) -> Quartered:
    """A quarter's cards that lie where the reader looks, sealed if they are; raises `NoSuchCard`."""
    async with db_of(request).begin(Scope.of(look.seat.caller), readonly=True) as conn:
        found = await store.sealed(conn, look.seat.county, quarter, revision)
    if found is None and revision is not None:
        raise NoSuchCard("没有这个版本", "No such revision")
    found = found or await reckoner(request).cards(look.seat.county, quarter)
    cards = {code: one for code, one in found.cards.items() if look.seat.holds(code)}
    return Quartered(found.county, found.quarter, found.plan, found.as_of, cards, found.revision, found.reason)


async def listed(request: Request, look: Look, wanted: ListChoice, deed: str = "evaluation.viewed") -> CardList:
    """The cards of a quarter, noted as `deed`."""
    await _note(request, look, deed, hourly=deed == "evaluation.viewed")
    made = await quarter_of(request, look, look.quarter, look.revision)
    before = await quarter_of(request, look, look.quarter.plus(-1))
    places = ranks({code: one.card for code, one in made.cards.items()})
    shown = [
        brief(one.card, places.get(code), _card(before, code))
        for code, one in made.cards.items()
        if (not wanted.level or one.card.level == wanted.level)
        and (not wanted.town or code[:9] == wanted.town[:9])
        and (not wanted.band or wanted.band in one.card.bands)
    ]
    return CardList(**QuarterHead.head(made), cards=tuple(_sorted(shown, wanted.sort)))


async def card_of(request: Request, look: Look, deed: str = "evaluation.card_viewed") -> WholeCard:
    """The card of the region looked at; raises `NoSuchCard`."""
    await _note(request, look, deed, hourly=deed == "evaluation.card_viewed")
    made = await quarter_of(request, look, look.quarter, look.revision)
    dealt = _dealt(made, look.seat.region)
    before = await quarter_of(request, look, look.quarter.plus(-1))
    # A place among others is for who may see the others.
    return whole(made, dealt, None, _card(before, look.seat.region))


async def records_of(request: Request, look: Look, line: str) -> RecordList:
    """The records behind a line that the reader may be told; raises `NoSuchCard`."""
    await _note(request, look, "evaluation.records_viewed", hourly=True)
    made = await quarter_of(request, look, look.quarter, look.revision)
    dealt, held = _dealt(made, look.seat.region), made.held
    words = held.town_lines if dealt.card.level == "town" else held.indicators
    if line not in words:
        raise NoSuchCard("没有这个指标", "No such indicator")
    let = look.seat.sees_records(words[line].audience)
    items = await _readable(request, look, await _records(request, look, made, dealt, line)) if let else ()
    # What the reader is let see is named by the system: not each reader of a card reads the supervisors' tables.
    async with db_of(request).begin(Scope.system(), readonly=True) as conn:
        told = await naming.told(conn, items)
    url = settings_of(request).notifier_url.rstrip("/")
    records = [record(item, told.get(item.id, Told()), words[line], url) for item in items]
    return RecordList(
        **QuarterHead.head(made),
        region=Named.region(look.seat.region),
        indicator=line,
        line=next(one for one in lines_of(dealt.card, held) if one.indicator == line),
        withheld=not let,
        records=tuple(sorted(records, key=lambda one: not one.against)),
    )


async def compared(request: Request, look: Look, quarters: int) -> Compared:
    """The card of the region looked at over quarters, the first first; raises `NoSuchCard`."""
    await _note(request, look, "evaluation.card_viewed", hourly=True)
    rows, last = [], None
    for each in look.quarter.back(quarters):
        made = await quarter_of(request, look, each)
        card = _dealt(made, look.seat.region).card
        rows.append(
            QuarterScore(
                quarter=str(each),
                provisional=made.provisional,
                set_version=made.held.version,
                score=card.score,
                low=card.low,
                high=card.high,
                bands=card.bands,
                beyond_chance=last is not None and apart(last, card),
            )
        )
        last = card
    return Compared(region=Named.region(look.seat.region), quarters=tuple(rows))


async def what_if_of(request: Request, look: Look, weights: Mapping[str, float]) -> WhatIfAnswer:
    """Scores and ranks by other weights; nothing is kept. Raises `BadWeights`."""
    await _note(request, look, "evaluation.what_if_asked", hourly=True)
    made = await quarter_of(request, look, look.quarter, look.revision)
    if faults := unsound(weights, made.held):
        errors = [FieldError(f"body.weights.{name}".rstrip("."), zh, en) for name, (zh, en) in faults.items()]
        raise BadWeights(*_MEND, errors)
    old, new = {code: one.card for code, one in made.cards.items()}, what_if(made.cards, weights, made.plan)
    old_ranks, new_ranks = ranks(old), ranks(new)
    cards = [
        WhatIfCard(
            region=Named.region(code),
            level=card.level,
            old=card.score,
            new=new[code].score,
            old_rank=old_ranks.get(code),
            new_rank=new_ranks.get(code),
        )
        for code, card in sorted(old.items(), key=lambda pair: (new_ranks.get(pair[0], len(old) + 1), pair[0]))
    ]
    return WhatIfAnswer(**QuarterHead.head(made), weights=dict(weights), cards=tuple(cards))


async def hand_in(
    request: Request, caller: Principal, county: str, quarter: Quarter, given: Sequence[Figure], note: str
) -> uuid.UUID:
    """Keep figures for a second person; raises `NotAllowed`, `NotYourCard`, `BadFigures`."""
    keeps(caller, county, plan())
    if wrong := figures.faults(given, county, plan()):
        raise BadFigures(*_MEND, wrong[:200])
    async with db_of(request).begin(Scope.of(caller)) as conn:
        batch = await store.add_figures(conn, county, quarter, given, note, caller.subject)
        await _deed(conn, caller, "evaluation.figures_drafted", f"evaluation:{batch}", county, quarter)
    return batch


async def propose(request: Request, caller: Principal, county: str, quarter: Quarter, reason: str) -> uuid.UUID:
    """Count a quarter that is over and settled, and keep its cards for a second person to seal.

    Raises `NotAllowed`, `NotYourCard`, `NotSettled`, `ReasonNeeded`, `AlreadyProposed`.
    """
    keeps(caller, county, plan())
    settled = quarter.settled_at(plan().settling_working_days)
    if (now := datetime.now(UTC)) < settled:
        raise NotSettled(
            f"季度结束 {plan().settling_working_days} 个工作日后({settled:%Y-%m-%d})方可封存",
            f"It can be sealed from {settled:%Y-%m-%d} on",
        )
    # Cards are counted over the whole county, whoever asks: the system counts, the keeper answers for it.
    async with db_of(request).begin(Scope.system()) as conn:
        revision = 1 + await store.revision(conn, county, quarter)
        if revision > 1 and not reason.strip():
            field = FieldError("body.reason", "修订已封存的季度须写明理由", "A revision says why")
            raise ReasonNeeded(*_MEND, [field])
        made = await reckoned(conn, county, quarter, now)
        seal = await store.propose(conn, made, revision, reason.strip(), caller.subject)
        if seal is None:
            raise AlreadyProposed("请先处理待批准的封存", "Decide of the waiting seal first")
        await _deed(conn, caller, "evaluation.seal_proposed", f"evaluation:{seal}", county, quarter)
    return seal


async def preview_of(request: Request, look: Look) -> SealPreview:
    """What would be sealed if it were proposed now, as counted a minute ago at most; nothing is kept.

    Raises `NotAllowed`, `NotYourCard`.
    """
    county, quarter = look.seat.region, look.quarter
    keeps(look.seat.caller, county, plan())
    await _note(request, look, "evaluation.viewed", hourly=True)
    made = await reckoner(request).cards(county, quarter)
    async with db_of(request).begin(Scope.of(look.seat.caller), readonly=True) as conn:
        before = await store.sealed(conn, county, quarter)
        waiting = await store.waiting_figures(conn, county, quarter)
    return preview(
        *(made, before),
        becomes=1 + ((before.revision or 0) if before else 0),
        settled_at=quarter.settled_at(plan().settling_working_days),
        now=look.now,
        waiting_figures=waiting,
    )


async def proposed_of(request: Request, caller: Principal, id: uuid.UUID | None) -> SealPreview:
    """What a proposal holds, as it was counted then. Raises `NotAllowed`, `NotYourCard`, `NoSuchDraft`."""
    keepers = [grant for grant in caller.grants if grant.role in plan().keepers]
    keeps(caller, keepers[0].region if keepers else "", plan())
    async with db_of(request).begin(Scope.of(caller)) as conn:
        seal = None if id is None else await store.seal_of(conn, id)
        if seal is None or seal["state"] != "proposed":
            raise NoSuchDraft("可能已经处理", "It may have been decided already")
        county, quarter = seal["county_code"], Quarter.parse(seal["quarter"])
        assert quarter
        keeps(caller, county, plan())
        about, detail = f"evaluation:{county}/{quarter}", {"quarter": str(quarter)}
        await audit.record(conn, caller, "evaluation.viewed", about, detail, region=county, hourly=True)
        made, before = await store.held_by(conn, seal, None), await store.sealed(conn, county, quarter)
        waiting = await store.waiting_figures(conn, county, quarter)
    return preview(
        *(made, before),
        becomes=seal["revision"],
        settled_at=quarter.settled_at(plan().settling_working_days),
        now=made.as_of,
        waiting_figures=waiting,
        seal_id=str(id),
        yours=seal["drafted_by"] == caller.subject,
    )


async def decide(request: Request, caller: Principal, table: str, id: uuid.UUID | None, approve: bool) -> str:
    """The second person's word; how it now stands. Raises `NotAllowed`, `NoSuchDraft`, `AnotherPersonNeeded`."""
    seal = table == "evaluation_seals"
    keepers = [grant for grant in caller.grants if grant.role in plan().keepers]
    keeps(caller, keepers[0].region if keepers else "", plan())
    async with db_of(request).begin(Scope.of(caller)) as conn:
        held = None if id is None else await (store.seal_of if seal else store.figures_of)(conn, id)
        if held is None or held["state"] not in ("drafted", "proposed"):
            raise NoSuchDraft("可能已经处理", "It may have been decided already")
        keeps(caller, held["county_code"], plan())
        state = "rejected" if not approve else "sealed" if seal else "approved"
        assert id is not None
        if held["drafted_by"] == caller.subject:
            raise AnotherPersonNeeded("起草人不能自己批准", "Whoever drafted it can't decide")
        if not await store.decide(conn, table, id, state, caller.subject):
            raise NoSuchDraft("可能已经处理", "It may have been decided already")
        deed = f"evaluation.{'seal' if seal else 'figures'}_{'approved' if approve else 'rejected'}"
        quarter = Quarter.parse(held["quarter"])
        assert quarter
        await _deed(conn, caller, deed, f"evaluation:{id}", held["county_code"], quarter)
    reckoner(request).forget()
    return state


async def _records(request: Request, look: Look, made: Quartered, dealt: Dealt, line: str) -> Sequence[Item]:
    if made.revision is None:
        return dealt.records.get(line, ())
    async with db_of(request).begin(Scope.of(look.seat.caller), readonly=True) as conn:
        return await store.records(conn, made.county, made.quarter, made.revision, look.seat.region, line)


async def _readable(request: Request, look: Look, items: Sequence[Item]) -> Sequence[Item]:
    """Without the alerts and appeals that the reader himself may not read."""
    ids = [item.id for item in items if item.kind in ("alert", "appeal")]
    if not ids:
        return items
    query = (
        "SELECT alert_id FROM supervised_alerts WHERE alert_id = ANY($1::text[])"
        " UNION ALL SELECT appeal_id FROM supervised_appeals WHERE appeal_id = ANY($1::text[])"
    )
    async with db_of(request).begin(Scope.of(look.seat.caller), readonly=True) as conn:
        may = {row["alert_id"] for row in await conn.fetch(query, ids)}
    return [item for item in items if item.kind not in ("alert", "appeal") or item.id in may]


def _dealt(made: Quartered, region: str) -> Dealt:
    found = made.cards.get(region)
    if found is None:
        raise NoSuchCard("只有村和镇有评价卡", "Only villages and towns have cards")
    return found


def _card(made: Quartered, code: str) -> Card | None:
    found = made.cards.get(code)
    return found.card if found else None


def _sorted(cards: Sequence[CardBrief], sort: str) -> list[CardBrief]:
    keys = {
        "score": lambda one: (one.score is None, -(one.score or 0), one.region.code),
        "change": lambda one: (one.change is None, one.change or 0, one.region.code),
        "region": lambda one: one.region.code,
    }
    return sorted(cards, key=keys[sort])


async def _note(request: Request, look: Look, deed: str, *, hourly: bool) -> None:
    about = f"evaluation:{look.seat.region}/{look.quarter}"
    async with db_of(request).begin(Scope.of(look.seat.caller)) as conn:
        await audit.record(
            conn, look.seat.caller, deed, about, {"quarter": str(look.quarter)}, region=look.seat.region, hourly=hourly
        )


async def _deed(conn: Connection, caller: Principal, deed: str, about: str, county: str, quarter: Quarter) -> None:
    await audit.record(conn, caller, deed, about, {"quarter": str(quarter)}, region=county)
