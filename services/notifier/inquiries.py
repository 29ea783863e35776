"""An inquiry (线索): alerts that are checked as one, what may happen to it, and what that makes of its alerts: pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.notifier import lifecycle, routing, standing
from services.notifier.errors import (
    AlertInInquiry,
    AlertsNotReady,
    InquiryStepOutOfOrder,
    MoveNeedsMore,
    MoveNotYours,
    PersonUnknown,
    Recused,
)
from services.notifier.lifecycle import Actor, Move
from services.notifier.standing import Change, Standing
from shared.contracts.alerts import Bilingual
from shared.problems import FieldError, Problem
from shared.workdays import SHANGHAI, add_working_days

FIRST = "open"
_MOMENT = timedelta(seconds=1)
_NO_DRAWS: Mapping[str, float] = {}
T = TypeVar("T")
Kind = Literal[
    "opened", "moved", "alert_added", "alert_removed", "staffed", "planned", "noted", "prolonged", "overdue", "overseen"
]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Transition(_Strict):
    """One move of an inquiry between states."""

    sources: tuple[str, ...] = Field(alias="from")
    to: str
    by: str
    zh: str
    en: str
    note: bool = False
    receiver: bool = False
    brings: tuple[str, ...] = ()
    settles: bool = False
    outcomes: tuple[str, ...] = ()


class Term(_Strict):
    """How many working days an inquiry gets, and may get at most."""

    default: int
    most: int


class Book(_Strict):
    """The whole of `inquiries.yaml`."""

    number: str
    states: dict[str, Bilingual]
    groups: dict[str, frozenset[str]]
    moves: tuple[Transition, ...]
    terms: dict[str, int]
    inquiry_term: Term
    kinds: dict[str, Bilingual]

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        alerts = lifecycle.book()
        for move in self.moves:
            if unknown := {*move.sources, move.to} - set(self.states) | {move.by} - set(self.groups):
                raise ValueError(f"unknown states or groups {unknown}")
            if unknown := set(move.outcomes) - set(alerts.outcomes) | set(move.brings) - set(alerts.states):
                raise ValueError(f"unknown outcomes or states of alerts {unknown}")
        return self


@dataclass(frozen=True)
class Inquiry:
    """One inquiry as it stands. Times are UTC; `term` is in working days from the day it begins."""

    inquiry_id: str
    number: str
    county_code: str
    title: str
    state: str
    alert_ids: tuple[str, ...]
    term: int
    opened_at: datetime
    updated_at: datetime
    due_by: datetime | None
    lead: str = ""
    helpers: tuple[str, ...] = ()
    plan: str = ""
    outcome: str | None = None
    conclusion: str = ""
    receiver: str = ""
    barred: frozenset[str] = frozenset()
    overseers: tuple[str, ...] = ()
    told_overdue: bool = False

    def overdue(self, now: datetime) -> bool:
        """Whether its term has run out by now."""
        return self.due_by is not None and self.due_by <= now and self.state not in finished()


@dataclass(frozen=True)
class Wish:
    """A wish to bring an inquiry into another state; `receiver` is to whom it is transferred.

    `explanation` is the innocent one that was accepted, for the alerts that know it, else another one; money recovered
    (fen) and people held to account are those of the whole, and stand with the first of its alerts that takes them.
    """

    to: str
    note: str = ""
    outcome: str | None = None
    receiver: str = ""
    explanation: str | None = None
    recovered_fen: int = 0
    people: int = 0


@dataclass(frozen=True)
class Step:
    """What happened to an inquiry: how it stands now, by whom, and what it made of its alerts, in order."""

    kind: Kind
    inquiry: Inquiry
    at: datetime
    state_from: str
    by: Actor
    role: str
    note: str = ""
    alert_id: str | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What the alerts of an inquiry share: persons, cases, rules and villages with the number of alerts that name them.

    An official comes with his key, name and the region of his office, a party with its kind, key and name.
    """

    persons: tuple[tuple[str, str, str, int], ...]
    parties: tuple[tuple[str, str, str, int], ...]
    cases: tuple[tuple[str, int], ...]
    rules: tuple[tuple[str, Bilingual, int], ...]
    villages: tuple[tuple[str, int], ...]


