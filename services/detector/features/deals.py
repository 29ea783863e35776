"""What a company won or was paid for: its facts a case, in event time."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from services.detector.distil import Fact
from shared import regions
from shared.contracts.alerts import Bilingual, Evidence

_WORTH = ("award_fen", "contract_fen", "settlement_fen", "annual_rent_fen")


@dataclass(frozen=True)
class Deal:
    """One case that a company won or was paid in: its facts in event time."""

    facts: tuple[Fact, ...]

    @property
    def case(self) -> tuple[str, str]:
        """Id and number of the case."""
        return str(self.facts[0].data["case_id"]), str(self.facts[0].data["case_no"])

    @property
    def village(self) -> str:
        """Whose case it is."""
        return self.facts[0].village_code

    @property
    def town(self) -> str:
        """The village's town."""
        return str(self.facts[0].data["town_code"])

    @property
    def amount_fen(self) -> int:
        """What it was paid or is to get, the larger."""
        told: dict[str, int] = {}
        for fact in self.facts:
            told.update({name: fact.data["fields"].get(name, told.get(name, 0)) for name in _WORTH})
        paid = sum(fact.data["fields"].get("payment_fen", 0) for fact in self.facts)
        return int(max(paid, *told.values()))


def deals_of(facts: Sequence[Fact]) -> list[Deal]:
    """The deals that a company's facts tell of."""
    by_case: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        by_case[fact.data["case_id"]].append(fact)
    return [Deal(tuple(some)) for some in by_case.values()]


def in_turn(deals: Sequence[Deal]) -> list[Deal]:
    """By the time of their first facts."""
    return sorted(deals, key=lambda deal: (deal.facts[0].occurred_at, deal.facts[0].event_id))


def listed(deals: Sequence[Deal]) -> tuple[Evidence, ...]:
    """The deals as an alert lists them."""
    return tuple(_evidence(deal) for deal in deals)


def _evidence(deal: Deal) -> Evidence:
    last, village = deal.facts[-1], regions.name(deal.village)
    return Evidence(
        label=Bilingual(zh="承接案件", en="Work"),
        value=f"{last.data['case_no']} {last.data['title']}({village}) {deal.amount_fen / 100:,.2f} 元",
        source=last.event_id,
        occurred_at=last.occurred_at,
    )
