"""Decisions that several people make: what a body needs to decide, and whether its votes carried. Pure.

A meeting's numbers are filed by hand (`recorded`), or its members vote themselves (`cast`): each once, changeable until
the node is completed. Whoever is concerned himself stands aside, and then counts neither as due nor as present.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from services.approval.errors import FieldsMissing, FieldsUnsound, NotCarried
from shared.contracts.power import Ballot, NodeFields
from shared.problems import FieldError
from shared.words import Name

Ballots = Literal["cast", "recorded"]
Vote = Literal["for", "against", "abstain", "stand_aside"]
# Filled in from the ballots where they are cast.
COUNTED = ("attendees_present", "votes_for", "votes_against")
# Who is concerned by a case himself, as its forms name him by his key.
_CONCERNED = ("beneficiary_key", "guardian_key", "hire_person_key", "lessee_key")
_CONCERNED_LINES = (("bids", "manager_key"), ("workers", "person_key"), ("grants", "person_key"))


@dataclass(frozen=True)
class DecisionRule(Name):
    """What a body needs to decide: the share of those due that must be present, and the share that must agree.

    `agree` is a share of those present, or of all who are due when `of_due`; with `more` it must be exceeded.
    """

    source: str
    present: Fraction | None
    agree: Fraction
    more: bool
    of_due: bool

    @property
    def asks_due(self) -> bool:
        """Whether it goes by how many are due."""
        return self.present is not None or self.of_due


@dataclass(frozen=True)
class Place:
    """Of a role's holders so many must vote, if not more."""

    role: str
    name: Name
    least: int


@dataclass(frozen=True)
class Joint:
    """How a node is decided jointly; `places` are those of its voters, where ballots are cast."""

    rule: DecisionRule
    ballots: Ballots
    places: tuple[Place, ...] = ()

    @property
    def by_ballot(self) -> bool:
        """Whether its members vote themselves."""
        return self.ballots == "cast"

    @property
    def voters(self) -> tuple[str, ...]:
        """The roles whose holders vote, in the order in which places are taken."""
        return tuple(place.role for place in self.places)

    def open_places(self, ballots: Iterable[Ballot]) -> list[tuple[Place, int]]:
        """The places for which votes are missing, and how many."""
        voted = [ballot.role for ballot in ballots if not ballot.stands_aside]
        counts = ((place, place.least - voted.count(place.role)) for place in self.places)
        return [(place, missing) for place, missing in counts if missing > 0]


@dataclass(frozen=True)
class Tally:
    """The votes of a node: `aside` stood aside; `due` is None where the rule doesn't go by it."""

    due: int | None
    present: int
    agreed: int
    against: int
    aside: int = 0

    @property
    def abstained(self) -> int:
        """Who was present and voted neither way."""
        return self.present - self.agreed - self.against


def tally(ballots: Iterable[Ballot], due: int | None = None) -> Tally:
    """The ballots counted; of `due`, all members, those who stand aside are taken off."""
    cast = list(ballots)
    votes = [ballot.vote for ballot in cast if not ballot.stands_aside]
    aside = len(cast) - len(votes)
    return Tally(None if due is None else due - aside, len(votes), votes.count("for"), votes.count("against"), aside)


def with_counts(form: Iterable[str], filled: NodeFields, ballots: Iterable[Ballot]) -> NodeFields:
    """The form with the numbers of the ballots; raises `FieldsUnsound` when it says others."""
    counted = tally(ballots)
    numbers = dict(zip(COUNTED, (counted.present, counted.agreed, counted.against), strict=True))
    unsound = [
        FieldError(f"fields.{name}", f"按表决应为 {number}", f"By the ballots it is {number}")
        for name, number in numbers.items()
        if getattr(filled, name) not in (None, number)
    ]
    if unsound:
        raise FieldsUnsound("与表决结果不符", "The ballots say otherwise", unsound)
    return filled.model_copy(update={name: numbers[name] for name in form if name in numbers})


