"""A county's history from one seed: its registers, its cases over all flows, and what was planted among them."""

import heapq
import math
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from deploy.demo import near_misses, sheets, violations
from deploy.demo.cases import Draft, Recorded, record
from deploy.demo.county import County
from deploy.demo.drafting import LEASING, TRADES, Chosen, Drafter
from deploy.demo.labels import Label, Quiet, reminder
from deploy.demo.leasing import Lettings
from deploy.demo.ledger import EMERGENCIES, RARELY, Ledger
from deploy.demo.period import Period
from deploy.demo.schedule import at_office, local_day, working_day
from deploy.demo.violations.ground import Ground
from deploy.demo.words import WORDS
from services.approval import flows
from services.approval.cases import RoleHolder
from shared import regions
from shared.bus.envelope import Envelope
from shared.contracts import power, reference
from shared.contracts.power import PowerEvent
from shared.contracts.reference import Record

SOURCE = "/approval"
EVENTS = uuid.UUID("0d6a6f7e-3f0d-5a2b-8c43-2b1f7b0c9e55")
# How often each flow is walked, roughly as in a real year of a village.
_FREQUENCY = {
    **{"PR1": 20, "PR2": 9, "PR3": 2, "PR4": 1},
    **{"EN1": 8, "EN2": 6, "EN3": 2, "EN4": 0.5, "EN5": 2, "EN6": 1},
    **{"AS1": 4, "AS2": 3, "AS3": 1, "AS4": 2},
    **{"LA1": 10, "LA2": 3, "LA3": 5},
    **{"RE1": 3, "RE2": 6, "RE3": 2},
    **{"SE1": 14, "SE2": 5},
}
_CHANGE = "EN5"
_REFERRING = (_CHANGE, "SE2")
_SEALING = ("SE2",)
_ALL_USED_UP = "SE1"
# An emergency purchase of so many days ago waits for the committees; these members have voted already.
_BALLOT_DAYS, _VOTERS = 10, ("沈建芳", "陆国平")
_UNDER_WAY = ("SE1", "PR1", "LA1", "EN1", "PR2", "RE2", "AS1", "EN2")
_CASES_OF_A_VILLAGE_YEAR = 25
_YEAR = timedelta(days=365)
_SHORTEST_YEARS = 1.25
_MARKET_FIRMS_PER_CASE = 1 / 4
_SMALLEST_MARKET = 120
_A_CHANGE_TAKES = timedelta(days=40)


@dataclass(frozen=True)
class Size:
    """How much of a county: about so many events, ending at a moment; `planted` times each kind of violation."""

    events: int
    until: datetime
    planted: int = 1

    @property
    def cases(self) -> int:
        """How many innocent cases that takes."""
        weights = sum(_FREQUENCY.values())
        catalogue = flows.load()
        length = sum(n * (1 + len(catalogue.flow(code).nodes)) for code, n in _FREQUENCY.items()) / weights
        return math.ceil(self.events / length)

    @property
    def period(self) -> Period:
        """Its history begins a year before the end, or earlier when that would crowd the villages."""
        years = max(_SHORTEST_YEARS, self.cases / len(regions.villages()) / _CASES_OF_A_VILLAGE_YEAR)
        return Period(self.until - years * _YEAR, self.until)


