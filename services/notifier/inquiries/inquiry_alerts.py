"""What a move of an inquiry makes of its alerts: all of them go along, or none. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from services.notifier import standing
from services.notifier.errors import (
    AlertsNotReady,
    InquiryStepOutOfOrder,
    MoveNeedsMore,
)
from services.notifier.handling import lifecycle
from services.notifier.handling.lifecycle import Actor, Move
from services.notifier.inquiries.inquiry_book import Transition
from services.notifier.inquiries.inquiry_standing import Inquiry, Wish
from services.notifier.standing import Change, Standing
from shared.contracts.alerts import Bilingual
from shared.problems import FieldError, Problem


def moved_along(
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


def entry(
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
