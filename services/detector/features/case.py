"""The case so far and its nodes: dates, sums and papers, whatever order they became known in."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from typing import Any

from services.detector.distil import COMPLETED, RETURNED, WITHDRAWN, Fact
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from services.detector.vocabulary import midnight, working_days_between
from shared.contracts.alerts import Bilingual, Evidence
from shared.contracts.power import Bid, NodeFields
from shared.formats import yuan
from shared.words import words


@dataclass(frozen=True)
class Step:
    """A node and when it was completed."""

    code: str
    at: datetime


@dataclass(frozen=True)
class Case:
    """A case over all its facts. `*_at` is the earliest stated moment of a step, `paid_fen` a sum.

    `amount_fen` is the largest of what it was awarded, contracted, settled or paid at; `known_at` is the clock.
    """

    id: str
    no: str
    title: str
    flow: str
    matter: str
    village: str
    town: str
    opened_at: datetime
    known_at: datetime
    withdrawn: bool
    steps: tuple[Step, ...]
    completed: tuple[str, ...]
    skipped: tuple[str, ...]
    documents: tuple[str, ...]
    resolved_at: datetime | None
    approved_at: datetime | None
    awarded_at: datetime | None
    contract_at: datetime | None
    contract_node: str
    work_at: datetime | None
    finished_at: datetime | None
    contract_ends_at: datetime | None
    accepted_at: datetime | None
    settled_at: datetime | None
    paid_at: datetime | None
    sealed_at: datetime | None
    notice_ends_at: datetime | None
    estimate_fen: int | None
    budget_fen: int | None
    ceiling_fen: int | None
    award_fen: int | None
    contract_fen: int | None
    settlement_fen: int | None
    appraisal_fen: int | None
    reserve_fen: int | None
    annual_rent_fen: int | None
    change_fen: int
    amount_fen: int
    price_fen: int | None
    paid_fen: int
    paid_early_fen: int
    supplier_id: str
    supplier_name: str
    item: str


@dataclass(frozen=True)
class Node:
    """One completed node. `missing` are required papers that weren't filed, at it or later in the case."""

    code: str
    at: datetime
    started_at: datetime | None
    notice_ends_at: datetime | None
    due_at: datetime | None
    late_days: int
    expected: str
    backfilled: bool
    documents: tuple[str, ...]
    required: tuple[str, ...]
    missing: tuple[str, ...]
    actor_name: str
    actor_role: str
    previous_notice_ends_at: datetime | None
    previous_notice_node: str


_LONGEST_TERM = 36_500
_WORTH = ("award_fen", "contract_fen", "settlement_fen")


class History:
    """The facts of one case in event time, and what they come to."""

    def __init__(self, facts: list[Fact]) -> None:
        self.facts = list(_standing(facts))
        self.nodes = [fact for fact in self.facts if fact.kind == COMPLETED]
        self.first = min(facts, key=lambda fact: fact.data["sequence"])
        self.last = max(facts, key=lambda fact: fact.data["sequence"])
        self.newest = max(self.facts, key=lambda fact: fact.occurred_at)
        self._filled: dict[str, list[tuple[Fact, Any]]] = {}
        for fact in self.facts:
            for name, value in fact.data.get("fields", {}).items():
                self._filled.setdefault(name, []).append((fact, value))

    @cached_property
    def bids(self) -> dict[str, Bid]:
        """The last offer of each company."""
        found: dict[str, Bid] = {}
        for _, bids in self.given("bids"):
            found.update({bid["company_id"]: Bid.model_validate(bid) for bid in bids})
        return dict(sorted(found.items()))

    @cached_property
    def told(self) -> frozenset[str]:
        """The form fields ever filled in, and the papers that were due."""
        return told_of(self.facts)

    def given(self, name: str) -> Sequence[tuple[Fact, Any]]:
        """Every time a form field was filled in, by event time."""
        return self._filled.get(name, ())

    def latest(self, name: str) -> Any:
        """What a form field was last filled with, or None."""
        filled = self._filled.get(name)
        return filled[-1][1] if filled else None

    def total(self, name: str) -> int:
        """The sum of a money field over the case."""
        return sum(value for _, value in self.given(name))

    def first_day(self, name: str) -> datetime | None:
        """The earliest day stated in a date field."""
        return min((midnight(date.fromisoformat(value)) for _, value in self.given(name)), default=None)

    def first_with(self, *names: str) -> Fact | None:
        """The earliest completed node that filled in any of these fields."""
        return next((fact for fact in self.nodes if any(name in fact.data["fields"] for name in names)), None)

    def first_paper(self, *papers: str) -> Fact | None:
        """The earliest completed node that filed or should have filed all of these papers."""
        return next((fact for fact in self.nodes if set(papers) <= _papers(fact)), None)


