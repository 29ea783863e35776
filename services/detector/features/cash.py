"""A village's cash: what is paid out in it, to whom and when, what lies in the box, and what never got banked."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from services.detector.distil import IN_CASH, RETURNED, Fact
from services.detector.features.matches import day_of
from services.detector.key_facts import CaseFacts
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from services.detector.vocabulary import midnight
from shared.contracts.alerts import Bilingual, Evidence


@dataclass(frozen=True)
class CashPaid:
    """What one payee got in cash on one day; `works` when any of it was for works."""

    village: str
    payee: str
    day: str
    sum_fen: int
    payments: int
    works: bool


@dataclass(frozen=True)
class CashBox:
    """A month's highest stated balance, or one taking in cash (`taken_fen`) and when it was banked.

    `twice_days` are the days between the first and the last statement of the month above twice the limit. `about` is
    the month or the case. `known_at` is the clock for a taking that isn't banked; where silence changes nothing, it is
    `stated_at`.
    """

    village: str
    about: str
    balance_fen: int
    stated_at: datetime
    twice_days: int
    taken_fen: int
    banked_at: datetime | None
    known_at: datetime


@dataclass(frozen=True)
class _Moved:
    """A fact of a village's cash that wasn't sent back to be done again, with its day."""

    fact: Fact
    day: date
    month: str

    @property
    def fields(self) -> Mapping[str, Any]:
        fields: Mapping[str, Any] = self.fact.data["fields"]
        return fields

    def in_cash(self, name: str) -> bool:
        """Whether a sum of this name was moved in cash."""
        return self.fields.get(name, 0) > 0 and IN_CASH in self.fields.get("payment_method", "")


def _moved(view: View) -> list[_Moved]:
    """What moved the village's cash, by event time."""
    found = [moved for case in view.facts.cases for moved in case.once(_Moved, _standing)]
    return sorted(found, key=lambda moved: (moved.fact.occurred_at, moved.fact.data["sequence"], moved.fact.event_id))


def _standing(case: CaseFacts) -> list[_Moved]:
    returns = [fact.data for fact in case.facts if fact.kind == RETURNED]
    standing = (
        fact
        for fact in case.facts
        if fact.kind != RETURNED
        and not any(
            back["sequence"] > fact.data["sequence"] and back["to_node"] <= fact.data.get("node", "")
            for back in returns
        )
    )
    return [_Moved(fact, day_of(fact.occurred_at), f"{day_of(fact.occurred_at):%Y-%m}") for fact in standing]


def _paid_occasions(view: View, params: Params) -> Iterator[Occasion]:
    days: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    for moved in view.once(_Moved, partial(_moved, view)):
        if moved.in_cash("payment_fen"):
            payee = moved.fields.get("payee_name") or moved.fields.get("supplier_name") or moved.fact.data["case_no"]
            days[str(moved.day), payee].append(moved.fact)
    for (day, payee), facts in sorted(days.items()):
        paid = CashPaid(
            village=facts[0].data["village_code"],
            payee=payee,
            day=day,
            sum_fen=sum(fact.data["fields"]["payment_fen"] for fact in facts),
            payments=len(facts),
            works=any(fact.data["matter"] == "EN" for fact in facts),
        )
        yield _occasion(facts, {"paid": at_hand(paid)})


def _box_occasions(view: View, params: Params) -> Iterator[Occasion]:
    all_moved: list[_Moved] = view.once(_Moved, partial(_moved, view))
    months: dict[str, list[Fact]] = defaultdict(list)
    for moved in all_moved:
        if "cash_balance_fen" in moved.fields:
            months[moved.month].append(moved.fact)
    twice_fen = int(params["cash_stock_limit"]) * 200
    for month, stated in sorted(months.items()):
        make = partial(_month, month, stated, twice_fen)
        yield view.facts.kept((CashBox, month, twice_fen), tuple(stated), make)
    for fact in (moved.fact for moved in all_moved if moved.in_cash("received_fen")):
        if "banked_on" in fact.data["fields"]:
            yield view.facts.kept((CashBox, fact.event_id), (fact,), partial(_taking, fact, fact.occurred_at))
        else:
            yield _taking(fact, view.now)


def _month(month: str, stated: Sequence[Fact], twice_fen: int) -> Occasion:
    highest = max(stated, key=lambda fact: (fact.data["fields"]["cash_balance_fen"], fact.event_id))
    box = _box(highest, month, highest.occurred_at, twice_days=_twice_days(stated, twice_fen))
    return _occasion([highest], {"box": at_hand(box)}, settled=True)


def _taking(fact: Fact, now: datetime) -> Occasion:
    box = _box(fact, fact.data["case_id"], now, taken_fen=fact.data["fields"]["received_fen"])
    return _occasion([fact], {"box": at_hand(box)}, settled=box.banked_at is not None)


def _box(fact: Fact, about: str, now: datetime, *, twice_days: int = 0, taken_fen: int = 0) -> CashBox:
    fields = fact.data["fields"]
    return CashBox(
        village=fact.data["village_code"],
        about=about,
        balance_fen=0 if taken_fen else fields["cash_balance_fen"],
        stated_at=fact.occurred_at,
        twice_days=twice_days,
        taken_fen=taken_fen,
        banked_at=midnight(date.fromisoformat(fields["banked_on"])) if "banked_on" in fields else None,
        known_at=now,
    )


def _twice_days(stated: Sequence[Fact], twice_fen: int) -> int:
    days = [day_of(fact.occurred_at) for fact in stated if fact.data["fields"]["cash_balance_fen"] > twice_fen]
    return (max(days) - min(days)).days if days else 0


def _occasion(facts: Sequence[Fact], features: dict[str, object], *, settled: bool = False) -> Occasion:
    first, last = facts[0].data, facts[-1]
    return Occasion(
        features=features,  # type: ignore[arg-type]  # each is a feature at hand
        given=frozenset({"payment_method", "cash_balance_fen"}),
        matter=first["matter"],
        village_code=first["village_code"],
        town_code=first["town_code"],
        cases=tuple({fact.data["case_id"]: (fact.data["case_id"], fact.data["case_no"]) for fact in facts}.values()),
        occurred_at=last.occurred_at,
        flow=first["flow"],
        node=last.data.get("node"),
        trail=partial(_listed, facts),
        settled=settled,
    )


def _listed(facts: Sequence[Fact]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            label=Bilingual(zh="登记", en="Filed in"),
            value=f"{fact.data['case_no']} {fact.data['title']}",
            source=fact.event_id,
            occurred_at=fact.occurred_at,
        )
        for fact in facts
    )


CASH_PAID = Subject(
    "cash_paid",
    "每名收款人每日的现金付款",
    "what each payee got in cash on a day",
    frozenset({"cash"}),
    {"paid": CashPaid},
    _paid_occasions,
)
CASH_BOX = Subject(
    "cash_box",
    "每村每月库存现金和每笔现金收入",
    "a village's cash on hand by month, and each taking in cash",
    frozenset({"cash"}),
    {"box": CashBox},
    _box_occasions,
    {"cash_stock_limit": int},
)
