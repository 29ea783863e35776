"""What the public sees of a case: a fold over its masked events. Pure.

It depends on the set of events alone, not on the order of their arrival: history is kept by `sequence`, and the case
stands where the last of it says. Offers and reserve prices stay sealed until an award is among the events.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from services.disclosure.masking import NOBODY, Masks, People, merge_masks, people_of, public_event, scrub, strike
from services.disclosure.vocabulary import Vocabulary
from shared.contracts.power import CaseEvent

State = Literal["running", "closed", "withdrawn"]
Step = dict[str, Any]
# What tells that the deal is made, so that nothing is left to protect.
_AWARD = ("award_fen", "contract_fen", "contract_signed_on")
_KEPT = ("sequence", "kind", "at", "office", "node", "to_node", "next_node", "next_due_at", "closes", "notice_ends_at")


@dataclass(frozen=True)
class Case:
    """One case: `steps` are public; `sealed` are fields not yet public, by the sequence of their step.

    `people` are those whom the case's events named, in the clear: to strike them out of its texts, never to be shown.
    """

    case_id: str
    case_no: str
    title: str | None
    matter: str
    flow: str
    village_code: str
    town_code: str
    steps: tuple[Step, ...] = ()
    sealed: Mapping[int, dict[str, Any]] = field(default_factory=dict)
    people: People = NOBODY

    @property
    def sequence(self) -> int:
        """The number of the last event."""
        return int(self.steps[-1]["sequence"])

    @property
    def state(self) -> State:
        """Whether it runs, is done, or was taken back."""
        last = self.steps[-1]
        if last["kind"] == "withdrawn":
            return "withdrawn"
        return "closed" if last.get("closes") else "running"

    @property
    def node(self) -> str | None:
        """The step where it waits; none at the end."""
        last = self.steps[-1]
        return last.get("to_node") or last.get("next_node")

    @property
    def due_at(self) -> datetime | None:
        """Until when that step should be done."""
        return _time(self.steps[-1].get("next_due_at")) if self.state == "running" else None

    @property
    def opened_at(self) -> datetime:
        """When its first known event happened."""
        return min(datetime.fromisoformat(step["at"]) for step in self.steps)

    @property
    def updated_at(self) -> datetime:
        """When its latest event happened."""
        return max(datetime.fromisoformat(step["at"]) for step in self.steps)

    @property
    def notices(self) -> dict[str, datetime]:
        """The end of each public notice, by its step. Sending the case back, or its withdrawal, ends a notice early."""
        ends: dict[str, datetime] = {}
        for step in self.steps:
            if step["kind"] in ("returned", "withdrawn"):
                ends.clear()
            elif step.get("notice_ends_at"):
                ends[step["node"]] = datetime.fromisoformat(step["notice_ends_at"])
        return ends


def take(case: Case | None, event: CaseEvent, masks: Masks, words: Vocabulary) -> Case:
    """The case with one more event; an event that it has already changes nothing."""
    if case and any(step["sequence"] == event.sequence for step in case.steps):
        return case
    public = public_event(event, masks, words, known=case.people if case else NOBODY)
    named = people_of(event)
    if case is None:
        first = {name: public[name] for name in ("case_id", "case_no", "title", "matter", "flow")}
        case = Case(**first, village_code=public["village_code"], town_code=public["town_code"])
    elif news := named - case.people:
        case = _struck(case, news, masks)
    steps = sorted((*case.steps, _step(public, words)), key=lambda step: int(step["sequence"]))
    sealed = {**case.sealed, event.sequence: public["held"]} if public.get("held") else case.sealed
    return _opened(
        replace(
            case,
            title=_title(case, public),
            steps=tuple(steps),
            sealed=sealed,
            people=case.people | named,
        )
    )


def _step(public: dict[str, Any], words: Vocabulary) -> Step:
    kept: Step = {name: public[name] for name in _KEPT if public.get(name) not in (None, False)}
    if public.get("fields"):
        kept["fields"] = public["fields"]
    if public.get("documents"):
        kept["documents"] = public["documents"]
    return kept


def _title(case: Case, public: dict[str, Any]) -> str | None:
    """What any of the events strikes out of the title stays out; a title of another length is another title."""
    if case.title is None or public["title"] is None:
        return case.title or public["title"]
    older, newer = case.title, public["title"]
    if case.steps and case.sequence > public["sequence"]:
        older, newer = newer, older
    return merge_masks((older, newer))


def _struck(case: Case, people: People, masks: Masks) -> Case:
    """The case with newly named persons struck out of what was already said, sealed fields included."""
    steps = [
        step | {"fields": strike(step["fields"], people, masks)} if "fields" in step else step for step in case.steps
    ]
    sealed = {sequence: strike(fields, people, masks) for sequence, fields in case.sealed.items()}
    title = scrub(case.title, people.named) if case.title else None
    return replace(case, title=title, steps=tuple(steps), sealed=sealed)


def _opened(case: Case) -> Case:
    """The case with each sealed field shown exactly when its award is there.

    Offers that came after the case was sent back wait for the next award.
    """
    awards = [s["sequence"] for s in case.steps if any(s.get("fields", {}).get(name) for name in _AWARD)]
    returns = [s["sequence"] for s in case.steps if s["kind"] == "returned"]

    def due(sequence: int) -> bool:
        return any(award >= sequence or not any(award < back < sequence for back in returns) for award in awards)

    def shown(step: Step) -> Step:
        if not (held := case.sealed.get(step["sequence"])):
            return step
        fields = {name: value for name, value in step.get("fields", {}).items() if name not in held}
        return step | {"fields": fields | held if due(step["sequence"]) else fields}

    return replace(case, steps=tuple(shown(step) for step in case.steps))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
