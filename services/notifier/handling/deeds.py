"""What people do to an alert beside moving it: take it, hand it over, note, file a paper, ask for more time: pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from services.notifier.errors import DeedOutOfOrder, MoveNeedsMore, MoveNotYours, OwnRequest
from services.notifier.handling import lifecycle
from services.notifier.handling.lifecycle import Actor, Person
from services.notifier.standing import Assignee, Change, Extension, Kind, Standing
from shared.contracts.alerts import AlertStateChanged
from shared.problems import FieldError
from shared.workdays import add_working_days

MOST_NOTE = 4000


@dataclass(frozen=True)
class Take:
    """To make an alert one's own."""


@dataclass(frozen=True)
class Release:
    """To give it back to all of the desk."""

    note: str = ""


@dataclass(frozen=True)
class HandOver:
    """To hand it to a colleague at the same desk."""

    to: str
    note: str


@dataclass(frozen=True)
class Note:
    """To add a note to its history."""

    text: str


@dataclass(frozen=True)
class File:
    """To file a paper that was received and stored."""

    paper_id: UUID
    sha256: str
    name: str


@dataclass(frozen=True)
class AskTime:
    """To ask for more working days in this state."""

    working_days: int
    reason: str


@dataclass(frozen=True)
class AnswerTime:
    """To grant or refuse what another has asked for."""

    grant: bool
    note: str = ""


Deed: TypeAlias = Take | Release | HandOver | Note | File | AskTime | AnswerTime


def decide(
    held: Standing, deed: Deed, actor: Actor, now: datetime, colleagues: Mapping[str, Assignee] | None = None
) -> Change:
    """What a deed makes of an alert, or the reason why not. `colleagues` are those at its desks, by subject."""
    check(held, actor)
    match deed:
        case Take():
            return _take(held, actor, now)
        case Release():
            return _release(held, deed, actor, now)
        case HandOver():
            return _hand_over(held, deed, actor, now, colleagues or {})
        case Note():
            _required("text", deed.text, "请写明内容", "Write the note")
            return _change("noted", held, actor, now, note=deed.text)
        case File():
            details = {"paper_id": str(deed.paper_id), "paper": deed.name}
            return _change("filed", held, actor, now, details=details)
        case AskTime():
            return _ask_time(held, deed, actor, now)
        case AnswerTime():
            return _answer_time(held, deed, actor, now)


def check(held: Standing, actor: Actor) -> None:
    """Whether somebody may do anything to it; raises `Recused`, `PersonUnknown`, `MoveNotYours`."""
    if why_not := lifecycle.recusal(held.alert, actor):
        raise why_not
    if not actor.desks:
        raise MoveNotYours("您只能查阅,不能办理", "You may read this alert but not handle it")


def open_to(held: Standing, actor: Actor) -> dict[str, Any]:
    """Which deeds are open to this actor now; `extend` is the most working days that he may ask for."""
    mine = held.assignee is not None and held.assignee.by.is_(actor)
    open_ = not held.finished and bool(actor.desks) and lifecycle.recusal(held.alert, actor) is None
    asked = held.extension
    return {
        "take": open_ and not mine,
        "release": open_ and held.assignee is not None and (mine or _judges(held, actor)),
        "hand_over": open_ and (held.assignee is None or mine or _judges(held, actor)),
        "note": bool(actor.desks) and lifecycle.recusal(held.alert, actor) is None,
        "extend": _most_days(held) if open_ and asked is None and _checks(held, actor) else 0,
        "answer_extension": open_ and asked is not None and not asked.by.is_(actor) and _judges(held, actor),
    }


def _take(held: Standing, actor: Actor, now: datetime) -> Change:
    _open(held)
    if held.assignee and held.assignee.by.is_(actor):
        raise DeedOutOfOrder("这条预警已由您承办", "This alert is yours already")
    taken = replace(held, assignee=Assignee(Person.of(actor), actor.desks[0]))
    return _change("taken", taken, actor, now)


def _release(held: Standing, deed: Release, actor: Actor, now: datetime) -> Change:
    _open(held)
    if held.assignee is None:
        raise DeedOutOfOrder("这条预警没有承办人", "Nobody has taken this alert")
    _his_own(held, actor)
    return _change("released", replace(held, assignee=None), actor, now, note=deed.note)


def _hand_over(
    held: Standing, deed: HandOver, actor: Actor, now: datetime, colleagues: Mapping[str, Assignee]
) -> Change:
    _open(held)
    if held.assignee:
        _his_own(held, actor)
    _required("note", deed.note, "请写明移交事项", "Say what is handed over")
    to = colleagues.get(deed.to)
    if to is None or to.by.is_(actor) or to.desk not in {desk.address for desk in held.desks}:
        raise _wrong(
            "to", "请选择同岗位的同事(须曾登录查阅)", "Choose a colleague at the same desk who has signed in before"
        )
    if lifecycle.recusal(held.alert, to.by.actor()):
        raise _wrong("to", "该同事须回避,请另选他人", "This colleague must stand aside: choose another")
    details = {"to_name": to.by.name}
    return _change("handed_over", replace(held, assignee=to), actor, now, note=deed.note, details=details)