@cache
def book() -> Book:
    """The life of inquiries; raises pydantic's error at start when it is malformed."""
    text = Path(__file__).with_name("inquiries.yaml").read_text(encoding="utf-8")
    return Book.model_validate(yaml.safe_load(text))


@cache
def finished() -> frozenset[str]:
    """The states from which no move leads."""
    return frozenset(book().states) - {source for move in book().moves for source in move.sources}


def number(year: int, serial: int) -> str:
    """The number under which an inquiry is known: 线2026-0012."""
    return book().number.format(year=year, serial=serial)


def year_of(now: datetime) -> int:
    """The year of a number that is taken at `now`, in Shanghai."""
    return now.astimezone(SHANGHAI).year


def county_of(alerts: Sequence[Standing]) -> str:
    """The county whose number an inquiry over these alerts gets; raises `MoveNeedsMore` for none, or several."""
    counties = {routing.place_of(one.alert, "county") for one in alerts}
    if len(counties) != 1:
        zh, en = (
            ("请选择预警", "Choose alerts") if not counties else ("预警须属于同一个县", "Alerts of one county only")
        )
        raise MoveNeedsMore(errors=[FieldError("alerts", zh, en)])
    return counties.pop()


def actor_over(alerts: Sequence[Standing], actors: Sequence[Actor]) -> Actor:
    """The caller in the roles in which he has the alerts, none unless he has each; raises why he must stand aside."""
    for one, actor in zip(alerts, actors, strict=True):
        if why_not := lifecycle.recusal(one.alert, actor):
            raise why_not
    everywhere = all(actor.roles for actor in actors)
    return replace(actors[0], roles=frozenset[str]().union(*(a.roles for a in actors)) if everywhere else frozenset())


def opener(alerts: Sequence[Standing], actors: Sequence[Actor]) -> Actor:
    """The caller, who may merge these alerts; raises `MoveNotYours`, or why he must stand aside."""
    actor = actor_over(alerts, actors)
    _role(actor, "inquirer")
    return actor


def overseer(held: Inquiry, actor: Actor) -> Actor:
    """The county's official to whom it was passed up; raises why he must stand aside, also over what he can't see."""
    if held.barred and not actor.person_key:
        raise PersonUnknown(
            "线索涉及具体人员,而您的登录账号未关联身份(person_key),无法核对是否须回避",
            "The inquiry is about persons, and your sign-in doesn't say who you are (claim person_key)",
        )
    if actor.person_key in held.barred:
        raise Recused("线索涉及本人或亲属,须由他人办理", "The inquiry concerns yourself or your kin")
    return actor


def refuse_bound(numbers: Mapping[str, str]) -> None:
    """Refuse alerts that are in an inquiry that goes on: its number by alert."""
    if numbers:
        raise AlertInInquiry(
            "预警已并入进行中的线索,请在该线索中办理",
            "These alerts are in an inquiry that goes on: handle them there",
            [FieldError(f"alerts.{key}", f"已并入 {number}", f"in {number}") for key, number in numbers.items()],
        )


def open_(new: Inquiry, alerts: Sequence[Standing], actor: Actor) -> Step:
    """Merge alerts into a new inquiry."""
    role = _role(actor, "inquirer")
    _live(alerts)
    _check_term(new.term)
    started = replace(
        new, state=FIRST, due_by=_due(FIRST, new.opened_at), barred=_barred(alerts), lead=new.lead or actor.name
    )
    _check_staff(started, alerts)
    changes = tuple(_entry("merged", one, started, actor, role, new.opened_at) for one in alerts)
    return Step("opened", started, new.opened_at, FIRST, actor, role, changes=changes)


