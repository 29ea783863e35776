"""A supervision proposal (监察建议书): what it says, what may happen to it, and by when: pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self, get_args

import yaml
from jinja2 import Environment, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.notifier import lifecycle, routing
from services.notifier.errors import MoveNeedsMore, MoveNotYours, PersonUnknown, ProposalStepOutOfOrder, Recused
from services.notifier.lifecycle import Actor
from services.notifier.routing import Desk, Place
from services.notifier.standing import Standing
from services.notifier.vocabulary import vocabulary
from shared import regions
from shared.contracts.alerts import Bilingual
from shared.contracts.power import Matter
from shared.contracts.proposals import Addressee, Origin, ProposalChanged, State
from shared.problems import FieldError
from shared.texts import fold, seen
from shared.workdays import SHANGHAI, add_calendar_days, add_working_days

Kind = Literal["drafted", "rewritten", "moved", "overdue"]
_NUMBERS = "一二三四五六七八九十"
# Numbers of identity papers, accounts and mobile phones: a paper that leaves the office names no person by them.
_PERSONAL = re.compile(r"(?<!\d)(?:\d{17}[\dXx]|\d{16,19}|1[3-9]\d{9})(?!\d)")
_CASES_NAMED = 5
_END = re.compile(r"[\s。.;;]+$")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Transition(_Strict):
    """One move of a proposal between states."""

    sources: tuple[State, ...] = Field(alias="from")
    to: State
    by: str
    zh: str
    en: str
    note: bool = False
    compares: bool = False


class Days(_Strict):
    """How long a term is, and may be."""

    default: int
    least: int
    most: int


class Issuer(_Strict):
    """What an office is called in full and in its document numbers."""

    zh: str
    short: str


class AddresseeKind(Bilingual):
    """A kind of institution, and the name that is proposed for it."""

    name: str


class DeskLine(_Strict):
    """One desk on which it lies."""

    role: str
    at: Place


class Book(_Strict):
    """The whole of `proposals.yaml`."""

    number: str
    issuers: dict[str, Issuer]
    states: dict[State, Bilingual]
    groups: dict[str, frozenset[str]]
    desks: dict[str, tuple[DeskLine, ...]]
    moves: tuple[Transition, ...]
    reply_days: Days
    follow_up_days: Days
    kinds: dict[str, Bilingual]
    addressees: dict[Addressee, AddresseeKind]
    origins: dict[Origin, Bilingual]
    basis: str
    asks: dict[Matter, tuple[str, ...]]
    text: str

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if missing := set(get_args(State)) ^ set(self.states) | set(get_args(Addressee)) ^ set(self.addressees):
            raise ValueError(f"without a name, or unknown: {missing}")
        if unknown := {move.by for move in self.moves} - set(self.groups):
            raise ValueError(f"unknown groups {unknown}")
        if missing_desks := self.groups["writer"] ^ set(self.desks):
            raise ValueError(f"writers without desks, or the other way round: {missing_desks}")
        _ENVIRONMENT.from_string(self.text)
        return self


_ENVIRONMENT = Environment(autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 (plain text: pages escape it)


@dataclass(frozen=True)
class Comparison:
    """The alerts of its rule in its region in equal spans of `days` before and after serving; `full` when the span
    after is over."""

    before: int
    after: int
    days: int
    full: bool


@dataclass(frozen=True)
class Content:
    """What its writer decides: to whom, what was found, what is asked, on which basis, with which terms."""

    addressee: Addressee
    addressee_name: str
    problem: str
    asks: tuple[str, ...]
    basis: tuple[str, ...]
    reply_days: int
    follow_up_days: int


@dataclass(frozen=True)
class Grounds:
    """The alerts it rests on, as they were when it was written."""

    origin: Origin
    alert_ids: tuple[str, ...]
    inquiry_id: str | None
    rule_id: str
    rule: Bilingual
    matter: Matter
    region_code: str
    since: datetime
    until: datetime
    case_nos: tuple[str, ...]


@dataclass(frozen=True)
class Proposal:
    """One proposal as it stands. Times are UTC; `paragraphs` is its text as it was served."""

    proposal_id: str
    state: State
    issued_by: str
    desks: tuple[Desk, ...]
    barred: frozenset[str]
    grounds: Grounds
    content: Content
    written_at: datetime
    updated_at: datetime
    number: str | None = None
    due_by: datetime | None = None
    told_overdue: bool = False
    served_at: datetime | None = None
    paragraphs: tuple[str, ...] = ()
    reply: str = ""
    replied_at: datetime | None = None
    judgement: str = ""
    comparison: Comparison | None = None

    def overdue(self, now: datetime) -> bool:
        """Whether its term has run out by now: the reply's, or the follow-up's."""
        return self.due_by is not None and self.due_by <= now and self.state not in finished()


@dataclass(frozen=True)
class Step:
    """What happened to a proposal, and the event that tells of it."""

    kind: Kind
    proposal: Proposal
    at: datetime
    state_from: State
    by: Actor
    role: str
    note: str = ""
    event: ProposalChanged | None = None


@cache
def book() -> Book:
    """The life and text of proposals; raises pydantic's or Jinja's error at start when it is malformed."""
    text = Path(__file__).with_name("proposals.yaml").read_text(encoding="utf-8")
    return Book.model_validate(yaml.safe_load(text))


@cache
def finished() -> frozenset[State]:
    """The states from which no move leads."""
    return frozenset(book().states) - {source for move in book().moves for source in move.sources}


def grounds(origin: Origin, alerts: Sequence[Standing], inquiry_id: str | None = None) -> Grounds:
    """What a proposal over these alerts rests on; raises `MoveNeedsMore` when there are none.

    Its rule is the most frequent one, its region the smallest that holds them all.
    """
    if not alerts:
        raise MoveNeedsMore(errors=[FieldError("alerts", "没有可依据的预警", "There is no alert to rest it on")])
    found = [one.alert for one in alerts]
    rule_id = min(Counter(alert.rule_id for alert in found).items(), key=lambda item: (-item[1], item[0]))[0]
    leading = next(alert for alert in found if alert.rule_id == rule_id)
    return Grounds(
        origin=origin,
        alert_ids=tuple(alert.alert_id for alert in found),
        inquiry_id=inquiry_id,
        rule_id=rule_id,
        rule=leading.title,
        matter=leading.matter,
        region_code=_region_of({alert.village_code for alert in found}),
        since=min(alert.occurred_at for alert in found),
        until=max(alert.occurred_at for alert in found),
        case_nos=tuple(dict.fromkeys(number for alert in found for number in alert.case_nos)),
    )


def suggestion(found: Grounds) -> Content:
    """What a form proposes for these grounds."""
    terms = book()
    addressee: Addressee = {"village": "village", "town": "town_office", "county": "department"}[
        regions.level_of(found.region_code)
    ]  # type: ignore[assignment]
    return Content(
        addressee=addressee,
        addressee_name=terms.addressees[addressee].name.format(**_places(found.region_code)),
        problem="",
        asks=terms.asks[found.matter],
        basis=(terms.basis,),
        reply_days=terms.reply_days.default,
        follow_up_days=terms.follow_up_days.default,
    )


def draft(
    new_id: str, found: Grounds, content: Content, alerts: Sequence[Standing], actor: Actor, now: datetime
) -> Step:
    """Write a proposal: it lies on the writer's desk and the one above. Raises why he must stand aside."""
    for one in alerts:
        if why_not := lifecycle.recusal(one.alert, actor):
            raise why_not
    role = _role(actor, "writer")
    _check_content(content)
    place = alerts[0].alert
    desks = tuple(Desk(line.role, routing.place_of(place, line.at)) for line in book().desks[role])
    drafted = Proposal(
        proposal_id=new_id,
        state="draft",
        issued_by=routing.place_of(place, "county" if role == "county_secretary" else "town"),
        desks=desks,
        barred=frozenset(key for one in alerts for who in one.alert.about for key in (who.person_key, *who.kin)),
        grounds=found,
        content=content,
        written_at=now,
        updated_at=now,
    )
    return _told(Step("drafted", drafted, now, "draft", actor, role))


