"""What adds up over time: works or purchases that look cut into parts, and invoices used twice."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any

from services.detector.distil import PAPER_READ, Fact
from services.detector.features.entries import entry_of
from services.detector.features.spans import dense, year_of
from services.detector.key_facts import CaseFacts, KeyFacts
from services.detector.subjects import Occasion, Params, Subject, View
from shared.contracts.alerts import Bilingual, Evidence

_AMOUNTS = ("contract_fen", "award_fen", "budget_fen", "estimate_fen")
_PART_WORDS = re.compile(r"[\W_\d一二三四五六七八九十东南西北零两]|第|期|标段|标|批|次|号|片|侧")
_BEFORE_VILLAGE = re.compile(r"^.*?(村|社区)(?=..)")


@dataclass(frozen=True)
class Cluster:
    """Cases that look like parts of one: alike in `by` (`label`), each below a limit, near in time.

    `anchor` is the year of the first part. With village, `by` and label it names the cluster: a further part joins it.
    """

    by: str
    label: str
    anchor: str
    scope: str
    parts: int
    sum_fen: int
    largest_fen: int
    limit_fen: int
    villages: int
    towns: int
    same_supplier: bool
    same_item: bool
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class _Part:
    case_id: str
    case_no: str
    title: str
    flow: str
    matter: str
    village: str
    town: str
    opened_at: datetime
    told_at: datetime
    amount_fen: int
    supplier: str
    likeness: Mapping[str, str]
    source: str


@lru_cache(maxsize=65536)
def stem(text: str) -> str:
    """A name without what tells parts apart: numbers, stages, lots, directions."""
    return _PART_WORDS.sub("", unicodedata.normalize("NFKC", text)).lower()


def _parts(facts: KeyFacts, across_villages: bool) -> list[_Part]:
    """The cases of these facts that have a worth and weren't withdrawn, by the time they were opened."""
    parts = (case.once((_Part, across_villages), partial(_part, across_villages)) for case in facts.cases)
    return sorted((part for part in parts if part), key=lambda part: (part.opened_at, part.case_id))


def _part(across_villages: bool, case: CaseFacts) -> _Part | None:
    entry = entry_of(case)
    if entry is None:
        return None
    told, facts = entry.told, case.facts
    paid = sum(fact.data["fields"].get("payment_fen", 0) for fact in facts)
    amount = next((told[name] for name in _AMOUNTS if told.get(name)), paid)
    if amount <= 0:
        return None
    data = facts[0].data
    item = told.get("item") or _BEFORE_VILLAGE.sub("", data["title"])
    likeness = {"item": stem(item), "location": stem(told.get("location", "")), "category": told.get("category", "")}
    if across_villages:
        likeness.pop("location")
    else:
        likeness["supplier"] = told.get("supplier_id", "")
    return _Part(
        case_id=data["case_id"],
        case_no=data["case_no"],
        title=data["title"],
        flow=data["flow"],
        matter=data["matter"],
        village=data["village_code"],
        town=data["town_code"],
        opened_at=facts[0].occurred_at,
        told_at=facts[-1].occurred_at,
        amount_fen=amount,
        supplier=told.get("supplier_id", ""),
        likeness=likeness,
        source=facts[-1].event_id,
    )


def _clusters(view: View, params: Params) -> Iterator[tuple[Cluster, list[_Part]]]:
    """One cluster a likeness, value and year; a likeness that only repeats an earlier one's parts is left out."""
    across = view.key.startswith("company:")
    flows, limits = params["flows"], [int(limit) * 100 for limit in params["limits_yuan"]]
    parts = [part for part in view.once("parts", lambda: _parts(view.facts, across)) if part.flow in flows]
    window, least_share = timedelta(days=params["window_days"]), float(params["least_part_pct"]) / 100
    asked = (tuple(flows), tuple(limits), window, least_share)
    told: list[set[str]] = []
    for by in ("item", "location", "category", "supplier"):
        alike: dict[str, list[_Part]] = defaultdict(list)
        for part in parts:
            if part.likeness.get(by):
                alike[part.likeness[by]].append(part)
        several = ((label, group) for label, group in alike.items() if len(group) > 1)
        for label, group in sorted(several):
            make = partial(_over, group, flows, limits, window, least_share)
            for limit_fen, members in view.facts.kept((Cluster, by, label, asked), tuple(group), make):
                ids = {part.case_id for part in members}
                if not any(ids <= others for others in told):
                    told.append(ids)
                    yield _cluster(by, label, members, limit_fen, view.key), members