def add(held: Inquiry, alert: Standing, alerts: Sequence[Standing], actor: Actor, now: datetime) -> Step:
    """Merge one more alert; it is recused from as the others are, and brought to where they are by the next move."""
    role = _going_on(held, actor)
    _live([alert])
    if routing.place_of(alert.alert, "county") != held.county_code:
        raise MoveNeedsMore(errors=[FieldError("alert_id", "预警须属于同一个县", "The alert is of another county")])
    key = alert.alert.alert_id
    grown = replace(held, alert_ids=(*held.alert_ids, key), barred=held.barred | _barred([alert]), updated_at=now)
    _check_staff(grown, [*alerts, alert])
    change = _entry("merged", alert, grown, actor, role, now)
    return Step("alert_added", grown, now, held.state, actor, role, alert_id=key, changes=(change,))


def remove(held: Inquiry, alert_id: str, alert: Standing | None, reason: str, actor: Actor, now: datetime) -> Step:
    """Take an alert out, with a reason. `alert` is None when it lies on another desk by now. It stays as it is."""
    role = _going_on(held, actor)
    errors = []
    if not reason.strip():
        errors.append(FieldError("reason", "请写明移出原因", "Say why it is taken out"))
    if held.alert_ids == (alert_id,):
        errors.append(FieldError("alert_id", "线索至少须有一条预警", "An inquiry keeps at least one alert"))
    if errors:
        raise MoveNeedsMore(errors=errors)
    left = replace(held, alert_ids=tuple(one for one in held.alert_ids if one != alert_id), updated_at=now)
    changes = (_entry("separated", alert, held, actor, role, now, reason.strip()),) if alert else ()
    return Step("alert_removed", left, now, held.state, actor, role, reason.strip(), alert_id, changes)


def staff(
    held: Inquiry, lead: str, helpers: Iterable[str], alerts: Sequence[Standing], actor: Actor, now: datetime
) -> Step:
    """Name who leads it and who helps; nobody whom it is about."""
    role = _going_on(held, actor)
    names = tuple(dict.fromkeys(name for given in helpers if (name := given.strip()) and name != lead.strip()))
    staffed = replace(held, lead=lead.strip(), helpers=names, updated_at=now)
    _check_staff(staffed, alerts)
    return Step("staffed", staffed, now, held.state, actor, role, note="、".join((staffed.lead, *names)))


def plan(held: Inquiry, text: str, actor: Actor, now: datetime) -> Step:
    """Write down how it is to be checked; the plans before stay in the history."""
    role = _going_on(held, actor)
    planned = replace(held, plan=_said("plan", text), updated_at=now)
    return Step("planned", planned, now, held.state, actor, role, note=planned.plan)


def note(held: Inquiry, text: str, actor: Actor, now: datetime) -> Step:
    """Write down what was found."""
    role = _going_on(held, actor)
    return Step("noted", replace(held, updated_at=now), now, held.state, actor, role, note=_said("note", text))


def prolong(held: Inquiry, term: int, reason: str, actor: Actor, now: datetime) -> Step:
    """Give an inquiry that is under way a longer term, in working days from the day it began, with a reason."""
    role = _role(actor, "judge")
    if held.state != "under_inquiry" or held.due_by is None:
        raise InquiryStepOutOfOrder("核查中的线索才能延长期限", "Only an inquiry that is under way can be prolonged")
    _check_term(term)
    if term <= held.term:
        raise MoveNeedsMore(errors=[FieldError("term", "须长于现有期限", f"More than {held.term} working days")])
    said = _said("reason", reason)
    longer = add_working_days(held.due_by - _MOMENT, term - held.term)
    prolonged = replace(held, term=term, due_by=longer, told_overdue=False, updated_at=now)
    return Step("prolonged", prolonged, now, held.state, actor, role, note=said)


def choices(held: Inquiry, actor: Actor) -> list[Transition]:
    """The moves open to this actor now."""
    return [m for m in book().moves if held.state in m.sources and actor.roles & book().groups[m.by]]


def may_change(held: Inquiry, actor: Actor) -> bool:
    """Whether this actor may change its alerts, people, plan and notes now."""
    return held.state not in finished() and bool(actor.roles & book().groups["inquirer"])