def rewrite(held: Proposal, content: Content, actor: Actor, now: datetime) -> Step:
    """Change a draft."""
    _may_handle(held, actor)
    role = _role(actor, "writer")
    if held.state != "draft":
        raise ProposalStepOutOfOrder("只有草稿可以修改", "Only a draft can be changed")
    _check_content(content)
    return Step("rewritten", replace(held, content=content, updated_at=now), now, held.state, actor, role)


def choices(held: Proposal, actor: Actor) -> list[Transition]:
    """The moves open to this actor now."""
    if held.barred and not actor.person_key:
        return []
    return [m for m in book().moves if held.state in m.sources and actor.roles & book().groups[m.by]]


def check(held: Proposal, to: str, note: str, actor: Actor) -> Transition:
    """The move that this wish asks for; raises why it may not be made."""
    _may_handle(held, actor)
    names: Mapping[str, Bilingual] = {str(code): name for code, name in book().states.items()}
    if to not in names:
        raise MoveNeedsMore(errors=[FieldError("to", f"没有“{to}”这一状态", f"There is no state “{to}”")])
    found = next((m for m in book().moves if m.to == to and held.state in m.sources), None)
    if found is None:
        raise ProposalStepOutOfOrder(
            f"建议书现为「{names[held.state].zh}」,不能转为「{names[to].zh}」",
            f"The proposal is “{names[held.state].en}” and cannot become “{names[to].en}”",
        )
    _role(actor, found.by)
    if found.note and not note.strip():
        raise MoveNeedsMore(errors=[FieldError("note", "请写明情况", "Say what was found")])
    _check_clear("note", note)
    return found


