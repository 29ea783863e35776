"""Where violations are planted: villages in turn, honest cases to twist, and what a planted violation leaves behind."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from deploy.demo import leasing
from deploy.demo.cases import Draft
from deploy.demo.companies import Company
from deploy.demo.county import County
from deploy.demo.drafting import LEASING, TRADES, Chosen, Drafter
from deploy.demo.ledger import EMERGENCIES, RARELY, Ledger
from deploy.demo.people import Person
from deploy.demo.period import Period
from deploy.demo.schedule import at_office, local_day, working_day
from deploy.demo.words import WORDS
from shared import regions
from shared.contracts.power import Bid
from shared.contracts.reference import Asset

_POND, _MU = "鱼塘水面", 10.0


@dataclass(frozen=True)
class Planted:
    """The cases of one violation, and whom it is about."""

    drafts: tuple[Draft, ...]
    company: Company | None = None
    person: Person | None = None


class Ground:
    """The county with its villages shuffled, so that violations lie apart from each other."""

    def __init__(self, county: County, drafter: Drafter, ledger: Ledger, rng: Random, period: Period) -> None:
        self.county = county
        self.rng = rng
        self.period = period
        self._drafter = drafter
        self._ledger = ledger
        self._villages = [village.code for village in regions.villages()]
        rng.shuffle(self._villages)
        self._turn = 0

    def village(self) -> str:
        """The next village in turn."""
        self._turn += 1
        return self._villages[self._turn % len(self._villages)]

    def village_for(self, what: str, at: datetime) -> str:
        """A village in which the same isn't planted near in time."""
        return self._ledger.choose(f"villages for {what}", self._villages, at) or self.village()

    def calm_village(self, *moments: datetime) -> str:
        """A village that declared no emergency near to any of these moments."""
        village = self.village()
        for _ in self._villages:
            if all(self._ledger.untouched(f"{village} emergencies", at) for at in moments):
                break
            village = self.village()
        return village

    def moment(self, days_to_end: int = 240) -> datetime:
        """An hour of office within the period, early enough that a case of so many days ends in it."""
        span = (self.period.until - self.period.since).days - days_to_end
        return self.later(self.period.since, self.rng.randint(5, max(6, span)))

    def later(self, moment: datetime, days: int) -> datetime:
        """An hour of office so many days later, or on the next working day after that."""
        return at_office(working_day(local_day(moment + timedelta(days=days))), self.rng)

    def case(
        self,
        code: str,
        *,
        village: str | None = None,
        at: datetime | None = None,
        chosen: Chosen | None = None,
        in_danger: bool = True,
        relet: bool = True,
    ) -> Draft:
        """An honest case that shares nothing with others of its village near in time, unless so chosen.

        What answers an emergency has one, unless it is not `in_danger`. What is let is let to somebody else when its
        lease has ended, unless it is not `relet`.
        """
        at, chosen = at or self.moment(), chosen or Chosen()
        matter = code[:2]
        firm = chosen.winner or (chosen.bidders[0] if chosen.bidders else None)
        village = village or (self._new_to(firm, TRADES[matter], at) if firm else self.village())
        if in_danger:
            self.county.dangers.answered(code, village, local_day(at))
        if matter in ("EN", "PR"):
            words = "works" if matter == "EN" else "purchases"
            chosen.kind = chosen.kind or self._apart(f"{village} {words}", WORDS[words], at)
            chosen.place = chosen.place or self._apart(f"{village} {words} places", WORDS["places"], at)
        if matter in TRADES and firm is None:
            trade = TRADES[matter]
            chosen.winner = self._ledger.choose(f"{village} {trade}", self.county.market[trade], at)
        elif firm is not None:
            self._ledger.note(f"{village} {TRADES[matter]}", firm, at)
        if code in EMERGENCIES:
            self._ledger.choose(f"{village} emergencies", RARELY, at)
        if code in LEASING:
            chosen.asset = chosen.asset or self.asset(village)
        draft = self._drafter.draft(code, village, at, chosen)
        if chosen.asset and relet:
            self.relet(draft, chosen.asset)
        return draft

    def asset(self, village: str) -> Asset:
        """A further asset of a village, of the kind and size of one that it has."""
        like = self.rng.choice(self.county.villages[village].assets)
        return self.county.asset(village, like.kind, quantity=like.quantity or 1, unit=like.unit or "")

    def pond(self, village: str) -> Asset:
        """A further pond of a village, of ten mu."""
        return self.county.asset(village, _POND, quantity=_MU, unit=leasing.unit(_POND))

    def relet(self, draft: Draft, asset: Asset) -> None:
        """Let an asset go on being let when the lease of a case has ended."""
        told = draft.first_with("lease_to")
        assert told is not None
        begins, until = told.fields["lease_to"] + timedelta(days=1), local_day(self.period.until)
        for lease in leasing.relet(asset, self.county.market["tenants"], begins, until, self.rng):
            self.county.register(lease)

    def _new_to(self, firm: Company, trade: str, at: datetime) -> str:
        """The next village for which a firm has done nothing near in time."""
        village = self.village()
        for _ in self._villages:
            if self._ledger.choose(f"{village} {trade}", (firm,), at):
                break
            village = self.village()
        return village

    def winner_of(self, draft: Draft) -> Company:
        """The company that a case was given to."""
        told = draft.first_with("supplier_id")
        assert told is not None
        return next(company for company in self.county.companies if company.id == told.fields["supplier_id"])

    def bids_of(self, draft: Draft) -> tuple[Bid, ...]:
        """The bids of a case, the winner's first."""
        told = draft.first_with("bids")
        assert told is not None
        bids: tuple[Bid, ...] = told.fields["bids"]
        return bids

    def _apart(self, where: str, among: list[str], at: datetime) -> str:
        return self._ledger.choose(where, among, at) or self.rng.choice(among)


@dataclass(frozen=True)
class Plant:
    """A kind of violation: the rules that must fire on it, those that may as well, and how it is made."""

    name: str
    rules: tuple[str, ...]
    make: Callable[[Ground], Planted]
    may: tuple[str, ...] = ()


@dataclass(frozen=True)
class NearMiss:
    """An innocent pattern that looks like what some rules are after: how it is made, and which rules must keep quiet.

    On its cases nothing may fire at all.
    """

    rules: tuple[str, ...]
    make: Callable[[Ground], Draft | tuple[Draft, ...]]

    @property
    def name(self) -> str:
        """What it is called."""
        return self.make.__name__

    def drafts(self, ground: Ground) -> tuple[Draft, ...]:
        """Its cases."""
        made = self.make(ground)
        return made if isinstance(made, tuple) else (made,)
