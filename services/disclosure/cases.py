"""What the public sees of a case: a fold over its masked events. Pure.

It depends on the set of events alone, not on the order of their arrival: history is kept by `sequence`, and the case
stands where the last of it says. Bids and reserve prices are withheld until an award is among the events, and what an
application for relief says until it was put on notice; what an official has taken back is withheld until it is put
back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from services.disclosure.free_text import scrub
from services.disclosure.masking import Masks, people_of, public_event, strike, strike_number, without_texts
from services.disclosure.people import NOBODY, People
from services.disclosure.vocabulary import Vocabulary
from shared.contracts.power import CaseEvent

State = Literal["running", "closed", "withdrawn"]
Entry = dict[str, Any]
HIDDEN = datetime(1970, 1, 1, tzinfo=UTC)
# What is taken back when a case is taken back as a whole.
WHOLE = "case"
# What tells that the deal is made, so that nothing is left to protect.
SIGNS_OF_AWARD = ("award_fen", "contract_fen", "contract_signed_on")
_KEPT = (
    *("sequence", "kind", "at", "role", "node", "to_node", "next_node", "next_due_at", "closes", "notice_ends_at"),
    *("reason", "also_waiting", "left_out", "supersedes", "changed", "until"),
)
_FIRST = ("case_id", "case_no", "title", "matter", "flow", "flow_version", "village_code", "town_code")


@dataclass(frozen=True)
class Case:
    """One case: `history` is public; `withheld` are fields not yet public, by the sequence of their event.

    `people` are those whom the case's events named, in the clear: to strike them out of its texts, never to be shown.
    They are forgotten (None) when nothing more can come; should more come all the same, it is shown without texts.
    `taken` says what an official has taken back, by field (`WHOLE` for all of it): on which day and why.
    """

    case_id: str
    case_no: str
    title: str | None
    matter: str
    flow: str
    flow_version: int
    village_code: str
    town_code: str
    history: tuple[Entry, ...] = ()
    withheld: Mapping[int, dict[str, Any]] = field(default_factory=dict)
    people: People | None = NOBODY
    taken: Mapping[str, dict[str, str]] = field(default_factory=dict)

    @property
    def places(self) -> tuple[str, str]:
        """By what a rule of masking says where it holds."""
        return self.matter, self.flow

    @property
    def sequence(self) -> int:
        """The number of the last event."""
        return int(self.history[-1]["sequence"])

    @property
    def complete(self) -> bool:
        """Whether it has ended, and no event before the end is missing."""
        return self.state != "running" and len(self.history) == self.sequence

    @property
    def state(self) -> State:
        """Whether it runs, is done, or was taken back."""
        last = self._last_move
        if last["kind"] == "withdrawn":
            return "withdrawn"
        return "closed" if last.get("closes") else "running"

    @property
    def _last_move(self) -> Entry:
        """The last of what brought it where it stands: a note on the way moves nothing."""
        return next((entry for entry in reversed(self.history) if _moves(entry)), self.history[-1])

    @property
    def resting(self) -> bool:
        """Whether it was suspended and hasn't gone on yet."""
        for entry in reversed(self.history):
            if entry["kind"] == "suspended":
                return True
            if entry["kind"] == "resumed" or _moves(entry):
                break
        return False

    @property
    def node(self) -> str | None:
        """The node where it waits; none at the end."""
        last = self._last_move
        return last.get("to_node") or last.get("next_node")

    @property
    def also_waiting(self) -> tuple[str, ...]:
        """The other nodes where it waits at the same time."""
        return tuple(self._last_move.get("also_waiting", ()))

    @property
    def due_at(self) -> datetime | None:
        """Until when that node should be done."""
        if self.state != "running" or self.resting:
            return None
        told = (entry for entry in reversed(self.history) if _moves(entry) or entry["kind"] == "resumed")
        return _time(next(told, self.history[-1]).get("next_due_at"))

    @property
    def opened_at(self) -> datetime:
        """When its first known event happened."""
        return min(datetime.fromisoformat(entry["at"]) for entry in self.history)

    @property
    def updated_at(self) -> datetime:
        """When its latest event happened."""
        return max(datetime.fromisoformat(entry["at"]) for entry in self.history)

    @property
    def ended_at(self) -> datetime | None:
        """When it ended; none while it runs."""
        ends = [entry["at"] for entry in self.history if entry.get("closes") or entry["kind"] == "withdrawn"]
        return datetime.fromisoformat(max(ends)) if ends and self.state != "running" else None

    @property
    def notices(self) -> dict[str, datetime]:
        """The end of each public notice, by its node. Sending the case back, or its withdrawal, ends a notice early."""
        ends: dict[str, datetime] = {}
        for entry in self.history:
            if undoes(entry):
                ends.clear()
            elif entry.get("notice_ends_at"):
                ends[entry["node"]] = datetime.fromisoformat(entry["notice_ends_at"])
        return ends

    @property
    def sound(self) -> bool:
        """Whether it goes on or ended well: not sent back, not refused, not withdrawn."""
        if undoes(self._last_move):
            return False
        said = [entry["fields"]["approved"] for entry in self.history if "approved" in entry.get("fields", {})]
        return not said or bool(said[-1])

    def public_until(self, masks: Masks) -> datetime | None:
        """Until when it is public at all: for good (None), never (`HIDDEN`), or to the end of its standing."""
        if WHOLE in self.taken:
            return HIDDEN
        if self.matter not in masks.hidden_unless_sound:
            return None
        if not self.sound:
            return HIDDEN
        standing = masks.standing.get(self.flow)
        return self.ended_at + standing if standing and self.ended_at and self.state == "closed" else None


