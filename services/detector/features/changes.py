"""Works with the change orders that name them: what the changes add up to, and which have no approval on paper."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.detector.distil import WITHDRAWN, Fact
from services.detector.key_facts import CaseFacts, KeyFacts
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from shared.contracts.alerts import Bilingual, Evidence

WORKS_OF_A_VILLAGE = ":EN"
FLOW_OF_CHANGES = "EN5"
_APPROVAL = "change_approval"
_AFTER_APPROVAL = ("EN5-07", "EN5-08")


@dataclass(frozen=True)
class ChangedWorks:
    """Works and their changes that weren't withdrawn: `changed_fen` is what is asked for or approved of all of them.

    `unpapered` are changes carried out, or settled with the works, whose approval was never filed.
    """

    case_id: str
    no: str
    title: str
    flow: str
    contract_fen: int
    settlement_fen: int | None
    changes: int
    changed_fen: int
    ratio_pct: float
    unpapered: tuple[str, ...]
    unpapered_fen: int


@dataclass(frozen=True)
class Change:
    """One case of a change that names its works; `done` says that it was decided and carried out."""

    facts: tuple[Fact, ...]
    no: str
    works_no: str
    fen: int
    done: bool
    papered: bool


def _latest(facts: Sequence[Fact], name: str) -> Any:
    return next((fact.data["fields"][name] for fact in reversed(facts) if name in fact.data["fields"]), None)


def changes_of(facts: KeyFacts) -> list[Change]:
    """The changes among these cases that weren't withdrawn."""
    return [change for case in facts.cases if (change := case.once(Change, _change))]


def _change(case: CaseFacts) -> Change | None:
    facts = case.by_sequence
    works_no = _latest(facts, "related_case_no")
    withdrawn = any(fact.kind == WITHDRAWN for fact in facts)
    if facts[0].data["flow"] != FLOW_OF_CHANGES or not works_no or withdrawn:
        return None
    return Change(
        facts=facts,
        no=facts[0].data["case_no"],
        works_no=works_no,
        fen=_latest(facts, "change_fen") or 0,
        done=any(fact.data.get("node") in _AFTER_APPROVAL for fact in facts),
        papered=any(_APPROVAL in fact.data.get("documents", ()) for fact in facts),
    )


def _works_occasions(view: View, params: Params) -> Iterator[Occasion]:
    if not view.key.endswith(WORKS_OF_A_VILLAGE):
        return
    by_works: dict[str, list[Change]] = defaultdict(list)
    for change in changes_of(view.facts):
        by_works[change.works_no].append(change)
    works = {case.facts[0].data["case_no"]: case for case in view.facts.cases if not _is_change(case)}
    for works_no, changes in sorted(by_works.items()):
        if works_no in works:
            make = partial(_occasion, works[works_no].by_sequence, changes)
            yield view.facts.kept((ChangedWorks, works_no), (works[works_no], *changes), make)


def _is_change(case: CaseFacts) -> bool:
    return bool(case.facts[0].data["flow"] == FLOW_OF_CHANGES)


def _occasion(works: Sequence[Fact], changes: Sequence[Change]) -> Occasion:
    first = works[0].data
    facts = [*works, *(fact for change in changes for fact in change.facts)]
    return Occasion(
        features={"works": at_hand(_changed(works, changes))},
        given=frozenset(),
        matter=first["matter"],
        village_code=first["village_code"],
        town_code=first["town_code"],
        cases=(
            (first["case_id"], first["case_no"]),
            *((change.facts[0].data["case_id"], change.no) for change in changes),
        ),
        occurred_at=max(fact.occurred_at for fact in facts),
        flow=first["flow"],
        trail=partial(listed, changes),
    )


def _changed(works: Sequence[Fact], changes: Sequence[Change]) -> ChangedWorks:
    contract = _latest(works, "contract_fen") or _latest(works, "award_fen") or 0
    settlement = _latest(works, "settlement_fen")
    bare = [change for change in changes if not change.papered and (change.done or settlement is not None)]
    total = sum(change.fen for change in changes)
    return ChangedWorks(
        case_id=works[0].data["case_id"],
        no=works[0].data["case_no"],
        title=works[0].data["title"],
        flow=works[0].data["flow"],
        contract_fen=contract,
        settlement_fen=settlement,
        changes=len(changes),
        changed_fen=total,
        ratio_pct=100 * total / contract if contract > 0 else 0.0,
        unpapered=tuple(change.no for change in bare),
        unpapered_fen=sum(change.fen for change in bare),
    )


def listed(changes: Sequence[Change]) -> tuple[Evidence, ...]:
    """The changes as evidence."""
    return tuple(
        Evidence(
            label=Bilingual(zh="变更", en="Change"),
            value=f"{change.no} {change.fen / 100:,.2f} 元 / yuan",
            source=change.facts[-1].event_id,
            occurred_at=change.facts[-1].occurred_at,
        )
        for change in changes
    )


CHANGED_WORKS = Subject(
    "changed_works",
    "每项有变更的工程(含关联变更案件)",
    "each works with the change orders that name it",
    frozenset({"village"}),
    {"works": ChangedWorks},
    _works_occasions,
)
