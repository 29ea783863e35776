"""A county's alerts together, in any order of findings, people, posts, silences and time: routes, life cycle and noise,
as the consumer, the deeds and the clocks put them together. What holds whatever happens."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import UUID, uuid5

from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.notifier import standing
from services.notifier.handling import deeds, lifecycle
from services.notifier.handling.deeds import AnswerTime, AskTime, HandOver, Note, Release, Take
from services.notifier.handling.lifecycle import THE_SYSTEM, Actor, Move, Person
from services.notifier.noise import noise, silences
from services.notifier.noise.noise import Heard, Known
from services.notifier.noise.silences import Matchers, Silence
from services.notifier.routing import route_tree
from services.notifier.routing.roster import Absence, Entry, Kind, Roster
from services.notifier.routing.routing import Desk, Plan
from services.notifier.standing import Assignee, Change, EarlyWithdrawal, Standing
from shared.contracts.alerts import About, Alert, Bilingual, Evidence, Grade, Party
from shared.principals import Grant, Principal
from shared.problems import Problem
from tests.notifier.samples import COUNTY, NOW, TOWN, VILLAGE, about, alert, withdrawn

NAMESPACE = UUID(int=5)
TREE = route_tree.default()
LAST = Desk(TREE.last.role, COUNTY).address
POSTS = (
    f"handler@{VILLAGE}",
    f"supervisory_committee@{VILLAGE}",
    f"town_inspector@{TOWN}",
    f"town_secretary@{TOWN}",
    f"county_secretary@{COUNTY}",
)


def person(name: str, *posts: str) -> Principal:
    return Principal(name, name, f"key-{name}", frozenset(g for g in map(Grant.parse, posts) if g))


PEOPLE = [person(f"{post.partition('@')[0]}-{n}", post) for post in POSTS for n in (1, 2)]
PEOPLE += [person("spare"), person("both", POSTS[2], POSTS[3]), person("auditor", f"auditor@{COUNTY}")]
BY_SUBJECT = {one.subject: one for one in PEOPLE}
# Of each level somebody whom an alert may be about, with another who holds a post as his kin.
CONCERNED: tuple[tuple[About, ...], ...] = (
    (),
    (),
    (about("village", VILLAGE, "key-handler-1"),),
    (about("village", VILLAGE, "key-handler-2").model_copy(update={"kin": ("key-town_secretary-1",)}),),
    (about("town", TOWN, "key-town_inspector-1"),),
    (about("town", TOWN, "key-town_secretary-2").model_copy(update={"kin": ("key-county_secretary-1", "key-both")}),),
    (about("county", COUNTY, "key-county_secretary-2"),),
)
GRADES: tuple[Grade, ...] = get_args(Grade)
SLOTS = st.integers(0, 3)


def finding(slot: int, grade: Grade, whom: tuple[About, ...], value: str = "1", revision: int = 1) -> Alert:
    """A finding of one of four rules on one of two cases; two of the rules look at the same facts."""
    return alert(
        alert_id=str(uuid5(NAMESPACE, str(slot))),
        rule_id=("A004", "A014", "A005", "A008")[slot],
        revision=revision,
        grade=grade,
        about=whom,
        village_visible=slot % 2 == 0,
        case_ids=(f"case-{slot // 3}",),
        parties=(Party(kind="company", key=f"company-{slot % 2}"),),
        dedupe_key=str(slot),
        evidence=(Evidence(label=Bilingual(zh="合计", en="Total"), value=value),),
    )


class County(RuleBasedStateMachine):
    """Everything that is kept, in memory."""

    @initialize()
    def begins(self) -> None:
        self.now: datetime = NOW
        self.held: dict[str, Standing] = {}
        self.ahead: dict[str, EarlyWithdrawal] = {}
        self.heard: dict[str, Heard] = {}
        self.last: dict[str, Change] = {}
        self.posts: dict[str, tuple[Entry, ...]] = {}
        self.seen: dict[str, list[str]] = {}
        self.silences: list[Silence] = []

    @property
    def plan(self) -> Plan:
        return Plan(TREE, roster=Roster(self.posts))

    # --- what the service does with what happens ----------------------------------------------------------------------

    def save(self, change: Change | None) -> None:
        """As the inbox keeps a change: judged by noise in the same breath."""
        if change is None:
            return
        key = change.standing.alert.alert_id
        before = self.held.get(key)
        assert change.state_from == (before.state if before else lifecycle.FIRST)
        touched, _ = noise.hear_all([change], self.heard_now(), [one for one in self.silences if one.active(self.now)])
        self.held[key], self.last[key] = change.standing, change
        self.heard |= touched

    def heard_now(self) -> dict[str, Heard]:
        """As it is read: grade, desks and whether it is open, from the alert as it stands."""
        return {
            key: replace(
                one,
                grade=self.held[key].grade,
                open=self.held[key].state not in lifecycle.finished(),
                desks=frozenset(desk.address for desk in self.held[key].desks),
            )
            for key, one in self.heard.items()
        }

    def look(self) -> None:
        """All clocks, until they find nothing more to do."""
        while True:
            late = [one for one in self.held.values() if not one.finished and self.late(one)]
            for one in late:
                self.save(standing.escalate(one, self.now, self.plan))
            at_hand = self.plan.roster.at_hand(self.now)
            changed = [desk for desk, there in at_hand.items() if self.seen.get(desk) != there]
            for desk in changed:
                self.seen[desk] = at_hand[desk]
                for one in list(self.held.values()):
                    if not one.finished and desk in {lying.address for lying in one.desks}:
                        self.save(standing.stand_in(one, self.now, self.plan))
            over = [key for key, one in self.heard_now().items() if one.open and one.cause and not self.stands(one)]
            for key in over:
                self.save(Change("unmuted", self.held[key], self.now, self.held[key].state))
            if not late and not changed and not over:
                return

    def late(self, held: Standing) -> bool:
        return held.escalate_at is not None and held.escalate_at <= self.now

    def stands(self, heard: Heard) -> bool:
        """Whether what keeps it quiet is still there."""
        assert heard.cause
        if heard.cause.kind == "silence":
            return any(str(one.id) == heard.cause.id and one.active(self.now) for one in self.silences)
        red = self.held.get(heard.cause.id)
        return red is not None and red.grade == "red" and red.state not in lifecycle.finished()

    def seated(self, who: Principal) -> Principal:
        """With the desks where he stands in."""
        return replace(who, grants=who.grants | self.plan.roster.seats(who, self.now))

    def readable(self, held: Standing, who: Principal) -> bool:
        """As row-level security has it."""
        grants = {f"{grant.role}@{grant.region}" for grant in who.grants}
        return who.person_key not in held.barred and not grants.isdisjoint(held.readers)

    # --- what happens -------------------------------------------------------------------------------------------------

    @rule(slot=SLOTS, grade=st.sampled_from(GRADES), whom=st.sampled_from(CONCERNED), value=st.sampled_from("123"))
    def a_finding_arrives_or_changes(self, slot: int, grade: Grade, whom: tuple[About, ...], value: str) -> None:
        key = finding(slot, grade, ()).alert_id
        before = self.held.get(key)
        revision = before.revision + 1 if before else 1
        came = finding(slot, grade, whom, value, revision)
        self.save(standing.arrive(before, came, self.now, self.ahead.pop(key, None), self.plan))
        self.look()

    @rule(slot=SLOTS)
    def it_is_withdrawn_maybe_before_it_came(self, slot: int) -> None:
        one = finding(slot, "red", ())
        if held := self.held.get(one.alert_id):
            self.save(standing.withdraw(held, withdrawn(one, held.revision + 1), self.now))
        else:
            self.ahead[one.alert_id] = EarlyWithdrawal(1, withdrawn(one).reason)
        self.look()

    @rule(hours=st.sampled_from([1, 5, 24, 60, 400, 2000]))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.look()

    @rule(
        post=st.sampled_from([*POSTS, LAST]),
        who=st.lists(st.sampled_from(PEOPLE), max_size=3, unique_by=lambda one: one.subject),
        kind=st.sampled_from(sorted(get_args(Kind))),
        away=st.sampled_from([None, 0, 48]),
        ends=st.sampled_from([None, 30, 500]),
        known=st.booleans(),
    )
    def a_post_is_filled_anew(
        self, post: str, who: list[Principal], kind: Kind, away: int | None, ends: int | None, known: bool
    ) -> None:
        off = () if away is None else (Absence(since=self.now + timedelta(hours=away)),)
        self.posts[post] = tuple(
            Entry(
                kind=kind if number else "holder",
                person_key=one.person_key if known else "",
                subject=one.subject,
                name=one.name,
                since=self.now,
                until=None if ends is None else self.now + timedelta(hours=ends),
                absences=off if number == 0 else (),
            )
            for number, one in enumerate(who)
        )
        self.look()

    @rule(grades=st.sets(st.sampled_from(GRADES), min_size=1), days=st.integers(1, 30), maker=st.sampled_from(PEOPLE))
    def something_is_silenced(self, grades: set[Grade], days: int, maker: Principal) -> None:
        matchers = Matchers(TOWN, frozenset(grades), case="case-0")
        terms, ends = noise.book().silences, self.now + timedelta(days=days)
        number = UUID(int=len(self.silences) + 1)
        try:
            made = silences.propose(number, matchers, "系统切换", ends, self.seated(maker), self.now, terms)
            self.silences.append(made.approved_by(BY_SUBJECT["county_secretary-1"], self.now, terms))
        except Problem:
            return

    @rule(slot=SLOTS, who=st.sampled_from(PEOPLE), pick=st.randoms(use_true_random=False), draw=st.floats(0, 0.99))
    def somebody_moves_it(self, slot: int, who: Principal, pick: Any, draw: float) -> None:
        held, actor = self.at_desk(slot, who)
        ways = standing.choices(held, actor)
        assume(ways)
        found = pick.choice(ways)
        wish = Move(
            found.to,
            "查明",
            sorted(found.outcomes)[0] if found.outcomes else None,
            next(iter(lifecycle.explanations(held.alert))) if found.explanation else None,
        )
        self.save(standing.move(held, wish, actor, self.now, draw=draw))
        self.look()

    @rule(
        slot=SLOTS,
        who=st.sampled_from(PEOPLE),
        deed=st.one_of(
            st.just(Take()),
            st.just(Release()),
            st.builds(HandOver, st.sampled_from(sorted(BY_SUBJECT)), st.just("接手")),
            st.just(Note("已联系")),
            st.builds(AskTime, st.integers(1, 15), st.just("等待鉴定")),
            st.builds(AnswerTime, st.booleans(), st.just("同意")),
        ),
    )
    def somebody_does_something(self, slot: int, who: Principal, deed: deeds.Deed) -> None:
        held, actor = self.at_desk(slot, who)
        colleagues = {
            one.subject: Assignee(Person.of(other), other.desks[0])
            for one in PEOPLE
            if (other := standing.actor_at(held, self.seated(one))).desks
        }
        try:
            change = deeds.decide(held, deed, actor, self.now, colleagues)
        except Problem:
            return
        self.save(change)
        self.look()

    def at_desk(self, slot: int, who: Principal) -> tuple[Standing, Actor]:
        held = self.held.get(finding(slot, "red", ()).alert_id)
        assume(held)
        assert held
        caller = self.seated(who)
        assume(self.readable(held, caller))
        return held, standing.actor_at(held, caller)

    # --- what holds ---------------------------------------------------------------------------------------------------

    @invariant()
    def each_open_alert_has_somebody_at_hand_or_has_gone_to_the_last_resort(self) -> None:
        for held in self.held.values():
            if held.finished:
                continue
            assert held.desks
            addresses = {desk.address for desk in held.desks}
            staff = [self.plan.roster.staff(desk, self.now, held.barred) for desk in addresses]
            assert LAST in addresses or any(some is None or any(one.at_hand for one in some) for some in staff)

    @invariant()
    def what_is_judged_has_an_outcome_and_an_author_who_was_free_to_judge(self) -> None:
        for held in self.held.values():
            if held.state in lifecycle.judged() | {"reviewed"}:
                assert held.judgement
                assert held.judgement.outcome in lifecycle.book().outcomes
                assert held.judgement.by.subject in BY_SUBJECT
            else:
                assert held.judgement is None

    @invariant()
    def nobody_has_or_does_what_is_about_him_or_his_kin(self) -> None:
        for key, held in self.held.items():
            not_for = {name for one in held.alert.about for name in (one.person_key, *one.kin)}
            assert not_for <= set(held.barred)
            assert held.assignee is None or held.assignee.by.person_key not in not_for
            last = self.last[key]
            assert last.by == THE_SYSTEM or last.by.person_key not in last.standing.barred
            for who in PEOPLE:
                if who.person_key in not_for:
                    assert not self.readable(held, self.seated(who))

    @invariant()
    def what_is_past_its_term_has_gone_up_as_far_as_its_time_allows(self) -> None:
        for held in self.held.values():
            if held.finished or held.due_by is None:
                continue
            assert not self.late(held)
            if held.due_by <= self.now and held.routed.steps:
                assert held.escalated
                assert held.next_step > 0

    @invariant()
    def what_is_quiet_and_open_has_a_cause_that_stands_or_its_group_rang(self) -> None:
        known = Known(self.heard_now().values())
        for key, one in self.heard_now().items():
            if not one.open or one.loudness == "ring":
                continue
            assert one.muted
            if one.cause:
                assert self.stands(one)
                assert one.cause.kind == "silence" or one.grade != "red"
            elif one.loudness == "quiet":
                assert one.muted.kind == "group", key
                assert noise.book().grades[one.grade].further == "quiet" or known.of(key)

    @invariant()
    def every_alert_has_been_judged_for_its_noise(self) -> None:
        assert self.heard.keys() == self.held.keys()


TestCounty = County.TestCase
TestCounty.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