def move(
    held: Inquiry,
    wish: Wish,
    alerts: Sequence[Standing],
    actors: Sequence[Actor],
    actor: Actor,
    now: datetime,
    draws: Mapping[str, float] = _NO_DRAWS,
) -> Step:
    """Bring an inquiry into another state, and its alerts along: all of them, or nothing with a list of why not.

    Alerts that are finished already keep the outcome that they have. `draws`, random numbers by alert, decide which
    judgements are due for review. Raises `InquiryStepOutOfOrder`, `MoveNotYours`, `MoveNeedsMore`, `AlertsNotReady`,
    and the reasons for standing aside. `actors` is the caller at each alert, `actor` the same over the whole.
    """
    found = _transition(held, wish)
    role = _role(actor, found.by)
    _check_form(found, wish)
    changes = tuple(_moved_along(held, found, wish, alerts, actors, now, draws))
    moved = replace(
        held,
        state=found.to,
        due_by=add_working_days(now, held.term) if found.to == "under_inquiry" else _due(found.to, now),
        told_overdue=False,
        outcome=wish.outcome or held.outcome,
        conclusion=wish.note.strip() if found.settles else held.conclusion,
        receiver=wish.receiver.strip() or held.receiver,
        updated_at=now,
    )
    return Step("moved", moved, now, held.state, actor, role, wish.note.strip(), changes=changes)


def lapse(held: Inquiry, now: datetime) -> Step:
    """Its term has run out: its history says so, once for each term."""
    told = replace(held, told_overdue=True)
    return Step("overdue", told, now, held.state, lifecycle.THE_SYSTEM, lifecycle.SYSTEM)


def pass_up(held: Inquiry, alerts: Sequence[Standing], now: datetime) -> Step | None:
    """No desk holds all of its alerts any more: the county takes it over. None while some desk does."""
    shared = frozenset.intersection(*(frozenset(one.desks) for one in alerts)) if alerts else frozenset()
    barred = held.barred | _barred(alerts)
    above = () if shared else (f"county_secretary@{held.county_code}",)
    if (above, barred) == (held.overseers, held.barred):
        return None
    passed = replace(held, overseers=above, barred=barred)
    return Step("overseen", passed, now, held.state, lifecycle.THE_SYSTEM, lifecycle.SYSTEM)


def seen_together(alerts: Iterable[Standing]) -> Seen:
    """Who and what the alerts have in common, the most frequent first."""
    persons: Counter[tuple[str, str, str]] = Counter()
    parties: Counter[tuple[str, str, str]] = Counter()
    cases: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    villages: Counter[str] = Counter()
    titles: dict[str, Bilingual] = {}
    for one in alerts:
        alert = one.alert
        persons.update({(person.person_key, person.name, person.region_code) for person in alert.about})
        parties.update({(party.kind, party.key, party.name) for party in alert.parties if party.name})
        cases.update(set(alert.case_nos))
        rules.update([alert.rule_id])
        villages.update([alert.village_code])
        titles[alert.rule_id] = alert.title
    return Seen(
        persons=tuple((*who, many) for who, many in _ranked(persons)),
        parties=tuple((*which, many) for which, many in _ranked(parties)),
        cases=tuple(_ranked(cases)),
        rules=tuple((rule, titles[rule], many) for rule, many in _ranked(rules)),
        villages=tuple(_ranked(villages)),
    )


def _ranked(found: Counter[T]) -> list[tuple[T, int]]:
    return sorted(found.items(), key=lambda item: (-item[1], str(item[0])))


