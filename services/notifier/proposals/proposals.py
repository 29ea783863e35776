"""A supervision proposal (监察建议书): what it says, what may happen to it, and by when: pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.notifier.errors import MoveNeedsMore, MoveNotYours, PersonUnknown, ProposalStepOutOfOrder, Recused
from services.notifier.handling import lifecycle
from services.notifier.handling.lifecycle import Actor
from services.notifier.proposals.proposal_book import Transition, book, finished
from services.notifier.proposals.proposal_standing import Comparison, Content, Grounds, Proposal, Step
from services.notifier.proposals.proposal_text import number, paragraphs, places
from services.notifier.routing import routing
from services.notifier.routing.routing import Desk
from services.notifier.standing import Standing
from shared import regions
from shared.contracts.alerts import Bilingual
from shared.contracts.proposals import Addressee, Origin, ProposalChanged
from shared.problems import FieldError
from shared.texts import fold, seen
from shared.workdays import add_calendar_days, add_working_days

# Numbers of identity papers, accounts and mobile phones: a paper that leaves the office names no person by them.
_PERSONAL = re.compile(r"(?<!\d)(?:\d{17}[\dXx]|\d{16,19}|1[3-9]\d{9})(?!\d)")


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
        addressee_name=terms.addressees[addressee].name.format(**places(found.region_code)),
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
    refuse_concerned(held, actor)
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
    refuse_concerned(held, actor)
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
                number=number(held.issued_by, now, serial),
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


def file(held: Proposal, name: str, actor: Actor, now: datetime) -> Step:
    """File a paper: the reply as it came, proof of what was done. Its name stands in the record."""
    refuse_concerned(held, actor)
    role = _role(actor, "writer")
    if held.state in finished():
        raise ProposalStepOutOfOrder("建议书已办结,不能再提交材料", "The proposal is finished and takes no papers")
    return Step("filed", replace(held, updated_at=now), now, held.state, actor, role, name)


def lapse(held: Proposal, now: datetime) -> Step:
    """Its term has run out: told once for each term."""
    told = replace(held, told_overdue=True)
    return _told(Step("overdue", told, now, held.state, lifecycle.THE_SYSTEM, lifecycle.SYSTEM))


def actor_at(held: Proposal, caller: Actor, grants: Iterable[Any]) -> Actor:
    """The caller in the roles in which it lies on his desk."""
    held_by = {desk.role for desk in held.desks for grant in grants if desk.held_by(grant)}
    return replace(caller, roles=frozenset(held_by))


def span(held: Proposal, now: datetime) -> tuple[datetime, datetime, datetime, int, bool]:
    """The spans that a follow-up compares: from, the serving, to (UTC), their days, and whether the term is over."""
    assert held.served_at
    term = timedelta(days=held.content.follow_up_days)
    length = min(term, max(now - held.served_at, timedelta()))
    return held.served_at - length, held.served_at, held.served_at + length, length.days, length == term


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


def refuse_concerned(held: Proposal, actor: Actor) -> None:
    """Refuse whom its alerts are about, their kin, and whoever can't be told from them."""
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


def _region_of(villages: set[str]) -> str:
    if len(villages) == 1:
        return next(iter(villages))
    towns = {regions.town_of(code) for code in villages}
    return next(iter(towns)) if len(towns) == 1 else regions.county_of(min(villages))
