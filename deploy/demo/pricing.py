"""The county's price library, and bills that keep to it."""

from collections.abc import Iterator
from datetime import date
from random import Random

from deploy.demo.words import WORDS
from shared.contracts.power import BillLine
from shared.contracts.reference import ReferencePrice

_MAIN_SHARE = 0.55
_FEWEST = 10
_FAIR = (0.92, 1.1)


def library(since: date) -> Iterator[ReferencePrice]:
    """The price of the main item of each kind of works, from a day on."""
    for number, (item, unit, yuan) in enumerate(WORDS["prices"].values(), start=1):
        yield ReferencePrice(
            id=f"price-{number}",
            valid_from=since,
            item=item,
            unit=unit,
            price_fen=yuan * 100,
            observations=12,
            spread_pct=6.0,
        )


def bill(kind: str, total_fen: int, rng: Random) -> tuple[BillLine, ...]:
    """A bill of works of a kind at fair prices; of another kind, or of next to nothing, none."""
    if kind not in WORDS["prices"]:
        return ()
    item, _, yuan = WORDS["prices"][kind]
    if total_fen < _FEWEST * yuan * 100:
        return ()
    return of_price(item, round(yuan * 100 * rng.uniform(*_FAIR)), total_fen)


def of_price(item: str, price_fen: int, total_fen: int) -> tuple[BillLine, ...]:
    """A bill of one item at a price, and all else in one line."""
    quantity = max(1, int(total_fen * _MAIN_SHARE / price_fen))
    main = quantity * price_fen
    return (
        BillLine(name=item, quantity=float(quantity), unit_price_fen=price_fen, amount_fen=main),
        BillLine(name="措施费及其他", quantity=1.0, unit_price_fen=total_fen - main, amount_fen=total_fen - main),
    )