def take(case: Case | None, event: CaseEvent, masks: Masks, words: Vocabulary) -> Case:
    """The case with one more event; an event that it has already changes nothing."""
    if case and any(entry["sequence"] == event.sequence for entry in case.history):
        return case
    named, known = people_of(event, masks.names), (case and case.people) or NOBODY
    public = public_event(event, masks, words, known)
    if case is None:
        case = Case(**{name: public[name] for name in _FIRST})
    else:
        if news := named - known:
            case = _struck(case, news, masks)
        if case.people is None:
            public = _silent(public, case, masks)
        if event.sequence > case.sequence and public["title"]:
            case = replace(case, title=public["title"])
    history = sorted((*case.history, _entry(public)), key=lambda entry: int(entry["sequence"]))
    withheld = {**case.withheld, event.sequence: public["withheld"]} if public.get("withheld") else case.withheld
    case = replace(case, history=tuple(history), withheld=withheld)
    return _forgetting(_opened(case, masks), None if case.people is None else known | named, masks)


def with_taken(case: Case, taken: Mapping[str, dict[str, str]], masks: Masks) -> Case:
    """The case with just these fields (or `WHOLE`) taken back; what is no longer among them is shown again."""
    return _opened(replace(case, taken=taken), masks)


def _entry(public: dict[str, Any]) -> Entry:
    kept: Entry = {name: public[name] for name in _KEPT if public.get(name) not in (None, False, [])}
    if public.get("fields"):
        kept["fields"] = public["fields"]
    if public.get("documents"):
        kept["documents"] = public["documents"]
    return kept


def _struck(case: Case, named: People, masks: Masks) -> Case:
    """The case with newly named persons struck out of what was already said, withheld fields included."""
    history = [_struck_entry(entry, named, masks, case.places) for entry in case.history]
    return replace(
        case,
        case_no=strike_number(case.case_no, named),
        title=scrub(case.title, named.named) if case.title else None,
        history=tuple(history),
        withheld={at: strike(fields, named, masks, case.places) for at, fields in case.withheld.items()},
    )


def _struck_entry(entry: Entry, named: People, masks: Masks, places: tuple[str, str]) -> Entry:
    fields = {"fields": strike(entry["fields"], named, masks, places)} if "fields" in entry else {}
    reason = {"reason": scrub(entry["reason"], named.named)} if "reason" in entry else {}
    return entry | fields | reason


def _silent(public: dict[str, Any], case: Case, masks: Masks) -> dict[str, Any]:
    """An event that came after the case's people were forgotten, without its texts."""
    fields = {
        name: without_texts(public[name], masks, case.places) for name in ("fields", "withheld") if name in public
    }
    return public | fields | {"title": None, "reason": None}


def _forgetting(case: Case, named: People | None, masks: Masks) -> Case:
    """The case with the people to remember: none where nothing that people write is public, or when it is over."""
    if named is None or case.complete:
        withheld = {} if case.state == "withdrawn" else case.withheld
        return replace(case, people=None, withheld=withheld)
    return replace(case, people=named if masks.speaks(*case.places) else NOBODY)


def _opened(case: Case, masks: Masks) -> Case:
    """The case with each withheld field shown exactly when its award or notice is there and nobody has taken it back.

    What came after the case was sent back waits for the next award or notice.
    """
    case = replace(case, withheld=_with_taken(case))
    signs = {
        "award": [e["sequence"] for e in case.history if any(e.get("fields", {}).get(name) for name in SIGNS_OF_AWARD)],
        "notice": [e["sequence"] for e in case.history if e.get("notice_ends_at") or e.get("closes")],
    }
    returns = [entry["sequence"] for entry in case.history if undoes(entry) and entry["kind"] != "withdrawn"]

    def due(name: str, sequence: int) -> bool:
        rule = masks.rule(name, case.places)
        if name in case.taken:
            return False
        if rule is None or rule.withheld_until is None:
            return rule is not None
        return any(
            sign >= sequence or not any(sign < back < sequence for back in returns)
            for sign in signs[rule.withheld_until]
        )

    def shown(entry: Entry) -> Entry:
        withheld = case.withheld.get(entry["sequence"])
        if not withheld:
            return entry
        fields = {name: value for name, value in entry.get("fields", {}).items() if name not in withheld}
        fields |= {name: value for name, value in withheld.items() if due(name, entry["sequence"])}
        ended = {name: mark for name, mark in entry.get("ended", {}).items() if name not in withheld}
        ended |= {name: case.taken[name] for name in withheld if name in case.taken}
        rest = {name: value for name, value in entry.items() if name not in ("fields", "ended")}
        return rest | ({"fields": fields} if fields else {}) | ({"ended": ended} if ended else {})

    return replace(case, history=tuple(shown(entry) for entry in case.history))


def _moves(entry: Entry) -> bool:
    """Whether the case stands elsewhere after it."""
    return entry["kind"] in ("opened", "completed", "returned", "withdrawn") or bool(entry.get("to_node"))


def undoes(entry: Entry) -> bool:
    """Whether what was decided no longer stands after it: sent back, withdrawn, or amended so that it goes back."""
    return entry["kind"] in ("returned", "withdrawn") or (entry["kind"] == "amended" and bool(entry.get("to_node")))


def _with_taken(case: Case) -> dict[int, dict[str, Any]]:
    """What is withheld, with what was shown until it was taken back."""
    withheld = dict(case.withheld)
    for entry in case.history:
        if found := {name: value for name, value in entry.get("fields", {}).items() if name in case.taken}:
            withheld[entry["sequence"]] = withheld.get(entry["sequence"], {}) | found
    return withheld


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
