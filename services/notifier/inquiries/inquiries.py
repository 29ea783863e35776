"""An inquiry (线索): alerts that are checked as one, what may happen to it, and what that makes of its alerts: pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.notifier.errors import (
    AlertInInquiry,
    AlertsNotReady,
    InquiryStepOutOfOrder,
    MoveNeedsMore,
    MoveNotYours,
    PersonUnknown,
    Recused,
)
from services.notifier.handling import lifecycle
from services.notifier.handling.lifecycle import Actor
from services.notifier.inquiries.inquiry_alerts import entry, moved_along
from services.notifier.inquiries.inquiry_book import Transition, book, finished
from services.notifier.inquiries.inquiry_standing import Inquiry, Step, Wish
from services.notifier.routing import routing
from services.notifier.standing import Standing
from shared.problems import FieldError
from shared.workdays import SHANGHAI, add_working_days

FIRST = "open"
_MOMENT = timedelta(seconds=1)
_NO_DRAWS: Mapping[str, float] = {}


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
    changes = tuple(entry("merged", one, started, actor, role, new.opened_at) for one in alerts)
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
    change = entry("merged", alert, grown, actor, role, now)
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
    changes = (entry("separated", alert, held, actor, role, now, reason.strip()),) if alert else ()
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


def file(held: Inquiry, name: str, actor: Actor, now: datetime) -> Step:
    """File a paper; its name stands in the record."""
    role = _going_on(held, actor)
    return Step("filed", replace(held, updated_at=now), now, held.state, actor, role, note=name)


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
    changes = tuple(moved_along(held, found, wish, alerts, actors, now, draws))
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