def _moved_along(
    held: Inquiry,
    found: Transition,
    wish: Wish,
    alerts: Sequence[Standing],
    actors: Sequence[Actor],
    now: datetime,
    draws: Mapping[str, float],
) -> Iterator[Change]:
    """What the move makes of each alert; raises `AlertsNotReady` with all that can't go along."""
    made: list[Change] = []
    errors: list[FieldError] = []
    shown = {one.alert.alert_id for one in alerts}
    for key in held.alert_ids:
        if key not in shown:
            errors.append(FieldError(f"alerts.{key}", "此预警现不在您的岗位", "This alert lies on another desk by now"))
    for one, actor in zip(alerts, actors, strict=True):
        try:
            steps = list(_along(held, found, wish, one, actor, now, draws.get(one.alert.alert_id, 0.0)))
            made += steps
            if any(_counts(step) for step in steps):
                wish = replace(wish, recovered_fen=0, people=0)
        except Problem as problem:
            zh, en = _why(problem)
            title = one.alert.title
            errors.append(FieldError(f"alerts.{one.alert.alert_id}", f"{title.zh}:{zh}", f"{title.en}: {en}"))
    if errors:
        raise AlertsNotReady(
            "以下预警不能这样办理,请先分别处理或移出线索;全部未动",
            "These alerts can't be handled so: handle them one by one, or take them out. None was moved",
            errors,
        )
    if wish.recovered_fen or wish.people:
        zh, en = "没有可登记追回金额或追责人数的预警", "None of its alerts takes money or people"
        raise MoveNeedsMore(errors=[FieldError("recovered_fen", zh, en)])
    yield from made


def _counts(step: Change) -> bool:
    """Whether money and people are told with this move."""
    book = lifecycle.book().transitions
    return any(m.counts for m in book if m.to == step.standing.state and step.state_from in m.sources)


def _along(
    held: Inquiry, found: Transition, wish: Wish, one: Standing, actor: Actor, now: datetime, draw: float
) -> Iterator[Change]:
    if one.state in lifecycle.finished():
        return
    reason = Bilingual(
        zh=f"随线索 {held.number} 一并办理({found.zh})", en=f"Handled with inquiry {held.number} ({found.en})"
    )
    for state in found.brings:
        if found.settles and _settling(one, wish.outcome):
            break
        if any(choice.to == state for choice in lifecycle.choices(one.alert, one.state, actor)):
            change = replace(standing.move(one, Move(state, wish.note), actor, now), reason=reason)
            one = change.standing
            yield change
    if found.settles:
        last = _settling(one, wish.outcome)
        if last is None:
            raise InquiryStepOutOfOrder(*_no_way(one, wish.outcome or ""))
        yield replace(standing.move(one, _settlement(one, last, wish), actor, now, draw=draw), reason=reason)


def _settlement(one: Standing, to: str, wish: Wish) -> Move:
    ways = (m for m in lifecycle.book().transitions if m.to == to and one.state in m.sources)
    way = next(m for m in ways if wish.outcome in m.outcomes)
    known = wish.explanation if wish.explanation in lifecycle.explanations(one.alert) else lifecycle.OTHER
    return Move(
        to,
        wish.note,
        wish.outcome,
        explanation=known if way.explanation else None,
        recovered_fen=wish.recovered_fen if way.counts else 0,
        people=wish.people if way.counts else 0,
    )


def _settling(one: Standing, outcome: str | None) -> str | None:
    """The state into which this outcome leads from where the alert is."""
    found = (m.to for m in lifecycle.book().transitions if one.state in m.sources and outcome in m.outcomes)
    return next(found, None)


def _no_way(one: Standing, outcome: str) -> tuple[str, str]:
    states, outcomes = lifecycle.book().states, lifecycle.book().outcomes
    return (
        f"现为「{states[one.state].zh}」,不能以「{outcomes[outcome].zh}」办结",
        f"It is “{states[one.state].en}” and can't be closed with “{outcomes[outcome].en}”",
    )


def _why(problem: Problem) -> tuple[str, str]:
    """A problem with one alert in one line."""
    zh = [problem.detail_zh or problem.title_zh, *(error.zh for error in problem.errors)]
    en = [problem.detail_en or problem.title_en, *(error.en for error in problem.errors)]
    return ";".join(zh), "; ".join(en)


def _entry(
    kind: Literal["merged", "separated"],
    one: Standing,
    held: Inquiry,
    actor: Actor,
    role: str,
    now: datetime,
    note: str = "",
) -> Change:
    """What an alert's own history says of its coming into an inquiry or leaving it; its state stays."""
    into = {"merged": ("并入线索", "Merged into inquiry"), "separated": ("移出线索", "Taken out of inquiry")}[kind]
    reason = Bilingual(zh=f"{into[0]} {held.number}", en=f"{into[1]} {held.number}")
    return Change(kind, replace(one, updated_at=now), now, one.state, by=actor, role=role, note=note, reason=reason)