class Simulation:
    """One county. `records` and `labels` are complete at once; `cases` and `events` are walked when asked for, once.

    `near_misses` are innocent patterns among its cases. `reminders` are the labels of cases found waiting on the way:
    honest, but near the end of a term.
    """

    def __init__(self, *, seed: int, size: Size, secret: str) -> None:
        self._rng = Random(f"county {seed}")
        self._size = size
        market = max(_SMALLEST_MARKET, round(size.cases * _MARKET_FIRMS_PER_CASE))
        self.county = County(self._rng, secret, market=market, period=size.period)
        self.county.dangers.season(size.period, Random(f"dangers {seed}"))
        self._drafter = Drafter(self.county, seed, self._rng)
        self._ledger = Ledger(self._rng)
        assets = {code: village.assets for code, village in self.county.villages.items()}
        self._lettings = Lettings(assets, self.county.market["tenants"], size.period, self._rng)
        for lease in self._lettings.registered():
            self.county.register(lease)
        planted = violations.plant(self.county, self._drafter, self._ledger, self._rng, size.period, size.planted)
        self.labels: tuple[Label, ...] = tuple(label for _, label in planted)
        self.reminders: list[Label] = []
        drafts = [draft for each, _ in planted for draft in each.drafts]
        near = self._near_misses()
        self.near_misses: tuple[Quiet, ...] = tuple(quiet for _, quiet in near)
        self._planted = sorted([*drafts, *(draft for some, _ in near for draft in some)], key=_opened)

    def records(self) -> list[Record]:
        """All records of all registers."""
        return list(self.county.records())

    def cases(self) -> Iterator[Recorded]:
        """Every case as it stands at the end, by the time of its opening."""
        for draft in heapq.merge(self._innocent(), self._planted, key=_opened):
            recorded = record(sheets.complete(draft, self.county.people), self._size.until)
            if due := reminder(recorded.case, self._size.until):
                self.reminders.append(due)
            yield recorded

    def under_way(self, village: str) -> Iterator[Recorded]:
        """A few honest cases of a village that began in the last days and wait for somebody; ask for `cases` first."""
        today = local_day(self._size.until)
        for days, code in enumerate(_UNDER_WAY, start=1):
            opened_at = at_office(working_day(today - timedelta(days=days)), self._rng)
            draft = self._drafter.draft(code, village, min(opened_at, self._size.until))
            yield record(sheets.complete(draft, self.county.people), self._size.until)
        yield self._at_ballot(village, at_office(working_day(today - timedelta(days=_BALLOT_DAYS)), self._rng))

    def _at_ballot(self, village: str, opened_at: datetime) -> Recorded:
        """An emergency purchase that waits for the two committees' votes; two members have voted."""
        draft = self._drafter.draft("PR4", village, opened_at)
        decides = draft.step("PR4-05")
        draft.steps[:] = [step for step in draft.steps if step.node.order < decides.node.order]
        told = record(draft, self._size.until)
        if told.case.node != decides.node.code:
            return told
        case, events = told.case, list(told.events)
        for number, name in enumerate(_VOTERS, start=1):
            by = RoleHolder(f"demo-member-{number}", name, frozenset({decides.node.role}))
            case, ballot = case.cast(
                draft.flow, node=decides.node.code, vote="for", by=by, concerned=(), now=self._size.until
            )
            events.append(ballot)
        return Recorded(case, tuple(events))

    def events(self) -> Iterator[tuple[datetime, Envelope]]:
        """Every event in the order of event time, as approval publishes it."""
        waiting: list[tuple[datetime, int, PowerEvent]] = []
        order = count()
        for case in self.cases():
            opened_at = case.events[0].occurred_at
            while waiting and waiting[0][0] < opened_at:
                event = heapq.heappop(waiting)[2]
                yield event.occurred_at, told_event(event)
            for event in case.events:
                heapq.heappush(waiting, (event.occurred_at, next(order), event))
        while waiting:
            event = heapq.heappop(waiting)[2]
            yield event.occurred_at, told_event(event)

    def _near_misses(self) -> list[tuple[tuple[Draft, ...], Quiet]]:
        ground = Ground(self.county, self._drafter, self._ledger, self._rng, self._size.period)
        made = [(kind, kind.drafts(ground)) for _ in range(self._size.planted) for kind in near_misses.KINDS]
        return [
            (drafts, Quiet(kind.name, kind.rules, tuple(draft.case_id for draft in drafts))) for kind, drafts in made
        ]

    def _innocent(self) -> Iterator[Draft]:
        """Honest cases, evenly over the time; the first ones show each flow once.

        Works are changed once at most, and long enough before they are settled.
        """
        villages = [village.code for village in regions.villages()]
        to_show = list(flows.load().flows)
        last_works: dict[str, Draft] = {}
        for number, opened_at in enumerate(self._openings()):
            village = villages[number % len(villages)] if number < len(villages) else self._rng.choice(villages)
            code = self._flow(to_show, village, opened_at, last_works)
            if code in _REFERRING:
                code, village = self._referring(code, village, opened_at, last_works)
            draft = self._draft(code, village, opened_at, last_works.get(village))
            if code == _CHANGE:
                last_works.pop(village, None)
            elif draft.flow.matter == "EN":
                last_works[village] = draft
            yield draft

    def _openings(self) -> list[datetime]:
        total, since = self._size.cases, self._size.period.since
        step = (self._size.until - since) / total
        moments = [at_office(working_day(local_day(since + step * number)), self._rng) for number in range(total)]
        return sorted(moment for moment in moments if moment <= self._size.until)

    def _flow(self, to_show: list[str], village: str, opened_at: datetime, last_works: Mapping[str, Draft]) -> str:
        """A flow that is still to be shown, or one by chance; an emergency only where there is a danger."""
        day = local_day(opened_at)

        def can_be_shown(code: str) -> bool:
            referred = code not in _REFERRING or bool(_referable(code, opened_at, last_works))
            return referred and self.county.dangers.allow(code, village, day)

        shown = next(filter(can_be_shown, to_show), None)
        if shown:
            to_show.remove(shown)
            return shown
        code = self._rng.choices(list(_FREQUENCY), weights=list(_FREQUENCY.values()))[0]
        return code if self.county.dangers.allow(code, village, day) else _ALL_USED_UP

    def _referring(
        self, code: str, village: str, opened_at: datetime, last_works: Mapping[str, Draft]
    ) -> tuple[str, str]:
        """The flow that refers to works, in this village or in another one that has such works; else another flow."""
        villages = _referable(code, opened_at, last_works)
        if not villages:
            return _ALL_USED_UP, village
        return code, village if village in villages else self._rng.choice(villages)

    def _draft(self, code: str, village: str, opened_at: datetime, related: Draft | None) -> Draft:
        """A case that is like no other of its village near in time."""
        chosen = self._apart(code, village, opened_at)
        if chosen is None:
            return self._drafter.draft(_ALL_USED_UP, village, opened_at)
        if related and code in _REFERRING:
            chosen.related_case_no = related.case_no
        if related and code in _SEALING:
            chosen.contract = _signed(related, opened_at)
        if related and code == _CHANGE:
            chosen.amount_yuan = _small_change(related)
        return self._drafter.draft(code, village, opened_at, chosen)

    def _apart(self, code: str, village: str, opened_at: datetime) -> Chosen | None:
        trade = TRADES.get(code[:2])
        if trade is None or code == _CHANGE:
            return Chosen()
        if code in LEASING:
            letting = self._lettings.take(village, opened_at)
            return Chosen(winner=letting.tenant, letting=letting) if letting else None
        winner = self._ledger.choose(f"{village} {trade}", self.county.market[trade], opened_at)
        if trade == "tenants":
            return Chosen(winner=winner)
        if code in EMERGENCIES and not self._ledger.choose(f"{village} emergencies", RARELY, opened_at):
            return None
        words = "works" if trade == "works" else "purchases"
        kind = self._ledger.choose(f"{village} {words}", WORDS[words], opened_at)
        place = self._ledger.choose(f"{village} {words} places", WORDS["places"], opened_at)
        return Chosen(kind=kind, place=place, winner=winner) if kind and place and winner else None


