"""What may happen to an alert, who may do it, and by when: pure, over `lifecycle.yaml`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.notifier.errors import MoveNeedsMore, MoveNotYours, MoveOutOfOrder, PersonUnknown, Recused
from shared.contracts.alerts import Alert, AlertStateChanged, Bilingual, Grade
from shared.problems import FieldError
from shared.workdays import add_working_days

FIRST = "not_pushed"
SYSTEM = "system"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Group(_Strict):
    """Roles that may make a move, with more of them for milder grades."""

    roles: frozenset[str]
    yellow: frozenset[str] = frozenset()
    prompt: frozenset[str] = frozenset()

    def holds(self, grade: Grade) -> frozenset[str]:
        """The roles for an alert of this grade."""
        return self.roles | {"red": frozenset[str](), "yellow": self.yellow, "prompt": self.prompt}[grade]


class Transition(_Strict):
    """One move between states."""

    sources: tuple[str, ...] = Field(alias="from")
    to: str
    by: str
    zh: str
    en: str
    note: bool = False
    grades: frozenset[Grade] = frozenset({"red", "yellow", "prompt"})
    outcomes: tuple[str, ...] = ()


class Term(_Strict):
    """A span of time."""

    hours: int = 0
    working_days: int = 0


class Book(_Strict):
    """The whole of `lifecycle.yaml`."""

    states: dict[str, Bilingual]
    groups: dict[str, Group]
    transitions: tuple[Transition, ...]
    outcomes: dict[str, Bilingual]
    acknowledge_within: dict[Grade, Term | None]

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        for move in self.transitions:
            for state in (*move.sources, move.to):
                if state not in self.states:
                    raise ValueError(f"unknown state {state}")
            if move.by not in self.groups:
                raise ValueError(f"unknown group {move.by}")
            if unknown := set(move.outcomes) - set(self.outcomes):
                raise ValueError(f"unknown outcomes {unknown}")
        return self


@dataclass(frozen=True)
class Actor:
    """Who moves it: the roles under which it lies on his desk, and the person behind them, as far as he is known."""

    roles: frozenset[str]
    person_key: str = ""
    subject: str = ""
    name: str = ""


THE_SYSTEM = Actor(roles=frozenset({SYSTEM}), subject=SYSTEM)


@dataclass(frozen=True)
class Move:
    """A wish to bring an alert into another state."""

    to: str
    note: str = ""
    outcome: str | None = None


@cache
def book() -> Book:
    """The life cycle; raises pydantic's error at start when it is malformed."""
    text = Path(__file__).with_name("lifecycle.yaml").read_text(encoding="utf-8")
    return Book.model_validate(yaml.safe_load(text))


def grade_in(alert: Alert, state: str) -> Grade:
    """The grade as it stands: a red alert that was lowered counts as yellow."""
    return "yellow" if state == "downgraded" and alert.grade == "red" else alert.grade


def choices(alert: Alert, state: str, actor: Actor) -> list[Transition]:
    """The moves open to this actor now."""
    if recusal(alert, actor):
        return []
    return [m for m in book().transitions if state in m.sources and alert.grade in m.grades and _may(m, alert, actor)]


def recusal(alert: Alert, actor: Actor) -> Recused | PersonUnknown | None:
    """Why this person may not handle it: it is about himself, or nobody can tell whether it is."""
    if not alert.about or actor == THE_SYSTEM:
        return None
    if not actor.person_key:
        return PersonUnknown(
            "预警涉及具体人员,而您的登录账号未关联身份(person_key),无法核对是否须回避;请联系管理员关联后再办理",
            "The alert is about a person, and your sign-in doesn't say who you are (claim person_key): nobody can tell"
            " whether you must stand aside. Have an administrator add it",
        )
    if any(person.person_key == actor.person_key for person in alert.about):
        return Recused("预警涉及本人,须由他人办理", "The alert concerns yourself; another has to handle it")
    return None


def change(alert: Alert, state: str, move: Move, actor: Actor, now: datetime) -> AlertStateChanged:
    """Decide a move: the event that tells of it, or the reason why not."""
    if why_not := recusal(alert, actor):
        raise why_not
    found = _transition(alert, state, move.to)
    if not _may(found, alert, actor):
        raise MoveNotYours(
            f"「{found.zh}」须由有权限的人员办理", f"“{found.en}” is for: {', '.join(sorted(_holders(found, alert)))}"
        )
    _check_form(found, move)
    return AlertStateChanged(
        alert_id=alert.alert_id,
        rule_id=alert.rule_id,
        grade=grade_in(alert, move.to),
        matter=alert.matter,
        village_code=alert.village_code,
        town_code=alert.town_code,
        state_from=state,
        state_to=move.to,
        by_role=min(actor.roles & _holders(found, alert)),
        occurred_at=now,
    )


def may_withdraw(state: str) -> bool:
    """Whether the rule may still take it back: nobody has judged it yet."""
    return any(m.to == "withdrawn" and state in m.sources for m in book().transitions)


def may_deliver_again(state: str) -> bool:
    """Whether it may be delivered anew when it weighs more: nobody has begun an inquiry or judged it."""
    return state == "pushed" or any(
        m.to == "pushed" and m.by == SYSTEM and state in m.sources for m in book().transitions
    )


@cache
def finished() -> frozenset[str]:
    """The states in which nobody has anything left to do."""
    left_by_people = {source for move in book().transitions if move.by != SYSTEM for source in move.sources}
    return frozenset(book().states) - left_by_people - {FIRST, "push_failed"}


def acknowledge_due(grade: Grade, since: datetime) -> datetime | None:
    """By when it must be acknowledged."""
    term = book().acknowledge_within[grade]
    if term is None:
        return None
    if term.working_days:
        return add_working_days(since, term.working_days)
    return since + timedelta(hours=term.hours)


def _transition(alert: Alert, state: str, to: str) -> Transition:
    names = book().states
    if to not in names:
        raise MoveNeedsMore(errors=[FieldError("to", f"没有“{to}”这一状态", f"There is no state “{to}”")])
    for found in book().transitions:
        if found.to == to and state in found.sources and alert.grade in found.grades:
            return found
    raise MoveOutOfOrder(
        f"预警现为「{names[state].zh}」,不能转为「{names[to].zh}」",
        f"The alert is “{names[state].en}” and cannot become “{names[to].en}”",
    )


def _holders(found: Transition, alert: Alert) -> frozenset[str]:
    return book().groups[found.by].holds(alert.grade)


def _may(found: Transition, alert: Alert, actor: Actor) -> bool:
    return bool(actor.roles & _holders(found, alert))


def _check_form(found: Transition, move: Move) -> None:
    errors = list(_form_errors(found, move))
    if errors:
        raise MoveNeedsMore("请补充后再提交", "Please complete the form", errors)


def _form_errors(found: Transition, move: Move) -> Iterable[FieldError]:
    if found.note and not move.note.strip():
        yield FieldError("note", "请写明情况", "Say what was found")
    if found.outcomes and move.outcome not in found.outcomes:
        yield FieldError("outcome", "请选择处置结果", f"Choose one of: {', '.join(found.outcomes)}")
    if move.outcome and not found.outcomes:
        yield FieldError("outcome", "此步骤不填处置结果", "This step has no outcome")