def move(
    held: Proposal,
    found: Transition,
    note: str,
    actor: Actor,
    now: datetime,
    *,
    serial: int = 0,
    comparison: Comparison | None = None,
) -> Step:
    """Make a move that `check` has allowed.

    `serial` counts the office's papers of the year, for the one that is served; `comparison` is what a follow-up found.
    """
    said, content = note.strip(), held.content
    moved = replace(held, state=found.to, due_by=None, told_overdue=False, updated_at=now)
    match found.to:
        case "served":
            moved = replace(
                moved,
                number=_number(held.issued_by, now, serial),
                served_at=now,
                paragraphs=paragraphs(held),
                due_by=add_working_days(now, content.reply_days),
            )
        case "replied":
            moved = replace(moved, reply=said, replied_at=now)
        case "adopted" | "partly_adopted" | "refused":
            moved = replace(
                moved, judgement=said or moved.judgement, due_by=add_calendar_days(now, content.follow_up_days)
            )
        case "followed_up":
            moved = replace(moved, comparison=comparison)
    return _told(Step("moved", moved, now, held.state, actor, _role(actor, found.by), said))


def lapse(held: Proposal, now: datetime) -> Step:
    """Its term has run out: told once for each term."""
    told = replace(held, told_overdue=True)
    return _told(Step("overdue", told, now, held.state, lifecycle.THE_SYSTEM, lifecycle.SYSTEM))


def actor_at(held: Proposal, caller: Actor, grants: Iterable[Any]) -> Actor:
    """The caller in the roles in which it lies on his desk."""
    held_by = {desk.role for desk in held.desks for grant in grants if desk.held_by(grant)}
    return replace(caller, roles=frozenset(held_by))


def paragraphs(held: Proposal) -> tuple[str, ...]:
    """Its text: as it was served, or as it would read if it were served now."""
    if held.paragraphs:
        return held.paragraphs
    found, content = held.grounds, held.content
    first, last = _day(found.since), _day(found.until)
    text = _ENVIRONMENT.from_string(book().text).render(
        addressee=content.addressee_name,
        region=regions.name(found.region_code),
        matter=vocabulary().matters[found.matter].zh,
        span=f"{first}至{last}" if first != last else first,
        rule=found.rule.zh,
        count=len(found.alert_ids),
        cases=found.case_nos[:_CASES_NAMED],
        more_cases=len(found.case_nos) if len(found.case_nos) > _CASES_NAMED else 0,
        problem=_sentence(content.problem),
        basis=content.basis,
        asks=[_END.sub("", ask) for ask in content.asks],
        reply_days=content.reply_days,
        number_of=lambda at: _NUMBERS[at - 1] if at <= len(_NUMBERS) else str(at),
    )
    return tuple(line for line in text.splitlines() if line.strip())


def issuer(region_code: str) -> str:
    """The full name of the office that issues, as it signs."""
    return book().issuers[regions.level_of(region_code)].zh.format(**_places(region_code))


def span(held: Proposal, now: datetime) -> tuple[datetime, datetime, datetime, int, bool]:
    """The spans that a follow-up compares: from, the serving, to (UTC), their days, and whether the term is over."""
    assert held.served_at
    term = timedelta(days=held.content.follow_up_days)
    length = min(term, max(now - held.served_at, timedelta()))
    return held.served_at - length, held.served_at, held.served_at + length, length.days, length == term


