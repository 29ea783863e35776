"""Trades: what a firm won, and whether its registered scope covers it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from services.detector.features.deals import Deal, deals_of, in_turn, listed
from services.detector.names import plain
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from shared.contracts.reference import Company

_TRADES: Sequence[Mapping[str, Any]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))[
    "trades"
]
_MATTERS = ("PR", "EN")


@dataclass(frozen=True)
class Trades:
    """What a firm won in a town outside its scope; of one without a scope on record, its most trades in a window."""

    company_id: str
    company: str
    scope: str
    town: str
    outside: int
    outside_trades: tuple[str, ...]
    sum_fen: int
    awards: int
    trades: int
    trade_names: tuple[str, ...]


def _trade(deal: Deal) -> Mapping[str, Any] | None:
    told: dict[str, Any] = {}
    for fact in deal.facts:
        told.update(fact.data["fields"])
    words = plain(f"{told.get('item', '')}{told.get('category', '')}" or deal.facts[0].data["title"])
    return next((trade for trade in _TRADES if any(word in words for word in trade["told_by"])), None)


def _trades_occasions(view: View, params: Params) -> Iterator[Occasion]:
    id = view.key.split(":", 1)[1]
    company = view.reference.one(Company, id)
    scope = plain(company.scope or "") if company else ""
    deals = [deal for deal in in_turn(deals_of(view.facts)) if deal.facts[0].data["matter"] in _MATTERS]
    told = [(deal, trade) for deal in deals if (trade := _trade(deal))]
    towns: dict[str, list[tuple[Deal, Mapping[str, Any]]]] = defaultdict(list)
    for deal, trade in told:
        towns[deal.town].append((deal, trade))
    window = timedelta(days=30 * int(params["window_months"]))
    for town, won in sorted(towns.items()):
        outside = [
            (deal, trade) for deal, trade in won if scope and not any(map(scope.__contains__, trade["covered_by"]))
        ]
        # Who may do many things and does them is no riddle: trades are counted where nobody knows what he may do.
        dense = _most_trades(won, window) if not scope else []
        if not outside and not dense:
            continue
        trades = Trades(
            company_id=id,
            company=company.name if company else _named(won[-1][0]),
            scope=company.scope or "" if company else "",
            town=town,
            outside=len(outside),
            outside_trades=tuple(sorted({trade["zh"] for _, trade in outside})),
            sum_fen=sum(deal.amount_fen for deal, _ in outside or dense),
            awards=len(dense),
            trades=len({trade["trade"] for _, trade in dense}),
            trade_names=tuple(sorted({trade["zh"] for _, trade in dense})),
        )
        shown = [deal for deal, _ in outside or dense]
        yield Occasion(
            features={"trades": at_hand(trades)},
            given=frozenset(),
            matter=shown[0].facts[0].data["matter"],
            village_code=shown[0].village,
            town_code=town,
            cases=tuple(deal.case for deal in shown),
            occurred_at=max(fact.occurred_at for deal in shown for fact in deal.facts),
            trail=partial(listed, shown),
        )


def _named(deal: Deal) -> str:
    return next(
        (fact.data["fields"]["supplier_name"] for fact in deal.facts if "supplier_name" in fact.data["fields"]), ""
    )


def _most_trades(
    won: Sequence[tuple[Deal, Mapping[str, Any]]], window: timedelta
) -> list[tuple[Deal, Mapping[str, Any]]]:
    """The deals of the window with most trades, the earliest of several."""
    best: list[tuple[Deal, Mapping[str, Any]]] = []
    counted: dict[str, int] = defaultdict(int)
    most = end = 0
    for start, (first, trade) in enumerate(won):
        while end < len(won) and won[end][0].facts[0].occurred_at - first.facts[0].occurred_at <= window:
            counted[won[end][1]["trade"]] += 1
            end += 1
        kinds = sum(1 for count in counted.values() if count)
        if kinds > most:
            most, best = kinds, list(won[start:end])
        counted[trade["trade"]] -= 1
    return best


TRADES = Subject(
    "trades",
    "每个单位承接的行业(按镇)",
    "the trades that a company won in, a town at a time",
    frozenset({"company"}),
    {"trades": Trades},
    _trades_occasions,
    {"window_months": int},
)