def _standing(facts: Sequence[Fact]) -> Iterator[Fact]:
    """The facts without completions that were sent back and done again: only the last one of a node counts then."""
    returns = [int(fact.data["sequence"]) for fact in facts if fact.kind == RETURNED]
    last = {
        fact.data["node"]: int(fact.data["sequence"])
        for fact in sorted(facts, key=lambda fact: int(fact.data["sequence"]))
        if fact.kind == COMPLETED
    }
    for fact in facts:
        number = int(fact.data["sequence"])
        again = last[fact.data["node"]] if fact.kind == COMPLETED else number
        if not any(number < returned < again for returned in returns):
            yield fact


def history(view: View) -> History:
    """The history of the case that the view's key names."""
    found: History = view.once(History, lambda: History(list(view.facts)))
    return found


def the_case(view: View) -> Case:
    """The case so far."""
    found: Case = view.once(Case, lambda: _case(history(view), view.now))
    return found


def _case(so_far: History, known_at: datetime) -> Case:
    data = so_far.first.data
    contract = so_far.first_with("contract_signed_on", "contract_fen") or so_far.first_paper("contract")
    accepted = next((fact for fact, value in so_far.given("accepted") if value), None) or so_far.first_paper(
        "acceptance"
    )
    settled, paid = so_far.first_with("settlement_fen"), so_far.first_with("payment_fen")
    award = so_far.first_with("award_fen") or so_far.first_with("bids")
    notices = [_moment(fact.data.get("notice_ends_at")) for fact in so_far.nodes]
    started, days = so_far.first_day("started_on"), so_far.latest("contract_days")
    signed = so_far.first_day("contract_signed_on") or _at(contract)
    begins = started or signed
    return Case(
        id=data["case_id"],
        no=data["case_no"],
        title=data["title"],
        flow=data["flow"],
        matter=data["matter"],
        village=data["village_code"],
        town=data["town_code"],
        opened_at=min(fact.occurred_at for fact in so_far.facts),
        known_at=known_at,
        withdrawn=any(fact.kind == WITHDRAWN for fact in so_far.facts),
        steps=tuple(Step(fact.data["node"], fact.occurred_at) for fact in so_far.nodes),
        completed=tuple(sorted({fact.data["node"] for fact in so_far.nodes})),
        skipped=_skipped(data["flow"], so_far.nodes),
        documents=tuple(sorted({paper for fact in so_far.nodes for paper in fact.data["documents"]})),
        resolved_at=_resolved(so_far),
        approved_at=_at(so_far.first_paper("approval_form") or _yes(so_far, "approved")),
        awarded_at=_at(award),
        contract_at=signed,
        contract_node=contract.data["node"] if contract else "",
        work_at=started or _at(so_far.first_paper("start_report")),
        finished_at=so_far.first_day("finished_on"),
        contract_ends_at=_plus_days(begins, days),
        accepted_at=_at(accepted),
        settled_at=_at(settled),
        paid_at=_at(paid),
        sealed_at=_at(so_far.first_paper("seal_image")),
        notice_ends_at=max((end for end in notices if end), default=None),
        estimate_fen=so_far.latest("estimate_fen"),
        budget_fen=so_far.latest("budget_fen"),
        ceiling_fen=so_far.latest("ceiling_price_fen"),
        award_fen=so_far.latest("award_fen"),
        contract_fen=so_far.latest("contract_fen"),
        settlement_fen=so_far.latest("settlement_fen"),
        appraisal_fen=so_far.latest("appraisal_fen"),
        reserve_fen=so_far.latest("reserve_fen"),
        annual_rent_fen=so_far.latest("annual_rent_fen"),
        change_fen=so_far.total("change_fen"),
        amount_fen=max(so_far.total("payment_fen"), *(so_far.latest(name) or 0 for name in _WORTH)),
        price_fen=so_far.latest("award_fen") or so_far.latest("contract_fen") or so_far.latest("annual_rent_fen"),
        paid_fen=so_far.total("payment_fen"),
        paid_early_fen=sum(
            value
            for fact, value in so_far.given("payment_fen")
            if accepted is None or fact.occurred_at < accepted.occurred_at
        ),
        supplier_id=so_far.latest("supplier_id") or "",
        supplier_name=so_far.latest("supplier_name") or "",
        item=so_far.latest("item") or data["title"],
    )


