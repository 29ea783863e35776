"""How a tender went: how long it was open, and whose offers were turned down and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from services.detector.distil import Fact
from services.detector.features.case import Case, History, history, occasion, the_case
from services.detector.subjects import Occasion, Params, Subject, View
from services.detector.vocabulary import days_between, midnight


@dataclass(frozen=True)
class Rejected:
    """An offer that was turned down; `reason` is empty when none was written."""

    company: str
    price_fen: int
    reason: str


@dataclass(frozen=True)
class Tender:
    """From its notice to the first node with offers, and who was turned down.

    `open_days` are the days from the day of the notice to that of the opening; None where no notice is on record.
    """

    notice_node: str
    noticed_at: datetime | None
    opened_at: datetime
    open_days: int | None
    bidders: int
    rejected: tuple[Rejected, ...]
    winner: str
    winner_price_fen: int | None
    only_winner_left: bool
    lowest_rejected: bool


def _tender_occasions(view: View, params: Params) -> Iterator[Occasion]:
    opening = next((fact for fact, _ in history(view).given("bids")), None)
    if opening is not None:
        yield occasion(view, features={"tender": partial(_tender, view, opening)})


def _tender(view: View, opening: Fact) -> Tender:
    so_far = history(view)
    notice = _notice_before(so_far, opening)
    noticed_at = midnight(date.fromisoformat(notice.data["fields"]["notice_from"])) if notice else None
    bids = so_far.bids
    turned_down = [bid for bid in bids.values() if not bid.valid]
    winner = bids.get(the_case(view).supplier_id)
    lowest = min(bids.values(), key=lambda bid: bid.price_fen)
    return Tender(
        notice_node=notice.data["node"] if notice else "",
        noticed_at=noticed_at,
        opened_at=opening.occurred_at,
        open_days=days_between(noticed_at, opening.occurred_at) if noticed_at else None,
        bidders=len(bids),
        rejected=tuple(Rejected(bid.company_name, bid.price_fen, bid.reject_reason or "") for bid in turned_down),
        winner=winner.company_name if winner else "",
        winner_price_fen=winner.price_fen if winner else None,
        only_winner_left=winner is not None and winner.valid and len(turned_down) == len(bids) - 1,
        lowest_rejected=winner is not None and not lowest.valid and lowest.price_fen < winner.price_fen,
    )


def _notice_before(so_far: History, opening: Fact) -> Fact | None:
    """The notice nearest before the opening in the flow."""
    order = opening.data.get("node") or ""
    notices = (fact for fact, _ in so_far.given("notice_from") if fact.data.get("node", "") < order)
    return max(notices, key=lambda fact: (fact.data["node"], fact.data["sequence"]), default=None)


TENDER = Subject(
    "tender",
    "每次有报价的招标竞价",
    "each tender or enquiry with offers",
    frozenset({"case"}),
    {"case": Case, "tender": Tender},
    _tender_occasions,
)
