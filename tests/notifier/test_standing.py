"""What arrivals, withdrawals and lapses make of an alert."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from services.notifier import standing
from services.notifier.errors import MoveNeedsMore, OwnJudgement
from services.notifier.handling import lifecycle
from services.notifier.handling.lifecycle import THE_SYSTEM, Actor, Move, Person, Reopening
from services.notifier.routing.routing import Desk
from services.notifier.standing import Assignee, Change, EarlyWithdrawal, Standing
from shared.contracts.alerts import Bilingual, Evidence
from shared.principals import Grant, Principal
from tests.notifier.samples import COUNTY, NOW, TOWN, VILLAGE, about, alert, withdrawn

LATER = NOW + timedelta(hours=1)
SECRETARY = Actor(frozenset({"town_secretary"}), "k-wang", "wang", "王书记", (f"town_secretary@{TOWN}",))
COUNTY_SECRETARY = Actor(frozenset({"county_secretary"}), "k-chen", "chen", "陈书记", (f"county_secretary@{COUNTY}",))


def arrived(**changed: object) -> Standing:
    change = standing.arrive(None, alert(**changed), NOW)
    assert change
    return change.standing


def test_an_alert_arrives_delivered_on_its_desks() -> None:
    change = standing.arrive(None, alert(), NOW)
    assert change
    assert change.event
    assert (change.state_from, change.standing.state, change.event.state_to) == ("not_pushed", "pushed", "pushed")
    assert change.gained == change.standing.desks
    assert change.standing.due_by == NOW + timedelta(hours=24)


def test_a_stale_revision_changes_nothing() -> None:
    held = arrived(revision=3)
    assert standing.arrive(held, held.alert, LATER) is None
    assert standing.arrive(held, held.alert.model_copy(update={"revision": 2}), LATER) is None
    assert standing.withdraw(held, withdrawn(held.alert, 3), LATER) is None


def test_more_evidence_joins_the_open_alert() -> None:
    held = replace(arrived(), state="verifying", due_by=None)
    change = standing.arrive(held, held.alert.model_copy(update={"revision": 2}), LATER)
    assert change
    assert change.kind == "updated"
    assert change.event is None
    assert (change.standing.state, change.standing.raised_at) == ("verifying", NOW)


def addresses(desks: Iterable[Desk]) -> list[str]:
    return [desk.address for desk in desks]


def graver(held: Standing, grade: str) -> Change:
    """What another revision of a graver grade makes of it."""
    change = standing.arrive(held, held.alert.model_copy(update={"revision": held.revision + 1, "grade": grade}), LATER)
    assert change
    assert change.kind == "aggravated"
    assert change.reason
    return change


def test_what_turns_graver_is_delivered_again_though_the_clerk_acknowledged_the_prompt() -> None:
    prompt = arrived(grade="prompt")
    taken = standing.move(prompt, Move("acknowledged"), Actor(frozenset({"handler"})), NOW).standing
    yellow = graver(taken, "yellow")
    assert yellow.event
    assert (yellow.state_from, yellow.event.state_to, yellow.event.grade) == ("acknowledged", "pushed", "yellow")
    assert yellow.by == THE_SYSTEM
    assert (addresses(yellow.gained), addresses(yellow.lost)) == ([f"town_inspector@{TOWN}"], [f"handler@{VILLAGE}"])
    assert f"handler@{VILLAGE}" in yellow.blinded
    red = graver(yellow.standing, "red")
    assert red.event is None
    assert addresses(red.standing.desks) == [f"town_secretary@{TOWN}"]
    assert red.standing.due_by == LATER + timedelta(hours=24)
    assert red.standing.raised_at == LATER
    assert red.standing.overdue(LATER + timedelta(hours=25))


def test_an_escalated_alert_that_turns_graver_may_be_escalated_anew() -> None:
    yellow = standing.escalate(arrived(grade="yellow"), NOW).standing
    red = graver(yellow, "red").standing
    assert (red.escalated, addresses(red.desks)) == (False, [f"town_secretary@{TOWN}"])
    assert addresses(standing.escalate(red, LATER).gained) == [f"county_secretary@{COUNTY}"]


@pytest.mark.parametrize("state", ["verifying", "fed_back", "returned", "rectifying", "watch"])
def test_an_inquiry_goes_on_beside_the_desk_of_the_graver_grade(state: str) -> None:
    held = replace(arrived(grade="yellow"), state=state, due_by=None)
    change = graver(held, "red")
    assert (change.event, change.standing.state, change.standing.due_by) == (
        None,
        state,
        lifecycle.due(state, "red", LATER),
    )
    assert addresses(change.gained) == [f"town_secretary@{TOWN}"]
    assert addresses(change.standing.desks) == [f"town_inspector@{TOWN}", f"town_secretary@{TOWN}"]
    more = standing.arrive(change.standing, change.standing.alert.model_copy(update={"revision": 3}), LATER)
    assert more
    assert (more.kind, more.standing.desks) == ("updated", change.standing.desks)


def test_an_inquiry_does_not_keep_an_alert_at_a_desk_that_must_not_see_it() -> None:
    held = replace(arrived(grade="yellow", village_visible=True), state="verifying")
    hidden = standing.arrive(held, held.alert.model_copy(update={"revision": 2, "village_visible": False}), LATER)
    assert hidden
    assert addresses(hidden.lost) == [f"supervisory_committee@{VILLAGE}"]
    against = {"revision": 2, "grade": "red", "about": (about("town", TOWN),)}
    conflict = standing.arrive(held, held.alert.model_copy(update=against), LATER)
    assert conflict
    assert addresses(conflict.standing.desks) == [f"county_secretary@{COUNTY}"]
    assert {f"auditor@{TOWN}", f"town_inspector@{TOWN}"} <= set(conflict.blinded)


def test_a_milder_grade_moves_an_alert_that_nobody_has_taken_up_and_joins_one_that_somebody_has() -> None:
    held = arrived()
    milder = held.alert.model_copy(update={"revision": 2, "grade": "yellow"})
    moved = standing.arrive(held, milder, LATER)
    taken = standing.arrive(replace(held, state="acknowledged"), milder, LATER)
    assert moved
    assert taken
    assert (moved.kind, addresses(moved.standing.desks)) == ("updated", [f"town_inspector@{TOWN}"])
    assert addresses(taken.standing.desks) == [f"town_inspector@{TOWN}", f"town_secretary@{TOWN}"]


def test_what_was_withdrawn_before_it_came_goes_on_record_and_to_no_desk() -> None:
    early = EarlyWithdrawal(2, Bilingual(zh="更正", en="corrected"))
    old = alert(revision=2)
    change = standing.arrive(None, old, NOW, early)
    assert change
    assert change.event
    assert (change.kind, change.standing.state, change.event.state_from) == ("withdrawn", "withdrawn", "not_pushed")
    assert (change.gained, change.standing.holders, change.standing.withdrawn_reason) == ((), [], early.reason)
    again = standing.arrive(change.standing, old.model_copy(update={"revision": 3}), LATER)
    assert again
    assert (again.kind, addresses(again.gained)) == ("raised", [f"town_secretary@{TOWN}"])


def test_a_newer_revision_than_the_early_withdrawal_is_delivered() -> None:
    change = standing.arrive(None, alert(revision=3), NOW, EarlyWithdrawal(2, Bilingual(zh="更正", en="corrected")))
    assert change
    assert (change.kind, change.standing.state) == ("raised", "pushed")


def test_a_key_that_was_derived_from_the_sign_in_names_no_person() -> None:
    claims = {"sub": "wang", "groups": [f"town_secretary@{TOWN}"]}
    assert standing.actor_at(arrived(), Principal.of_claims(claims)).person_key == ""
    assert standing.actor_at(arrived(), Principal.of_claims(claims | {"person_key": "k"})).person_key == "k"


def test_one_reads_at_his_desk_or_as_an_auditor() -> None:
    grants = frozenset({Grant("auditor", COUNTY), Grant("town_secretary", COUNTY)})
    reader = Principal("he", "何清", "", grants)
    assert standing.seats(arrived(), reader) == (f"town_secretary@{TOWN}",)
    assert standing.seats(arrived(grade="prompt"), reader) == (f"auditor@{COUNTY}",)


def test_evidence_against_the_towns_official_takes_it_off_the_towns_desk() -> None:
    held = arrived()
    update = held.alert.model_copy(update={"revision": 2, "about": (about("town", TOWN),)})
    change = standing.arrive(held, update, LATER)
    assert change
    assert [desk.address for desk in change.lost] == [f"town_secretary@{TOWN}"]
    assert [desk.address for desk in change.standing.desks] == [f"county_secretary@{COUNTY}"]


def test_a_withdrawn_alert_says_why_and_may_be_raised_again() -> None:
    held = arrived()
    change = standing.withdraw(held, withdrawn(held.alert), LATER)
    assert change
    assert change.standing.state == "withdrawn"
    assert change.standing.withdrawn_reason
    again = standing.arrive(change.standing, held.alert.model_copy(update={"revision": 3}), LATER)
    assert again
    assert again.kind == "raised"
    assert (again.standing.state, again.standing.withdrawn_reason) == ("pushed", None)


def test_what_people_have_judged_is_not_taken_from_them() -> None:
    held = replace(arrived(), state="rectifying")
    change = standing.withdraw(held, withdrawn(held.alert), LATER)
    assert change
    assert change.event is None
    assert change.standing.state == "rectifying"
    assert change.standing.withdrawn_reason


def test_a_lapse_adds_desks_and_takes_none() -> None:
    change = standing.escalate(arrived(), LATER)
    assert [desk.address for desk in change.gained] == [f"county_secretary@{COUNTY}"]
    assert change.standing.escalated
    assert len(change.standing.desks) == 2


def test_each_state_has_its_own_term() -> None:
    held = arrived()
    taken = standing.move(held, Move("acknowledged"), SECRETARY, LATER)
    assert taken.standing.due_by == lifecycle.due("acknowledged", "red", LATER) != held.due_by
    assert taken.event
    assert taken.event.due_by == taken.standing.due_by
    assert not taken.standing.overdue(LATER)
    assert taken.standing.overdue(LATER + timedelta(days=9))


def judged(to: str = "no_action", *, draw: float = 0.0, **changed: object) -> Change:
    """An alert of which the secretary has made something."""
    held = replace(
        arrived(**changed), state={"no_action": "fed_back", "closed_rectified": "rectifying"}.get(to, "clue")
    )
    wishes = {
        "no_action": Move(to, "属实抢修", "explanation_accepted", next(iter(lifecycle.explanations(held.alert)))),
        "closed_rectified": Move(to, "已退款", "rectified", recovered_fen=1_280_000, people=2),
        "closed_accountable": Move(to, "立案", "party_warning", recovered_fen=500, people=1),
    }
    return standing.move(held, wishes[to], SECRETARY, LATER, draw=draw)


def test_a_judgement_says_what_was_found_and_comes_to_the_desk_above() -> None:
    change = judged("closed_rectified")
    made = change.standing.judgement
    assert made
    assert change.event
    assert (made.outcome, made.recovered_fen, made.people, made.by.subject) == ("rectified", 1_280_000, 2, "wang")
    assert (change.event.outcome, change.event.recovered_fen, change.event.people) == ("rectified", 1_280_000, 2)
    assert change.standing.in_review
    assert not change.standing.finished
    assert addresses(change.gained) == [f"county_secretary@{COUNTY}"]
    assert change.standing.due_by == change.event.due_by == lifecycle.book().review.within.end(LATER)


def test_an_acquittal_names_the_explanation_that_was_accepted() -> None:
    made = judged("no_action").standing.judgement
    assert made
    assert made.accepted == alert().innocent_explanations[0]


@pytest.mark.parametrize(
    ("grade", "draw", "due"),
    [("red", 0.999, True), ("yellow", 0.19, True), ("yellow", 0.2, False), ("prompt", 0, False)],
)
def test_the_graver_the_more_judgements_are_reviewed(grade: str, draw: float, due: bool) -> None:
    held = judged("closed_rectified", grade=grade, draw=draw).standing
    assert (held.in_review, held.finished) == (due, not due)


def test_what_is_passed_to_the_police_is_reviewed_whatever_the_draw() -> None:
    held = replace(arrived(grade="yellow"), state="clue")
    assert standing.move(
        held, Move("closed_accountable", "x", "transfer_police"), SECRETARY, NOW, draw=0.99
    ).standing.in_review


def test_a_review_confirms_or_reopens_with_a_reason_and_is_not_for_the_judge() -> None:
    held = judged("closed_rectified").standing
    confirmed = standing.move(held, Move("reviewed"), COUNTY_SECRETARY, LATER).standing
    assert (confirmed.finished, confirmed.due_by, confirmed.outcome) == (True, None, "rectified")
    with pytest.raises(MoveNeedsMore):
        standing.move(held, Move("reopened"), COUNTY_SECRETARY, LATER)
    again = standing.move(held, Move("reopened", "退款凭证不全"), COUNTY_SECRETARY, LATER).standing
    assert (again.finished, again.judgement, again.outcome) == (False, None, None)
    assert again.due_by == lifecycle.due("reopened", "red", LATER)
    both = replace(SECRETARY, roles=frozenset({"town_secretary", "county_secretary"}))
    same_person = replace(COUNTY_SECRETARY, person_key="k-wang")
    for judge in (both, same_person):
        assert standing.choices(held, judge) == []
        with pytest.raises(OwnJudgement):
            standing.move(held, Move("reviewed"), judge, LATER)


def newer(held: Standing, **changed: object) -> Change:
    """What another revision makes of it."""
    change = standing.arrive(held, held.alert.model_copy(update={"revision": held.revision + 1} | changed), LATER)
    assert change
    return change


MORE = (*alert().evidence, Evidence(label=Bilingual(zh="转账", en="Transfer"), value="8000 元", source="event-9"))


@pytest.mark.parametrize("to", ["no_action", "closed_rectified", "closed_accountable"])
@pytest.mark.parametrize("reviewed", [True, False])
def test_what_turns_graver_after_its_judgement_is_reopened(to: str, reviewed: bool) -> None:
    held = judged(to, grade="yellow").standing
    if reviewed:
        held = standing.move(held, Move("reviewed"), COUNTY_SECRETARY, LATER).standing
    change = newer(held, grade="red")
    assert change.reason
    assert change.event
    assert (change.kind, change.state_from, change.event.state_to) == ("reopened", held.state, "reopened")
    assert f"town_secretary@{TOWN}" in addresses(change.standing.desks)
    assert not change.standing.finished


def test_new_evidence_reopens_what_was_cleared_and_is_shown_on_what_was_punished() -> None:
    assert newer(judged("no_action").standing, evidence=MORE).kind == "reopened"
    shown = newer(judged("closed_accountable").standing, evidence=MORE)
    assert (shown.kind, shown.standing.state, shown.standing.news_since_judged) == (
        "updated",
        "closed_accountable",
        True,
    )
    assert newer(judged("no_action").standing).kind == "updated"


def test_a_rule_may_reopen_by_less(monkeypatch: pytest.MonkeyPatch) -> None:
    strict = Reopening(graver=frozenset(), evidence=frozenset({"closed_accountable"}))
    data = lifecycle.book().model_copy(
        update={"reopening": lifecycle.book().reopening.model_copy(update={"rules": {"split-purchase": strict}})}
    )
    monkeypatch.setattr(lifecycle, "book", lambda: data)
    assert newer(judged("closed_accountable").standing, evidence=MORE).kind == "reopened"
    assert newer(judged("no_action").standing, evidence=MORE).kind == "updated"


def test_who_loses_the_desk_loses_the_alert_he_has_taken() -> None:
    held = replace(
        arrived(grade="yellow", village_visible=True),
        state="verifying",
        assignee=Assignee(Person("zhao", "赵"), f"supervisory_committee@{VILLAGE}"),
    )
    assert newer(held, village_visible=False).standing.assignee is None
    assert newer(held).standing.assignee == held.assignee