def _resolved(so_far: History) -> datetime | None:
    """When the meeting decided: the earliest day of a meeting with votes, or of a resolution's own node."""
    node = so_far.first_paper("resolution", "vote_record") or so_far.first_with("votes_for")
    if node is None:
        return None
    held = node.data["fields"].get("meeting_on")
    return midnight(date.fromisoformat(held)) if held else node.occurred_at


def _yes(so_far: History, name: str) -> Fact | None:
    return next((fact for fact, value in so_far.given(name) if value), None)


def _skipped(flow: str, done: Collection[Fact]) -> tuple[str, ...]:
    """Nodes numbered below the last completed one that have no record (codes run `EN3-01`, `EN3-02`, ...).

    What the flow doesn't ask for in this case, or what waits beside it, isn't skipped.
    """
    completed, rightly = set(), set()
    for fact in done:
        completed.add(fact.data["node"])
        rightly.update(fact.data.get("left_out", ()))
    last = max(done, key=lambda fact: int(fact.data["sequence"]), default=None)
    if last is not None:
        rightly.update(filter(None, (last.data.get("next_node"), *_beside(last))))
    numbers = [int(code.rsplit("-", 1)[1]) for code in completed if code.startswith(f"{flow}-")]
    every = (f"{flow}-{number:02d}" for number in range(1, max(numbers, default=0)))
    return tuple(code for code in every if code not in completed and code not in rightly)


def _beside(fact: Fact) -> Iterator[str]:
    return (waiting["node"] for waiting in fact.data.get("also_waiting", ()))


def _at(fact: Fact | None) -> datetime | None:
    return fact.occurred_at if fact else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _plus_days(start: datetime | None, days: int | None) -> datetime | None:
    return start + timedelta(days=days) if start and days and 0 < days <= _LONGEST_TERM else None


def _papers(fact: Fact) -> set[str]:
    return {*fact.data["documents"], *fact.data.get("required_documents", ())}


def nodes(view: View) -> Iterable[tuple[Fact, Node]]:
    """The completed nodes with their facts, by event time."""
    so_far = history(view)
    filed_later: set[str] = set()
    missing: dict[str, tuple[str, ...]] = {}
    for fact in reversed(so_far.nodes):
        filed_later.update(fact.data["documents"])
        missing[fact.event_id] = tuple(sorted(set(fact.data.get("required_documents", ())) - filed_later))
    for fact in so_far.nodes:
        data = fact.data
        due = _moment(data.get("due_at"))
        notice = _last_notice_before(so_far, fact)
        yield (
            fact,
            Node(
                code=data["node"],
                at=fact.occurred_at,
                started_at=_moment(data.get("started_at")),
                notice_ends_at=_moment(data.get("notice_ends_at")),
                due_at=due,
                late_days=working_days_between(due, fact.occurred_at) if due and fact.occurred_at > due else 0,
                expected=data.get("expected_node") or "",
                backfilled=bool(data.get("backfilled")),
                documents=tuple(data["documents"]),
                required=tuple(data.get("required_documents", ())),
                missing=missing[fact.event_id],
                actor_name=data["actor"]["name"],
                actor_role=data["actor"]["role"],
                previous_notice_ends_at=_moment(notice.data["notice_ends_at"]) if notice else None,
                previous_notice_node=notice.data["node"] if notice else "",
            ),
        )


