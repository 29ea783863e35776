"""Awards over time: who gets most of a village's, and how many lie just under a limit."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.detector.features.entries import Entry, entry_of, ledger_occasion
from services.detector.features.spans import dense, runs, year_of
from services.detector.key_facts import CaseFacts
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from shared.formats import yuan

_AMOUNTS = ("award_fen", "contract_fen")


@dataclass(frozen=True)
class Award:
    """One case that was awarded: when, to whom, for how much."""

    entry: Entry
    at: datetime
    supplier: str
    supplier_name: str
    amount_fen: int


def _awards(view: View) -> list[Award]:
    """The awards of the view's cases, by the time they were made."""
    found = (case.once(Award, _award) for case in view.facts.cases)
    return sorted((award for award in found if award), key=lambda award: (award.at, award.entry.case_id))


def _award(case: CaseFacts) -> Award | None:
    entry = entry_of(case)
    if entry is None:
        return None
    told = entry.told
    amount = next((told[name] for name in _AMOUNTS if told.get(name)), 0)
    if not amount or not told.get("supplier_id"):
        return None
    made = next(fact for fact in entry.facts if any(name in fact.data["fields"] for name in _AMOUNTS))
    return Award(entry, made.occurred_at, told["supplier_id"], told.get("supplier_name", told["supplier_id"]), amount)


def _at(award: Award) -> datetime:
    return award.at


@dataclass(frozen=True)
class Share:
    """What one supplier got of a village's awards. The shares are the highest of any window that ends at its award."""

    scope: str
    supplier_id: str
    supplier: str
    anchor: str
    awards: int
    sum_fen: int
    awards_pct: float
    sum_pct: float
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class _Held:
    """A window that ends at a supplier's award: how many of how many, and what share of the money."""

    awards: tuple[Award, ...]
    awards_pct: float
    sum_pct: float


def _shares(view: View, params: Params) -> Iterator[tuple[Share, list[Award]]]:
    window, least = timedelta(days=int(params["window_days"])), int(params["min_awards"])
    counted = [award for award in view.once(Award, lambda: _awards(view)) if award.entry.flow in params["flows"]]
    held: dict[str, list[_Held]] = {}
    mine: dict[str, deque[Award]] = {}
    sums: Counter[str] = Counter()
    inside: deque[Award] = deque()
    total = 0
    for award in counted:
        inside.append(award)
        mine.setdefault(award.supplier, deque()).append(award)
        sums[award.supplier] += award.amount_fen
        total += award.amount_fen
        while award.at - inside[0].at > window:
            gone = inside.popleft()
            mine[gone.supplier].popleft()
            sums[gone.supplier] -= gone.amount_fen
            total -= gone.amount_fen
        own = mine[award.supplier]
        if len(own) >= least:
            by_count, by_sum = 100 * len(own) / len(inside), 100 * sums[award.supplier] / total
            if max(by_count, by_sum) >= float(params["share_pct"]):
                held.setdefault(award.supplier, []).append(_Held(tuple(own), by_count, by_sum))
    for supplier, windows in sorted(held.items()):
        every = sorted({award.entry.case_id: award for one in windows for award in one.awards}.values(), key=_at)
        for run in runs(every, at=_at, window=window):
            inside_run = [one for one in windows if one.awards[-1] in run]
            yield _share(view.key, supplier, run, inside_run), run


def _share(scope: str, supplier: str, run: Sequence[Award], windows: Sequence[_Held]) -> Share:
    return Share(
        scope=scope,
        supplier_id=supplier,
        supplier=run[-1].supplier_name,
        anchor=str(year_of(run[0].at)),
        awards=len(run),
        sum_fen=sum(award.amount_fen for award in run),
        awards_pct=round(max(one.awards_pct for one in windows), 1),
        sum_pct=round(max(one.sum_pct for one in windows), 1),
        first_at=run[0].at,
        last_at=run[-1].at,
    )


def _share_occasions(view: View, params: Params) -> Iterator[Occasion]:
    for share, run in _shares(view, params):
        yield _occasion(run, [yuan(award.amount_fen) for award in run], share=share)


def _occasion(run: Sequence[Award], lines: Sequence[str], **features: object) -> Occasion:
    made = {name: at_hand(feature) for name, feature in features.items()}
    return ledger_occasion([award.entry for award in run], lines=lines, features=made, occurred_at=run[-1].at)


SHARE = Subject(
    "share",
    "一村中份额过高的供应商",
    "a supplier's share of a village's awards",
    frozenset({"village"}),
    {"share": Share},
    _share_occasions,
    {"window_days": int, "min_awards": int, "share_pct": float, "flows": list},
)


@dataclass(frozen=True)
class Brink:
    """Awards just under the limits of their flows: one supplier's over all villages, or one village's."""

    scope: str
    one_supplier: bool
    supplier: str
    anchor: str
    awards: int
    villages: int
    sum_fen: int
    first_at: datetime
    last_at: datetime


def _brink_occasions(view: View, params: Params) -> Iterator[Occasion]:
    limits = {flow: int(limit) * 100 for flow, limit in zip(params["flows"], params["limits_yuan"], strict=True)}
    near, least = float(params["near_pct"]) / 100, int(params["min_hits"])
    close = [
        award
        for award in view.once(Award, lambda: _awards(view))
        if limits.get(award.entry.flow, 0) * near <= award.amount_fen < limits.get(award.entry.flow, 0)
    ]
    window = timedelta(days=int(params["window_days"]))
    one_supplier = view.key.startswith("company:")
    for run in dense(close, at=_at, window=window, enough=lambda count, _: count >= least):
        if not one_supplier and len({award.supplier for award in run}) == 1:
            continue  # told of the supplier, whose awards in other villages count as well
        brink = Brink(
            scope=view.key,
            one_supplier=one_supplier,
            supplier=run[-1].supplier_name if one_supplier else "",
            anchor=str(year_of(run[0].at)),
            awards=len(run),
            villages=len({award.entry.village for award in run}),
            sum_fen=sum(award.amount_fen for award in run),
            first_at=run[0].at,
            last_at=run[-1].at,
        )
        lines = [f"{yuan(award.amount_fen)} < {yuan(limits[award.entry.flow])}" for award in run]
        yield _occasion(run, lines, brink=brink)


BRINK = Subject(
    "brink",
    "贴近限额的多次成交",
    "several awards just under their limits",
    frozenset({"village", "company"}),
    {"brink": Brink},
    _brink_occasions,
    {"window_days": int, "min_hits": int, "near_pct": float, "flows": list, "limits_yuan": list},
)