def check_carried(joint: Joint, filled: NodeFields, ballots: Iterable[Ballot]) -> None:
    """The decision was made as its rule wants it.

    Raises `FieldsMissing`, `FieldsUnsound` for numbers that can't be, `NotCarried` for too few present or in favour.
    """
    cast = list(ballots)
    if joint.rule.asks_due and filled.attendees_due is None:
        raise FieldsMissing("请填写应到人数", "Say how many are due", [_error("attendees_due", "必填", "Required")])
    if joint.by_ballot:
        _check_places(joint, cast)
        counted = tally(cast, filled.attendees_due if joint.rule.asks_due else None)
    else:
        counted = _recorded(filled)
    _check_arithmetic(counted)
    _check_quorum(joint.rule, counted)
    _check_majority(joint.rule, counted)


def concerned(forms: Iterable[NodeFields]) -> frozenset[str]:
    """The keys of the persons whom a case's forms are about: who asks for relief, is hired, paid, leases, or bids."""
    keys: set[Any] = set()
    for form in forms:
        keys |= {getattr(form, name) for name in _CONCERNED}
        keys |= {getattr(line, key) for lines, key in _CONCERNED_LINES for line in getattr(form, lines)}
    return frozenset(keys - {None})


def _recorded(filled: NodeFields) -> Tally:
    missing = [name for name in COUNTED if getattr(filled, name) is None]
    if missing:
        raise FieldsMissing(
            "请填写到会与表决人数",
            "Say how many were present and voted",
            [_error(n, "必填", "Required") for n in missing],
        )
    present, agreed, against = (int(getattr(filled, name)) for name in COUNTED)
    return Tally(filled.attendees_due, present, agreed, against)


def _check_places(joint: Joint, ballots: Iterable[Ballot]) -> None:
    if short := joint.open_places(ballots):
        zh = "、".join(f"{place.name.zh} {missing} 人" for place, missing in short)
        en = ", ".join(f"{missing} of {place.name.en}" for place, missing in short)
        raise NotCarried(f"尚未表决:{zh}", f"Still to vote: {en}", [FieldError("ballots", zh, en)])


def _check_arithmetic(counted: Tally) -> None:
    unsound = []
    if counted.due is not None and counted.present > counted.due:
        unsound.append(_error("attendees_present", f"实到多于应到 {counted.due}", f"More than are due, {counted.due}"))
    if counted.abstained < 0:
        unsound.append(
            _error(
                "votes_for", f"赞成与反对合计多于实到 {counted.present}", f"More votes than present, {counted.present}"
            )
        )
    if unsound:
        raise FieldsUnsound("表决人数对不上", "The numbers of the vote don't add up", unsound)


def _check_quorum(rule: DecisionRule, counted: Tally) -> None:
    if rule.present is not None and counted.due is not None and counted.present < rule.present * counted.due:
        raise NotCarried(
            f"应到 {counted.due} 人,实到 {counted.present} 人,不足 {rule.present}",
            f"{counted.present} of {counted.due} were present, fewer than {rule.present}",
            [_error("attendees_present", f"不足应到的 {rule.present}", f"Fewer than {rule.present} of those due")],
        )


def _check_majority(rule: DecisionRule, counted: Tally) -> None:
    whole = counted.due if rule.of_due and counted.due is not None else counted.present
    needed = rule.agree * whole
    if counted.agreed > needed or (counted.agreed == needed and not rule.more and counted.agreed > 0):
        return
    of_zh, of_en = ("应到", "due") if rule.of_due else ("实到", "present")
    how_zh, how_en = ("须超过", "more than") if rule.more else ("至少", "at least")
    zh, en = f"{of_zh} {whole} 人,{how_zh} {rule.agree}", f"{how_en} {rule.agree} of the {whole} {of_en}"
    raise NotCarried(
        f"赞成 {counted.agreed} 票;{zh}",
        f"{counted.agreed} in favour; it takes {en}",
        [_error("votes_for", zh, f"It takes {en}")],
    )


def _error(name: str, zh: str, en: str) -> FieldError:
    return FieldError(f"fields.{name}", zh, en)
