"""What a case was contracted, settled and paid at, with the changes that cases of their own approved of it.

Works change in cases of their own (EN5) that name them, so works are judged among their village's; anything else by
its own case.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from services.detector.distil import WITHDRAWN
from services.detector.features.case import History, occasion, the_case
from services.detector.features.changes import FLOW_OF_CHANGES, WORKS_OF_A_VILLAGE, Change, changes_of, listed
from services.detector.key_facts import CaseFacts
from services.detector.subjects import Occasion, Params, Subject, View, at_hand


@dataclass(frozen=True)
class Settlement:
    """`change_fen` adds up the case's own changes and those approved elsewhere; `paid_fen` is all that was paid."""

    case_id: str
    no: str
    title: str
    contract_fen: int | None
    change_fen: int
    settlement_fen: int | None
    paid_fen: int


def _occasions(view: View, params: Params) -> Iterator[Occasion]:
    if view.key.endswith(WORKS_OF_A_VILLAGE):
        yield from _of_works(view)
    elif view.key.startswith("case:") and the_case(view).matter != "EN":
        case = the_case(view)
        settlement = Settlement(
            case.id, case.no, case.title, case.contract_fen, case.change_fen, case.settlement_fen, case.paid_fen
        )
        yield occasion(view, features={"settlement": at_hand(settlement)})


def _of_works(view: View) -> Iterator[Occasion]:
    changes = [change for change in changes_of(view.facts) if change.papered or change.done]
    for case in view.facts.cases:
        if case.once(Settlement, _may_be_over):
            own = [change for change in changes if change.works_no == case.facts[0].data["case_no"]]
            yield _of_one(History(list(case.by_sequence)), own)


def _may_be_over(case: CaseFacts) -> bool:
    """Cheap to tell and never wrong about works that are over: most are not, and need no closer look."""
    if case.facts[0].data["flow"] == FLOW_OF_CHANGES or any(fact.kind == WITHDRAWN for fact in case.facts):
        return False
    filled = [fact.data["fields"] for fact in case.facts]
    contracts = [fields["contract_fen"] for fields in filled if "contract_fen" in fields]
    settled = [fields["settlement_fen"] for fields in filled if "settlement_fen" in fields]
    paid = sum(fields.get("payment_fen", 0) for fields in filled)
    bound = min(contracts + settled, default=None)
    return bound is not None and max([paid, *settled]) > bound


def _of_one(so_far: History, changes: Sequence[Change]) -> Occasion:
    first = so_far.first.data
    settlement = Settlement(
        case_id=first["case_id"],
        no=first["case_no"],
        title=first["title"],
        contract_fen=so_far.latest("contract_fen"),
        change_fen=so_far.total("change_fen") + sum(change.fen for change in changes),
        settlement_fen=so_far.latest("settlement_fen"),
        paid_fen=so_far.total("payment_fen"),
    )
    return Occasion(
        features={"settlement": at_hand(settlement)},
        given=so_far.told,
        matter=first["matter"],
        village_code=first["village_code"],
        town_code=first["town_code"],
        cases=(
            (first["case_id"], first["case_no"]),
            *((change.facts[0].data["case_id"], change.no) for change in changes),
        ),
        occurred_at=so_far.newest.occurred_at,
        flow=first["flow"],
        trail=partial(listed, changes),
    )


SETTLEMENT = Subject(
    "settlement",
    "每个案件的合同、变更、结算与付款",
    "contract, changes, settlement and payments of each case",
    frozenset({"case", "village"}),
    {"settlement": Settlement},
    _occasions,
)
