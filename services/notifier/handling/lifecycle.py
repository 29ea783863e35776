"""What may happen to an alert, who may do it, and by when: pure, over `lifecycle.yaml`."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.notifier.errors import MoveNeedsMore, MoveNotYours, MoveOutOfOrder, OwnJudgement, PersonUnknown, Recused
from services.notifier.routing.routing import Place
from shared.contracts.alerts import Alert, AlertStateChanged, Bilingual, Grade
from shared.problems import FieldError
from shared.workdays import add_calendar_days, add_working_days

FIRST = "not_pushed"
SYSTEM = "system"
OTHER = "other"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class State(Bilingual):
    """A state's names. `judged`: somebody has decided on it, with an outcome."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    judged: bool = False


class Group(_Strict):
    """Roles that may make a move, with more of them for milder grades."""

    roles: frozenset[str]
    yellow: frozenset[str] = frozenset()
    prompt: frozenset[str] = frozenset()

    def holds(self, grade: Grade) -> frozenset[str]:
        """The roles for an alert of this grade."""
        return self.roles | {"red": frozenset[str](), "yellow": self.yellow, "prompt": self.prompt}[grade]


class Transition(_Strict):
    """One move between states. `another`: not for whoever judged it; `counts`: money and people are told with it."""

    sources: tuple[str, ...] = Field(alias="from")
    to: str
    by: str
    zh: str
    en: str
    note: bool = False
    another: bool = False
    explanation: bool = False
    counts: bool = False
    grades: frozenset[Grade] = frozenset({"red", "yellow", "prompt"})
    outcomes: tuple[str, ...] = ()


class Term(_Strict):
    """A span of time, in one of its units."""

    hours: int = Field(default=0, ge=0)
    working_days: int = Field(default=0, ge=0)
    calendar_days: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if sum(bool(size) for size in (self.hours, self.working_days, self.calendar_days)) != 1:
            raise ValueError("a term has one of hours, working_days, calendar_days")
        return self

    def end(self, since: datetime) -> datetime:
        """When it has run out, in UTC."""
        if self.working_days:
            return add_working_days(since, self.working_days)
        if self.calendar_days:
            return add_calendar_days(since, self.calendar_days)
        return since + timedelta(hours=self.hours)


class Extension(_Strict):
    """In which states a term may be extended, by how much at most, and how often in one state."""

    states: frozenset[str]
    most_working_days: dict[Grade, int]
    times: int


class ReviewDesk(_Strict):
    """The desk above the town, seen from the alert."""

    role: str
    at: Place


class Review(_Strict):
    """Which judgements are due for review: a share of each grade, and always some outcomes."""

    share: dict[Grade, float]
    always: dict[Grade, frozenset[str]]
    desk: ReviewDesk
    within: Term


class Reopening(_Strict):
    """Which judgements a graver revision or new evidence reopens."""

    graver: frozenset[str]
    evidence: frozenset[str]


class Reopenings(Reopening):
    """The same, with what single rules say otherwise."""

    rules: dict[str, Reopening]

    def of(self, rule_id: str) -> Reopening:
        """What holds for a rule."""
        return self.rules.get(rule_id, self)


class Book(_Strict):
    """The whole of `lifecycle.yaml`."""

    states: dict[str, State]
    groups: dict[str, Group]
    transitions: tuple[Transition, ...]
    outcomes: dict[str, Bilingual]
    other_explanation: Bilingual
    most_recovered_fen: int
    most_people: int
    terms: dict[str, dict[Grade, Term | None]]
    extension: Extension
    review: Review
    reopening: Reopenings

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
            if self.states[move.to].judged and not (move.outcomes and move.note):
                raise ValueError(f"{move.to} is a judgement: it needs an outcome and a note")
        return self

    @model_validator(mode="after")
    def _terms_of_all_states(self) -> Self:
        ends = {code for code, state in self.states.items() if state.judged} | {"withdrawn", "reviewed"}
        if missing := set(self.states) - ends - {FIRST} - set(self.terms):
            raise ValueError(f"states without terms {missing}")
        if unknown := set(self.terms) - set(self.states) | self.extension.states - set(self.terms):
            raise ValueError(f"terms of unknown states {unknown}")
        return self


@dataclass(frozen=True)
class Actor:
    """Who moves it: the roles under which it lies on his desk, and the person behind them, as far as he is known."""

    roles: frozenset[str]
    person_key: str = ""
    subject: str = ""
    name: str = ""
    desks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Person:
    """Somebody who did something, as his sign-in named him."""

    subject: str
    name: str
    person_key: str = ""

    @classmethod
    def of(cls, actor: Actor) -> Self:
        """The person behind an actor."""
        return cls(actor.subject, actor.name, actor.person_key)

    def actor(self) -> Actor:
        """He, at no desk."""
        return Actor(frozenset(), self.person_key, self.subject, self.name)

    def is_(self, actor: Actor) -> bool:
        """Whether this is he, under whichever sign-in."""
        return self.subject == actor.subject or (bool(self.person_key) and self.person_key == actor.person_key)


THE_SYSTEM = Actor(roles=frozenset({SYSTEM}), subject=SYSTEM)


@dataclass(frozen=True)
class Move:
    """A wish to bring an alert into another state.

    A judgement has an outcome; an acquittal the code of the innocent explanation that was accepted; a closing what was
    recovered, in fen, and how many people were held to account.
    """

    to: str
    note: str = ""
    outcome: str | None = None
    explanation: str | None = None
    recovered_fen: int = 0
    people: int = 0


@cache
def book() -> Book:
    """The life cycle; raises pydantic's error at start when it is malformed."""
    text = Path(__file__).with_name("lifecycle.yaml").read_text(encoding="utf-8")
    return Book.model_validate(yaml.safe_load(text))


