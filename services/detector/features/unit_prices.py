"""Unit prices of a bill beside the county's price library."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.detector.distil import Fact
from services.detector.features.case import Case, history, occasion, the_case
from services.detector.features.matches import day_of, in_force
from services.detector.features.network import Bidding, bidding
from services.detector.names import plain
from services.detector.registers import Need, Reference
from services.detector.subjects import Occasion, Params, Subject, View
from shared.contracts.alerts import Bilingual, Evidence
from shared.contracts.reference import ReferencePrice

_MATTERS = ("PR", "EN")


@dataclass(frozen=True)
class UnitPrice:
    """A line of a bill. `over_pct` is how far it lies above the library's price, `error_pct` twice that one's spread.

    `observations` are the prices that the library's price was made of.
    """

    item: str
    unit: str
    quantity: float
    price_fen: int
    reference_fen: int
    over_pct: float
    error_pct: float
    observations: int
    excess_fen: int


def needs_of_prices(facts: Sequence[Fact]) -> set[Need]:
    """The library's price of every item billed."""
    lines = (line for fact in facts for line in fact.data.get("fields", {}).get("bill", ()))
    return {Need("prices", "item", plain(line["name"])) for line in lines}


def _price_occasions(view: View, params: Params) -> Iterator[Occasion]:
    case = the_case(view)
    if case.matter not in _MATTERS or case.withdrawn:
        return
    found: dict[str, tuple[Fact, UnitPrice]] = {}
    for fact, bill in history(view).given("bill"):
        for line in bill:
            price = _price(line, fact, view.reference)
            item = plain(line["name"])
            if price and (item not in found or price.over_pct > found[item][1].over_pct):
                found[item] = (fact, price)
    for _, (fact, price) in sorted(found.items()):
        yield occasion(
            view,
            features={"price": partial(_known, price), "bidding": partial(view.once, Bidding, partial(bidding, view))},
            fact=fact,
            trail=partial(_billed, fact, price),
        )


def _known(price: UnitPrice) -> UnitPrice:
    return price


def _price(line: Mapping[str, Any], fact: Fact, reference: Reference) -> UnitPrice | None:
    day = day_of(fact.occurred_at)
    prices = [one for one in reference.all(ReferencePrice, "item", plain(line["name"])) if in_force(one, day)]
    if not prices or prices[0].price_fen <= 0:
        return None
    known = max(prices, key=lambda one: (one.valid_from, one.id))
    over = line["unit_price_fen"] - known.price_fen
    return UnitPrice(
        item=line["name"],
        unit=known.unit,
        quantity=line["quantity"],
        price_fen=line["unit_price_fen"],
        reference_fen=known.price_fen,
        over_pct=round(100 * over / known.price_fen, 6),
        error_pct=2 * known.spread_pct,
        observations=known.observations,
        excess_fen=round(over * line["quantity"]),
    )


def _billed(fact: Fact, price: UnitPrice) -> tuple[Evidence, ...]:
    return (
        Evidence(
            label=Bilingual(zh="清单", en="Bill"),
            value=f"{price.item} {price.quantity:g} {price.unit} × {price.price_fen / 100:,.2f} 元",
            source=fact.event_id,
            occurred_at=fact.occurred_at,
        ),
    )


UNIT_PRICE = Subject(
    "unit_price",
    "清单中有参考价的每一项",
    "each item of a bill that the price library knows",
    frozenset({"case"}),
    {"case": Case, "price": UnitPrice, "bidding": Bidding},
    _price_occasions,
)