def year_of(now: datetime) -> int:
    """The year of a number that is taken at `now`, in Shanghai."""
    return now.astimezone(SHANGHAI).year


def _told(step: Step) -> Step:
    held, compared = step.proposal, step.proposal.comparison
    return replace(
        step,
        event=ProposalChanged(
            proposal_id=held.proposal_id,
            origin=held.grounds.origin,
            addressee=held.content.addressee,
            region_code=held.grounds.region_code,
            issued_by=held.issued_by,
            rule_id=held.grounds.rule_id,
            matter=held.grounds.matter,
            alerts=len(held.grounds.alert_ids),
            state_from=step.state_from,
            state_to=held.state,
            overdue=step.kind == "overdue",
            due_by=held.due_by,
            alerts_before=compared and compared.before,
            alerts_after=compared and compared.after,
            compared_days=compared and compared.days,
            by_role=step.role,
            occurred_at=step.at,
        ),
    )


def _may_handle(held: Proposal, actor: Actor) -> None:
    if held.barred and not actor.person_key:
        raise PersonUnknown(
            "建议书所依据的预警涉及具体人员,而您的登录账号未关联身份(person_key),无法核对是否须回避",
            "Its alerts are about persons, and your sign-in doesn't say who you are (claim person_key)",
        )
    if actor.person_key in held.barred:
        raise Recused("所依据的预警涉及本人或亲属,须由他人办理", "Its alerts concern yourself or your kin")


def _role(actor: Actor, group: str) -> str:
    allowed = book().groups[group]
    if not actor.roles & allowed:
        raise MoveNotYours(f"须由以下岗位办理:{'、'.join(sorted(allowed))}", f"For: {', '.join(sorted(allowed))}")
    return min(actor.roles & allowed)


def _check_content(content: Content) -> None:
    terms = book()
    errors = []
    if not content.addressee_name.strip():
        errors.append(FieldError("addressee_name", "请写明受文单位", "Name the institution"))
    if not content.problem.strip():
        errors.append(FieldError("problem", "请写明发现的问题", "Say what was found"))
    if not any(ask.strip() for ask in content.asks):
        errors.append(FieldError("asks", "请至少写一条建议", "Ask for one thing at least"))
    if not any(source.strip() for source in content.basis):
        errors.append(FieldError("basis", "请写明法律依据", "Name the legal basis"))
    for field, days, given in (
        ("reply_days", terms.reply_days, content.reply_days),
        ("follow_up_days", terms.follow_up_days, content.follow_up_days),
    ):
        if not days.least <= given <= days.most:
            errors.append(
                FieldError(field, f"须为 {days.least} 至 {days.most} 日", f"{days.least} to {days.most} days")
            )
    if errors:
        raise MoveNeedsMore("请补充后再提交", "Please complete the form", errors)
    _check_clear("addressee_name", content.addressee_name)
    _check_clear("problem", content.problem)
    for at, ask in enumerate(content.asks):
        _check_clear(f"asks.{at}", ask)


def _check_clear(field: str, text: str) -> None:
    if _PERSONAL.search(fold(seen(text)).text):
        raise MoveNeedsMore(
            errors=[
                FieldError(
                    field,
                    "不得写入身份证号、账号或手机号",
                    "No numbers of identity papers, accounts or mobile phones",
                )
            ]
        )


def _day(moment: datetime) -> str:
    """A day as official papers write it: 2026年3月2日."""
    local = moment.astimezone(SHANGHAI)
    return f"{local.year}年{local.month}月{local.day}日"


def _sentence(text: str) -> str:
    said = text.strip()
    return said if said.endswith(("。", "!", "?", ".")) else f"{said}。"


def _number(issued_by: str, now: datetime, serial: int) -> str:
    office = book().issuers[regions.level_of(issued_by)].short.format(**_places(issued_by))
    return book().number.format(office=office, year=year_of(now), serial=serial)


def _places(region_code: str) -> dict[str, str]:
    """The names of a region's village, town and county; empty where the region is larger than that."""
    level = regions.level_of(region_code)
    return {
        "village": regions.name(region_code) if level == "village" else "",
        "town": regions.name(regions.town_of(region_code)) if level != "county" else "",
        "county": regions.name(regions.county_of(region_code)),
    }


def _region_of(villages: set[str]) -> str:
    if len(villages) == 1:
        return next(iter(villages))
    towns = {regions.town_of(code) for code in villages}
    return next(iter(towns)) if len(towns) == 1 else regions.county_of(min(villages))