def _referable(code: str, opened_at: datetime, last_works: Mapping[str, Draft]) -> list[str]:
    """The villages whose last works a case may refer to now: a change only to those that are far from settled."""
    if code != _CHANGE:
        return list(last_works)
    return [village for village, works in last_works.items() if _may_be_changed(works, opened_at)]


def _may_be_changed(works: Draft, moment: datetime) -> bool:
    signed, settled = works.first_with("contract_no"), works.first_with("settlement_fen")
    return bool(signed and settled and signed.at <= moment <= settled.at - _A_CHANGE_TAKES)


def _signed(works: Draft, moment: datetime) -> Mapping[str, Any] | None:
    """The contract of works as its seal is asked for, once it is signed."""
    signed = works.first_with("contract_no")
    if signed is None or signed.at > moment:
        return None
    return {
        name: signed.fields[name] for name in ("contract_no", "contract_fen", "supplier_name") if name in signed.fields
    }


def _small_change(works: Draft) -> int:
    """A change of half a per cent of the contract, in yuan."""
    contract = works.first_with("contract_fen")
    return max(1, contract.fields["contract_fen"] // 20_000) if contract else 1


def _opened(draft: Draft) -> datetime:
    return draft.opened_at


def told_event(event: PowerEvent) -> Envelope:
    """A step as approval publishes it."""
    return Envelope.of(
        event,
        source=SOURCE,
        topic=power.TOPIC,
        key=event.village_code,
        time=event.occurred_at,
        subject=event.case_id,
        id=event_id(event),
    )


def event_id(event: PowerEvent) -> str:
    """The id of a simulated event, the same on every run."""
    return str(uuid.uuid5(EVENTS, f"{event.case_id}|{event.sequence}"))


def told_record(record: Record) -> Envelope:
    """A register's record as the detector publishes it."""
    at = datetime.combine(record.valid_from, datetime.min.time(), UTC)
    return Envelope(
        id=str(uuid.uuid5(EVENTS, f"{record.DATASET}|{record.id}")),
        source="/detector/reference",
        type=reference.RECORD_SET,
        time=at,
        key=record.id,
        topic=reference.topic(record.DATASET),
        data=record.model_dump(mode="json", exclude_defaults=True),
    )
