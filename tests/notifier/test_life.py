"""Whole lives of alerts, in any order of deeds, evidence and time: what holds in each of them."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.notifier import standing
from services.notifier.handling import deeds, lifecycle
from services.notifier.handling.deeds import AnswerTime, AskTime, HandOver, Note, Release, Take
from services.notifier.handling.lifecycle import THE_SYSTEM, Actor, Move, Person
from services.notifier.standing import Assignee, Change, Standing
from shared.contracts.alerts import Bilingual, Evidence
from shared.problems import Problem
from tests.notifier.samples import COUNTY, NOW, TOWN, VILLAGE, about, alert, withdrawn

CONCERNED, KIN = "k-concerned", "k-kin"
DESKS = {
    "handler": f"handler@{VILLAGE}",
    "supervisory_committee": f"supervisory_committee@{VILLAGE}",
    "town_inspector": f"town_inspector@{TOWN}",
    "town_secretary": f"town_secretary@{TOWN}",
    "county_secretary": f"county_secretary@{COUNTY}",
}
PEOPLE = [
    Actor(frozenset({role}), f"k-{role}-{n}", f"{role}-{n}", role, (desk,))
    for role, desk in DESKS.items()
    for n in (1, 2)
]
BARRED = [replace(PEOPLE[-1], person_key=key, subject=key) for key in (CONCERNED, KIN)]
NAMELESS = replace(PEOPLE[-2], person_key="", subject="nameless")
ACTORS = st.sampled_from([*PEOPLE, *BARRED, NAMELESS])
JUDGES = [one for one in PEOPLE if one.roles & {"town_secretary", "county_secretary"}]
COLLEAGUES = {a.subject: Assignee(Person.of(a), a.desks[0]) for a in [*PEOPLE, *BARRED]}
# What depends on nothing else is looked at once.
CLOSED: set[tuple[str, str, bool, Person | None]] = set()
GRADES = st.sampled_from(["prompt", "yellow", "red"])


def wish(to: str, found: Any, of: Standing) -> Move:
    """A complete form of a move."""
    return Move(
        to,
        "查明",
        sorted(found.outcomes)[0] if found.outcomes else None,
        next(iter(lifecycle.explanations(of.alert))) if found.explanation else None,
        100 if found.counts else 0,
        1 if found.counts else 0,
    )


class Life(RuleBasedStateMachine):
    """One alert: whatever anybody does, and whatever comes to light."""

    @initialize(grade=GRADES, someone=st.booleans())
    def arrives(self, grade: str, someone: bool) -> None:
        whom = (about("village", VILLAGE, CONCERNED).model_copy(update={"kin": (KIN,)}),) if someone else ()
        first = standing.arrive(None, alert(grade=grade, about=whom), NOW)
        assert first
        self.now: datetime = NOW
        self.changes: list[Change] = [first]

    @property
    def held(self) -> Standing:
        return self.changes[-1].standing

    def took(self, change: Change | None) -> None:
        if change:
            self.changes.append(change)

    @rule(hours=st.integers(1, 400))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(pick=st.randoms(use_true_random=False), draw=st.floats(0, 0.99), steps=st.integers(1, 3))
    def those_who_may_move_it(self, pick: Any, draw: float, steps: int) -> None:
        for _ in range(steps):
            ways = [(one, found) for one in PEOPLE for found in standing.choices(self.held, one)]
            if ways:
                actor, found = pick.choice(ways)
                self.took(standing.move(self.held, wish(found.to, found, self.held), actor, self.now, draw=draw))

    @rule(actor=ACTORS)
    def somebody_would_review_it(self, actor: Actor) -> None:
        for found in standing.choices(self.held, actor):
            if found.another:
                return self.took(standing.move(self.held, wish(found.to, found, self.held), actor, self.now))

    @rule(asker=st.sampled_from(JUDGES), judge=st.sampled_from(JUDGES), days=st.integers(1, 15))
    def more_time_is_asked_for_and_answered(self, asker: Actor, judge: Actor, days: int) -> None:
        for actor, deed in ((asker, AskTime(days, "等待鉴定")), (judge, AnswerTime(True))):
            self.somebody_does_something(actor, deed)

    @rule(
        actor=ACTORS,
        to=st.sampled_from(sorted(lifecycle.book().states)),
        note=st.sampled_from(["", "x"]),
        outcome=st.sampled_from([None, *sorted(lifecycle.book().outcomes)]),
        sum_=st.sampled_from([0, -1, 5, 10**13]),
    )
    def somebody_tries_anything(self, actor: Actor, to: str, note: str, outcome: str | None, sum_: int) -> None:
        try:
            self.took(standing.move(self.held, Move(to, note, outcome, recovered_fen=sum_), actor, self.now))
        except Problem:
            return

    @rule(
        actor=ACTORS,
        deed=st.one_of(
            st.just(Take()),
            st.just(Release()),
            st.builds(HandOver, st.sampled_from(sorted(COLLEAGUES)), st.sampled_from(["", "接手"])),
            st.builds(Note, st.sampled_from(["", "已联系"])),
            st.builds(AskTime, st.integers(-1, 20), st.sampled_from(["", "等待鉴定"])),
            st.builds(AnswerTime, st.booleans(), st.sampled_from(["", "同意"])),
        ),
    )
    def somebody_tries_a_deed(self, actor: Actor, deed: deeds.Deed) -> None:
        self.somebody_does_something(actor, deed)

    def somebody_does_something(self, actor: Actor, deed: deeds.Deed) -> None:
        before = self.held
        try:
            change = deeds.decide(before, deed, actor, self.now, COLLEAGUES)
        except Problem:
            return
        assert change.standing.state == before.state
        assert (change.event is not None) == (change.kind == "extended")
        if change.kind == "extended":
            assert before.extension
            assert not before.extension.by.is_(actor)
            assert change.standing.due_by
            assert before.due_by
            assert change.standing.due_by > max(before.due_by, self.now)
        self.took(change)

    @rule(grade=GRADES, value=st.sampled_from(["1", "2", "3"]))
    def more_comes_to_light(self, grade: str, value: str) -> None:
        seen = Evidence(label=Bilingual(zh="合计", en="Total"), value=value)
        revised = {"revision": self.held.revision + 1, "grade": grade, "evidence": (seen,)}
        self.took(standing.arrive(self.held, self.held.alert.model_copy(update=revised), self.now))

    @rule()
    def the_rule_takes_it_back(self) -> None:
        self.took(standing.withdraw(self.held, withdrawn(self.held.alert, self.held.revision + 1), self.now))

    @precondition(lambda self: self.held.due_by is not None)
    @rule()
    def it_is_escalated(self) -> None:
        self.took(standing.escalate(self.held, self.now))

    @invariant()
    def a_judged_alert_has_an_outcome_and_an_author_who_may_judge(self) -> None:
        held = self.held
        if held.state in lifecycle.judged() | {"reviewed"}:
            assert held.judgement
            assert held.judgement.by.subject
            assert held.judgement.by.person_key or not held.alert.about
            assert held.judgement.outcome in lifecycle.book().outcomes
        else:
            assert held.judgement is None

    @invariant()
    def nobody_whom_it_concerns_did_anything_to_it_or_has_it(self) -> None:
        last = self.changes[-1]
        if last.standing.alert.about:
            assert last.by == THE_SYSTEM or last.by.person_key not in {CONCERNED, KIN, ""}
            assert last.standing.assignee is None or last.standing.assignee.by.person_key not in {CONCERNED, KIN, ""}

    @invariant()
    def a_review_is_anothers(self) -> None:
        last = self.changes[-1]
        if len(self.changes) > 1 and last.kind == "moved" and last.standing.state in {"reviewed", "reopened"}:
            judge = self.changes[-2].standing.judge
            assert judge
            assert not judge.is_(last.by)

    @invariant()
    def the_history_is_a_chain(self) -> None:
        for before, after in zip(self.changes, self.changes[1:], strict=False):
            assert after.state_from == before.standing.state
        last = self.changes[-1]
        moved = last.state_from != last.standing.state
        assert moved <= (last.event is not None)
        if last.event:
            assert (last.event.state_from, last.event.state_to) == (last.state_from, last.standing.state)
            assert last.event.due_by == last.standing.due_by

    @invariant()
    def what_is_unfinished_has_a_term_and_what_is_finished_has_none(self) -> None:
        held = self.held
        if held.finished:
            assert held.due_by is None
        elif held.grade != "prompt":
            assert held.due_by is not None

    @invariant()
    def what_is_open_can_be_closed_by_those_who_are_there(self) -> None:
        held = self.held
        if (
            not held.finished
            and (key := (held.state, held.alert.grade, bool(held.alert.about), held.judge)) not in CLOSED
        ):
            assert closed(held, self.now)
            CLOSED.add(key)


def closed(held: Standing, now: datetime) -> bool:
    """Whether people can bring it to an end from here, each at his own move."""
    tried: set[str] = set()
    waiting = [held]
    while waiting:
        one = waiting.pop()
        if one.finished:
            return True
        if one.state in tried:
            continue
        tried.add(one.state)
        for actor in JUDGES:
            for found in standing.choices(one, actor):
                waiting.append(standing.move(one, wish(found.to, found, one), actor, now, draw=0.5).standing)
    return False


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def test_every_state_that_nobody_finishes_has_a_way_out() -> None:
    for state in set(lifecycle.book().states) - lifecycle.finished() - {"not_pushed", "push_failed"}:
        held = replace(standing.arrive(None, alert(), NOW).standing, state=state)  # type: ignore[union-attr]
        assert closed(held, NOW), state
