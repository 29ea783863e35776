"""The four originals of a case that has ended: resolution, contract, acceptance, settlement, and which never came."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from services.detector.distil import COMPLETED
from services.detector.features.case import Case, History, history, nodes, occasion
from services.detector.subjects import Occasion, Params, Subject, View, at_hand

_ORIGINALS = ("resolution", "contract", "acceptance", "settlement")


@dataclass(frozen=True)
class Original:
    """An original that a node owed; `filed` there or later in the case."""

    kind: str
    node: str
    filed: bool


@dataclass(frozen=True)
class Ended:
    """How a case ended: when its last node was done, and what its nodes owed of the four originals."""

    at: datetime
    originals: tuple[Original, ...]


def _ended_at(so_far: History) -> datetime | None:
    last = so_far.last
    if last.kind != COMPLETED or last.data.get("next_node"):
        return None
    return max(fact.occurred_at for fact in so_far.nodes)


def _ended_occasions(view: View, params: Params) -> Iterator[Occasion]:
    at = _ended_at(history(view))
    if at is None:
        return
    owed = tuple(
        Original(kind, node.code, kind not in node.missing)
        for _, node in view.once("nodes", lambda: list(nodes(view)))
        for kind in _ORIGINALS
        if kind in node.required
    )
    if all(original.filed for original in owed):
        return
    yield occasion(view, features={"ended": at_hand(Ended(at, owed))}, occurred_at=at)


ENDED = Subject(
    "ended_case",
    "每个办结但缺应公开原件的案件",
    "each case that has ended without an original that it owes",
    frozenset({"case"}),
    {"case": Case, "ended": Ended},
    _ended_occasions,
)