def _over(
    group: list[_Part], flows: Sequence[str], limits: Sequence[int], window: timedelta, least_share: float
) -> list[tuple[int, list[_Part]]]:
    """The highest limit that parts below it add up to within a window, and all parts of such windows, a year each.

    A part below `least_share` of the limit is no part of it: what is bought again and again isn't cut up.
    """
    for step in reversed(range(len(limits))):
        limit = limits[step]
        fitting = [
            part for part in group if limit * least_share <= part.amount_fen < limit and flows.index(part.flow) <= step
        ]
        found = dense(
            fitting,
            at=lambda part: part.opened_at,
            window=window,
            weight=lambda part: part.amount_fen,
            enough=partial(_reached, limit),
        )
        if found:
            return [(limit, run) for run in found]
    return []


def _reached(limit: int, parts: int, total: int) -> bool:
    return parts > 1 and total >= limit


def _cluster(by: str, label: str, parts: list[_Part], limit_fen: int, key: str) -> Cluster:
    suppliers = [part.supplier for part in parts if part.supplier]
    return Cluster(
        by=by,
        label=label,
        anchor=str(year_of(parts[0].opened_at)),
        scope=key,
        parts=len(parts),
        sum_fen=sum(part.amount_fen for part in parts),
        largest_fen=max(part.amount_fen for part in parts),
        limit_fen=limit_fen,
        villages=len({part.village for part in parts}),
        towns=len({part.town for part in parts}),
        same_supplier=key.startswith("company:") or len(set(suppliers)) < len(suppliers),
        same_item=len({part.likeness["item"] for part in parts}) < len(parts),
        first_at=parts[0].opened_at,
        last_at=parts[-1].opened_at,
    )


def _cluster_occasions(view: View, params: Params) -> Iterator[Occasion]:
    for cluster, parts in _clusters(view, params):
        yield Occasion(
            features={"cluster": partial(_same, cluster)},
            given=frozenset(),
            matter=parts[0].matter,
            village_code=parts[0].village,
            town_code=parts[0].town,
            cases=tuple((part.case_id, part.case_no) for part in parts),
            occurred_at=max(part.told_at for part in parts),
            trail=partial(_listed, parts),
        )


def _listed(parts: Sequence[_Part]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            label=Bilingual(zh=f"第 {number} 项", en=f"Part {number}"),
            value=f"{part.case_no} {part.title} {part.amount_fen / 100:,.2f} 元",
            source=part.source,
            occurred_at=part.opened_at,
        )
        for number, part in enumerate(parts, start=1)
    )


def _same(value: Any) -> Any:
    return value


CLUSTER = Subject(
    "cluster",
    "时间窗内相似的工程或采购",
    "works or purchases alike within a window",
    frozenset({"village", "company"}),
    {"cluster": Cluster},
    _cluster_occasions,
    {"window_days": int, "flows": list, "limits_yuan": list, "least_part_pct": float},
)


@dataclass(frozen=True)
class Invoice:
    """One invoice number, wherever it was filed. `cases` counts cases, not nodes of a case."""

    number: str
    cases: int
    villages: int
    sellers: int
    same_amount: bool


def _invoice_occasions(view: View, params: Params) -> Iterator[Occasion]:
    cases = {fact.data["case_id"]: fact for fact in reversed(view.facts)}
    facts = sorted(cases.values(), key=lambda fact: (fact.occurred_at, fact.event_id))
    first = facts[0]
    fields = [fact.data["fields"] for fact in facts]
    sellers = {told.get("supplier_id") or told.get("payee_name") for told in fields} - {None}
    amounts = [told.get("invoice_fen") or told.get("payment_fen") for told in fields]
    invoice = Invoice(
        number=view.key.split(":", 1)[1],
        cases=len(cases),
        villages=len({fact.data["village_code"] for fact in facts}),
        sellers=len(sellers),
        same_amount=len({amount for amount in amounts if amount}) == 1 and None not in amounts,
    )
    yield Occasion(
        features={"invoice": lambda: invoice},
        given=frozenset({"invoice_no"}),
        matter=first.data["matter"],
        village_code=first.data["village_code"],
        town_code=first.data["town_code"],
        cases=tuple((fact.data["case_id"], fact.data["case_no"]) for fact in facts),
        occurred_at=facts[-1].occurred_at,
        trail=partial(_booked, facts),
    )


_FILED = Bilingual(zh="入账", en="Filed in")
_ON_PAPER = Bilingual(zh="票面识别(待核对)", en="Read on a paper, to be checked")


def _booked(facts: Sequence[Fact]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            label=_ON_PAPER if fact.kind == PAPER_READ else _FILED,
            value=f"{fact.data['case_no']} {fact.data['title']}",
            source=fact.event_id,
            occurred_at=fact.occurred_at,
        )
        for fact in facts
    )


INVOICE = Subject(
    "invoice", "每个发票号码", "each invoice number", frozenset({"invoice"}), {"invoice": Invoice}, _invoice_occasions
)