def grade_in(alert: Alert, state: str) -> Grade:
    """The grade as it stands: a red alert that was lowered counts as yellow."""
    return "yellow" if state == "downgraded" and alert.grade == "red" else alert.grade


def choices(alert: Alert, state: str, actor: Actor, judge: Person | None = None) -> list[Transition]:
    """The moves open to this actor now; `judge` has judged it before."""
    if recusal(alert, actor):
        return []
    found = (m for m in book().transitions if state in m.sources and alert.grade in m.grades)
    return [m for m in found if _may(m, alert, actor) and not _own(m, judge, actor)]


def recusal(alert: Alert, actor: Actor) -> Recused | PersonUnknown | None:
    """Why this person may not handle it: it is about himself or his kin, or nobody can tell whether it is."""
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
    if any(actor.person_key in person.kin for person in alert.about):
        return Recused("预警涉及您的近亲属,须由他人办理", "The alert concerns your kin; another has to handle it")
    return None


def change(
    alert: Alert,
    state: str,
    move: Move,
    actor: Actor,
    now: datetime,
    judge: Person | None = None,
) -> AlertStateChanged:
    """Decide a move: the event that tells of it, or the reason why not. `judge` has judged it before."""
    if why_not := recusal(alert, actor):
        raise why_not
    found = _transition(alert, state, move.to, actor)
    if not _may(found, alert, actor):
        raise MoveNotYours(
            f"「{found.zh}」须由有权限的人员办理", f"“{found.en}” is for: {', '.join(sorted(_holders(found, alert)))}"
        )
    if _own(found, judge, actor):
        raise OwnJudgement(
            "这条预警由您本人作出处置,复核须由另一人进行", "You judged this alert yourself: another has to review it"
        )
    _check_form(found, move, alert)
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
        outcome=move.outcome,
        explanation=move.explanation,
        recovered_fen=move.recovered_fen if found.counts else None,
        people=move.people if found.counts else None,
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
def judged() -> frozenset[str]:
    """The states in which somebody has decided on it and nobody has reviewed that yet."""
    return frozenset(code for code, state in book().states.items() if state.judged)


@cache
def finished() -> frozenset[str]:
    """The states in which nothing is left to do, but for a review when one is due."""
    return judged() | {"withdrawn", "reviewed"}


def due(state: str, grade: Grade, since: datetime) -> datetime | None:
    """By when it must be brought out of a state: None when that has no term, as with prompts and what is finished."""
    term = book().terms.get(state, {}).get(grade)
    return term.end(since) if term else None


def explanations(alert: Alert) -> dict[str, Bilingual]:
    """The innocent explanations that may be accepted, by code: the alert's own, and last another one.

    A code is made of the words, so that it stands for the same in all alerts of a rule and all its revisions.
    """
    own = {hashlib.sha256(one.zh.encode()).hexdigest()[:12]: one for one in alert.innocent_explanations}
    return own | {OTHER: book().other_explanation}


def _transition(alert: Alert, state: str, to: str, actor: Actor) -> Transition:
    names = book().states
    if to not in names:
        raise MoveNeedsMore(errors=[FieldError("to", f"没有“{to}”这一状态", f"There is no state “{to}”")])
    found = [m for m in book().transitions if m.to == to and state in m.sources and alert.grade in m.grades]
    if found:
        return next((one for one in found if _may(one, alert, actor)), found[0])
    raise MoveOutOfOrder(
        f"预警现为「{names[state].zh}」,不能转为「{names[to].zh}」",
        f"The alert is “{names[state].en}” and cannot become “{names[to].en}”",
    )


def _holders(found: Transition, alert: Alert) -> frozenset[str]:
    return book().groups[found.by].holds(alert.grade)


def _may(found: Transition, alert: Alert, actor: Actor) -> bool:
    return bool(actor.roles & _holders(found, alert))


def _own(found: Transition, judge: Person | None, actor: Actor) -> bool:
    return found.another and judge is not None and judge.is_(actor)


def _check_form(found: Transition, move: Move, alert: Alert) -> None:
    errors = [*_form_errors(found, move), *_explanation_errors(found, move, alert), *_count_errors(found, move)]
    if errors:
        raise MoveNeedsMore("请补充后再提交", "Please complete the form", errors)


def _form_errors(found: Transition, move: Move) -> Iterable[FieldError]:
    if found.note and not move.note.strip():
        yield FieldError("note", "请写明情况", "Say what was found")
    if found.outcomes and move.outcome not in found.outcomes:
        yield FieldError("outcome", "请选择处置结果", f"Choose one of: {', '.join(found.outcomes)}")
    if move.outcome and not found.outcomes:
        yield FieldError("outcome", "此步骤不填处置结果", "This step has no outcome")


def _explanation_errors(found: Transition, move: Move, alert: Alert) -> Iterable[FieldError]:
    if found.explanation and move.explanation not in explanations(alert):
        known = ", ".join(explanations(alert))
        yield FieldError("explanation", "请选择采信的正当原因", f"Choose the explanation that was accepted: {known}")
    if move.explanation and not found.explanation:
        yield FieldError("explanation", "此步骤不填正当原因", "This step accepts no explanation")


def _count_errors(found: Transition, move: Move) -> Iterable[FieldError]:
    for field, value, most in (
        ("recovered_fen", move.recovered_fen, book().most_recovered_fen),
        ("people", move.people, book().most_people),
    ):
        if value and not found.counts:
            yield FieldError(field, "此步骤不填", "This step doesn't take it")
        elif not 0 <= value <= most:
            yield FieldError(field, f"须在 0 与 {most} 之间", f"It must be from 0 to {most}")