def _ask_time(held: Standing, deed: AskTime, actor: Actor, now: datetime) -> Change:
    _open(held)
    if not _checks(held, actor):
        raise MoveNotYours("延期须由承办岗位申请", "More time is asked for by those who check the alert")
    if held.extension:
        raise DeedOutOfOrder("已有延期申请待审批", "More time has been asked for already")
    most = _most_days(held)
    if not most:
        raise DeedOutOfOrder("当前环节不能延期,或已延期过", "This state can't be extended, or was extended before")
    if not 1 <= deed.working_days <= most:
        raise _wrong("working_days", f"可延 1 至 {most} 个工作日", f"From 1 to {most} working days")
    _required("reason", deed.reason, "请写明延期理由", "Say why")
    asked = replace(held, extension=Extension(Person.of(actor), deed.working_days, deed.reason.strip(), now))
    details = {"working_days": deed.working_days}
    return _change("extension_asked", asked, actor, now, note=deed.reason, details=details)


def _answer_time(held: Standing, deed: AnswerTime, actor: Actor, now: datetime) -> Change:
    asked = held.extension
    if asked is None or held.due_by is None:
        raise DeedOutOfOrder("没有待审批的延期申请", "Nobody has asked for more time")
    if not _judges(held, actor):
        raise MoveNotYours("延期须由有处置权限的人员同意", "More time needs the consent of a judge")
    if asked.by.is_(actor):
        raise OwnRequest("延期须由另一人同意", "Another has to consent to what you asked for yourself")
    details: dict[str, Any] = {"working_days": asked.working_days}
    if not deed.grant:
        _required("note", deed.note, "请写明不同意的理由", "Say why it is refused")
        refused = replace(held, extension=None)
        return _change("extension_refused", refused, actor, now, note=deed.note, details=details)
    # A term ends at midnight, which belongs to the day that is over.
    due_by = add_working_days(max(held.due_by - timedelta(seconds=1), now), asked.working_days)
    longer = replace(held, extension=None, extended=held.extended + 1, due_by=due_by)
    details["due_by"] = due_by.isoformat()
    change = _change("extended", longer, actor, now, note=deed.note, details=details)
    return replace(change, event=_told(longer, change.role, now))


def _change(
    kind: Kind, held: Standing, actor: Actor, now: datetime, note: str = "", details: Mapping[str, Any] | None = None
) -> Change:
    """A deed in the history; the state stays."""
    standing = replace(held, updated_at=now)
    return Change(
        kind, standing, now, held.state, by=actor, role=min(actor.roles), note=note.strip(), details=details or {}
    )


def _told(held: Standing, role: str, now: datetime) -> AlertStateChanged:
    alert = held.alert
    return AlertStateChanged(
        alert_id=alert.alert_id,
        rule_id=alert.rule_id,
        grade=held.grade,
        matter=alert.matter,
        village_code=alert.village_code,
        town_code=alert.town_code,
        state_from=held.state,
        state_to=held.state,
        by_role=role,
        due_by=held.due_by,
        occurred_at=now,
    )


def _open(held: Standing) -> None:
    if held.finished:
        raise DeedOutOfOrder("预警已办结", "The alert is finished")


def _his_own(held: Standing, actor: Actor) -> None:
    if held.assignee and not held.assignee.by.is_(actor) and not _judges(held, actor):
        raise MoveNotYours(
            f"由{held.assignee.by.name}承办,须本人或有处置权限的人员移交",
            f"{held.assignee.by.name} has it: he or a judge may hand it over",
        )


def _most_days(held: Standing) -> int:
    """How many working days may be asked for in this state; 0 when it can't be extended, or no more."""
    rule = lifecycle.book().extension
    if held.due_by is None or held.state not in rule.states or held.extended >= rule.times:
        return 0
    return rule.most_working_days[held.grade]


def _checks(held: Standing, actor: Actor) -> bool:
    return bool(actor.roles & lifecycle.book().groups["checker"].holds(held.alert.grade))


def _judges(held: Standing, actor: Actor) -> bool:
    return bool(actor.roles & lifecycle.book().groups["judge"].holds(held.alert.grade))


def _required(field: str, text: str, zh: str, en: str) -> None:
    if not text.strip():
        raise _wrong(field, zh, en)
    if len(text) > MOST_NOTE:
        raise _wrong(field, f"最多 {MOST_NOTE} 字", f"{MOST_NOTE} characters at most")


def _wrong(field: str, zh: str, en: str) -> MoveNeedsMore:
    return MoveNeedsMore("请补充后再提交", "Please complete the form", [FieldError(field, zh, en)])