def _transition(held: Inquiry, wish: Wish) -> Transition:
    names = book().states
    if wish.to not in names:
        raise MoveNeedsMore(errors=[FieldError("to", f"没有“{wish.to}”这一状态", f"There is no state “{wish.to}”")])
    for found in book().moves:
        if found.to == wish.to and held.state in found.sources:
            return found
    raise InquiryStepOutOfOrder(
        f"线索现为「{names[held.state].zh}」,不能转为「{names[wish.to].zh}」",
        f"The inquiry is “{names[held.state].en}” and cannot become “{names[wish.to].en}”",
    )


def _check_form(found: Transition, wish: Wish) -> None:
    errors = []
    if found.note and not wish.note.strip():
        errors.append(FieldError("note", "请写明情况", "Say what was found"))
    if found.outcomes and wish.outcome not in found.outcomes:
        errors.append(FieldError("outcome", "请选择处置结果", f"Choose one of: {', '.join(found.outcomes)}"))
    if wish.outcome and not found.outcomes:
        errors.append(FieldError("outcome", "此步骤不填处置结果", "This step has no outcome"))
    if found.receiver and not wish.receiver.strip():
        errors.append(FieldError("receiver", "请写明移送单位", "Say to whom it is transferred"))
    if errors:
        raise MoveNeedsMore("请补充后再提交", "Please complete the form", errors)


def _role(actor: Actor, group: str) -> str:
    allowed = book().groups[group]
    if not actor.roles & allowed:
        raise MoveNotYours(
            "须由线索中全部预警所在岗位的办理人员办理",
            f"For whoever has each of its alerts on his desk, as: {', '.join(sorted(allowed))}",
        )
    return min(actor.roles & allowed)


def _going_on(held: Inquiry, actor: Actor) -> str:
    if held.state in finished():
        raise InquiryStepOutOfOrder("线索已办结,不能再更改", "The inquiry is finished and can't be changed")
    return _role(actor, "inquirer")


def _live(alerts: Sequence[Standing]) -> None:
    """What nobody has anything left to do about needs no inquiry."""
    over = [one for one in alerts if one.state in lifecycle.finished()]
    if over:
        raise AlertsNotReady(
            "已办结或已撤回的预警不能并入",
            "An alert that is finished can't be merged",
            [FieldError(f"alerts.{one.alert.alert_id}", one.alert.title.zh, one.alert.title.en) for one in over],
        )


def _check_term(term: int) -> None:
    most = book().inquiry_term.most
    if not 1 <= term <= most:
        raise MoveNeedsMore(errors=[FieldError("term", f"期限为 1 至 {most} 个工作日", f"1 to {most} working days")])


def _check_staff(held: Inquiry, alerts: Sequence[Standing]) -> None:
    """Nobody of the name of a person whom it is about: names are all that is known of helpers, so a namesake too."""
    concerned = {person.name for one in alerts for person in one.alert.about}
    errors = [
        FieldError(field, f"{name}与预警所涉人员同名,须另行指定", f"{name} bears the name of a person whom it is about")
        for field, names in (("lead", (held.lead,)), ("helpers", held.helpers))
        for name in names
        if name in concerned
    ]
    if not held.lead:
        errors.append(FieldError("lead", "请指定负责人", "Name who leads it"))
    if errors:
        raise MoveNeedsMore("请另行指定承办人", "Name somebody else", errors)


def _barred(alerts: Sequence[Standing]) -> frozenset[str]:
    """The person keys of those whom the alerts are about, and of their kin."""
    return frozenset(key for one in alerts for person in one.alert.about for key in (person.person_key, *person.kin))


def _due(state: str, since: datetime) -> datetime | None:
    days = book().terms.get(state)
    return add_working_days(since, days) if days else None


def _said(field: str, text: str) -> str:
    if not text.strip():
        raise MoveNeedsMore(errors=[FieldError(field, "必填", "Needed")])
    return text.strip()
