"""What a case has decided, paid and received in public: the last word on each that still stands, and since when. Pure.

Where the case was sent back behind a form, what that form said stands no longer, until it is filed again; what a case
that was withdrawn has decided neither. What was put right counts as it was put right, from the day it was first said.
"""

from dataclasses import dataclass
from datetime import datetime

from services.disclosure.cases import Case, Entry, undoes
from services.disclosure.masking import Masks
from services.disclosure.vocabulary import Vocabulary

# By what each is told; of several fields the first that stands.
_TOLD_BY = {
    "decided_fen": ("contract_fen", "award_fen"),
    "paid_fen": ("payment_fen",),
    "received_fen": ("received_fen",),
}
NAMES = tuple(_TOLD_BY)


@dataclass(frozen=True)
class Amount:
    """So much (fen), from a moment (UTC) on."""

    fen: int
    at: datetime


def sums_of(case: Case, masks: Masks, words: Vocabulary) -> dict[str, Amount]:
    """The sums of a case by `NAMES`, without those of which nothing stands; of matters not in `sums_in` none at all."""
    if case.matter not in masks.sums_in:
        return {}
    standing = {
        name: {field: amount for field in fields if (amount := _standing(case, field, masks, words))}
        for name, fields in _TOLD_BY.items()
    }
    return {
        name: Amount(next(iter(amounts.values())).fen, min(amount.at for amount in amounts.values()))
        for name, amounts in standing.items()
        if amounts and not (name == "decided_fen" and case.state == "withdrawn")
    }


def _standing(case: Case, field: str, masks: Masks, words: Vocabulary) -> Amount | None:
    if not masks.rule(field, case.places):
        return None
    nodes = list(words.flow(case.flow, case.flow_version).nodes)
    said: list[tuple[str, Amount]] = []
    for entry in case.history:
        at, value = entry.get("node") or "", entry.get("fields", {}).get(field)
        if value is not None:
            said.append((at, Amount(value, datetime.fromisoformat(entry["at"]))))
        elif field in entry.get("changed", ()):
            said = [each for each in said if each[0] != at]
        if undoes(entry):
            said = [each for each in said if not _behind(entry, each[0], nodes)]
    return Amount(said[-1][1].fen, said[0][1].at) if said else None


def _behind(back: Entry, node: str, nodes: list[str]) -> bool:
    """Whether a node has to be done again after the case was sent back; withdrawn, it stays as it was done."""
    target = back.get("to_node")
    if target is None or node not in nodes:
        return False
    return target not in nodes or nodes.index(node) >= nodes.index(target)