def _last_notice_before(so_far: History, fact: Fact) -> Fact | None:
    """The notice that stood before this node in the flow."""
    earlier = (
        other
        for other in so_far.nodes
        if other.data.get("notice_ends_at") and other.data["node"] < fact.data["node"] and other is not fact
    )
    return max(earlier, key=lambda other: (other.data["node"], other.data["sequence"]), default=None)


def form(data: dict[str, Any]) -> NodeFields:
    """The form of a node as it was filled in."""
    return NodeFields.model_validate(data.get("fields", {}))


def whole_form(view: View) -> NodeFields:
    """What every form field of the case was last filled with."""
    merged: dict[str, Any] = {}
    for fact in history(view).facts:
        merged.update(fact.data.get("fields", {}))
    return NodeFields.model_validate(merged)


def _given(fact: Fact) -> frozenset[str]:
    """The form fields filled in by a fact, and the papers that were due."""
    return frozenset((*fact.data.get("fields", ()), *fact.data.get("required_documents", ())))


def told_of(facts: Iterable[Fact]) -> frozenset[str]:
    """The form fields that any of these facts filled in, and the papers that were due."""
    return frozenset[str]().union(*(_given(fact) for fact in facts))


def occasion(view: View, *, features: dict[str, Any], fact: Fact | None = None, **more: Any) -> Occasion:
    """An occasion within the view's case: at the node of `fact`, or of the case as a whole."""
    so_far = history(view)
    case = the_case(view)
    last = fact or so_far.newest
    if view.amended:
        rest: Callable[[], tuple[Evidence, ...]] = more.pop("trail", tuple)
        more["trail"] = lambda: (*rest(), *(one for fact in view.amended for one in put_right(fact)))
    return Occasion(
        features={"case": lambda: case, **features},
        given=_given(fact) if fact else so_far.told,
        matter=case.matter,
        village_code=case.village,
        town_code=case.town,
        cases=((case.id, case.no),),
        flow=case.flow,
        occurred_at=more.pop("occurred_at", last.occurred_at),
        node=more.pop("node", fact.data.get("node") if fact else None),
        **more,
    )


def put_right(amendment: Fact) -> Iterator[Evidence]:
    """What a case's forms said before they were amended: it stays evidence."""
    for name, (old, new) in amendment.data["put_right"].items():
        label = words().fields[name]
        yield Evidence(
            label=Bilingual(zh=f"更正前的{label.zh}", en=f"{label.en} before it was amended"),
            value=f"{_said(name, old)} → {_said(name, new)}({amendment.data['reason']})",
            source=amendment.data["case_no"],
            occurred_at=amendment.occurred_at,
        )


def _said(name: str, value: Any) -> str:
    if value is None:
        return "—"
    if name.endswith("_key"):
        return "***"
    if isinstance(value, list | tuple):
        return f"{len(value)} 项 items"
    return yuan(value) if name.endswith("_fen") and isinstance(value, int) else str(value)


def _node_occasions(view: View, params: Params) -> Iterator[Occasion]:
    for fact, node in view.once("nodes", lambda: list(nodes(view))):
        yield occasion(view, features={"node": at_hand(node), "fields": partial(form, fact.data)}, fact=fact)


NODE = Subject(
    "node", "每个办结节点", "each completed node", frozenset({"case"}),
    {"case": Case, "node": Node, "fields": NodeFields}, _node_occasions,
)  # fmt: skip
