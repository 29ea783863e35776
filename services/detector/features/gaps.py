"""How far the winner's price lies from the next, against how the losers' prices lie among themselves."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from services.detector.features.case import Case, History, history, occasion, the_case
from services.detector.features.network import Bidding, bidding
from services.detector.subjects import Occasion, Params, Subject, View


@dataclass(frozen=True)
class PriceGap:
    """Of the lowest and the next offer. `relative` is their distance over the spread of the losing offers.

    `last_in` means that the winner handed in after all others; `losers` counts the offers behind it.
    """

    losers: int
    gap_pct: float
    relative: float
    last_in: bool


def _gap(so_far: History, winner: str) -> PriceGap | None:
    """None unless the lowest of at least three valid offers won."""
    bids = sorted((bid for bid in so_far.bids.values() if bid.valid), key=lambda bid: (bid.price_fen, bid.company_id))
    if len(bids) < 3 or bids[0].company_id != winner or bids[0].price_fen <= 0:
        return None
    first, losing = bids[0], [bid.price_fen for bid in bids[1:]]
    spread = statistics.stdev(losing)
    others = [bid.submitted_at for bid in bids[1:] if bid.submitted_at]
    return PriceGap(
        losers=len(losing),
        gap_pct=round(100 * (losing[0] / first.price_fen - 1), 6),
        relative=(losing[0] - first.price_fen) / spread if spread else 0.0,
        last_in=first.submitted_at is not None and len(others) == len(losing) and max(others) < first.submitted_at,
    )


def _gap_occasions(view: View, params: Params) -> Iterator[Occasion]:
    so_far, case = history(view), the_case(view)
    gap = _gap(so_far, case.supplier_id) if case.supplier_id else None
    if gap is not None:
        yield occasion(
            view,
            features={"gap": partial(_known, gap), "bidding": partial(view.once, Bidding, partial(bidding, view))},
        )


def _known(gap: PriceGap) -> PriceGap:
    return gap


GAP = Subject(
    "gap",
    "中标价与次低价之差",
    "the gap between the winner's offer and the next",
    frozenset({"case"}),
    {"case": Case, "gap": PriceGap, "bidding": Bidding},
    _gap_occasions,
)
