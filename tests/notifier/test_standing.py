"""What arrivals, withdrawals and lapses make of an alert."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from services.notifier import standing
from services.notifier.lifecycle import THE_SYSTEM, Actor, Move
from services.notifier.routing import Desk
from services.notifier.standing import Change, EarlyWithdrawal, Standing
from shared.contracts.alerts import Bilingual
from shared.principals import Grant, Principal
from tests.notifier.samples import COUNTY, NOW, TOWN, VILLAGE, about, alert, withdrawn

LATER = NOW + timedelta(hours=1)


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
    assert change.standing.acknowledge_by == NOW + timedelta(hours=24)


def test_a_stale_revision_changes_nothing() -> None:
    held = arrived(revision=3)
    assert standing.arrive(held, held.alert, LATER) is None
    assert standing.arrive(held, held.alert.model_copy(update={"revision": 2}), LATER) is None
    assert standing.withdraw(held, withdrawn(held.alert, 3), LATER) is None


def test_more_evidence_joins_the_open_alert() -> None:
    held = replace(arrived(), state="verifying", acknowledge_by=None)
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
    assert red.standing.acknowledge_by == LATER + timedelta(hours=24)
    assert red.standing.raised_at == LATER
    assert red.standing.overdue(LATER + timedelta(hours=25))


def test_an_escalated_alert_that_turns_graver_may_be_escalated_anew() -> None:
    yellow = standing.escalate(arrived(grade="yellow"), NOW).standing
    red = graver(yellow, "red").standing
    assert (red.escalated, addresses(red.desks)) == (False, [f"town_secretary@{TOWN}"])
    assert addresses(standing.escalate(red, LATER).gained) == [f"county_secretary@{COUNTY}"]


@pytest.mark.parametrize("state", ["verifying", "fed_back", "returned", "rectifying", "watch", "no_action"])
def test_an_inquiry_or_a_judgement_goes_on_beside_the_desk_of_the_graver_grade(state: str) -> None:
    held = replace(arrived(grade="yellow"), state=state, acknowledge_by=None)
    change = graver(held, "red")
    assert (change.event, change.standing.state, change.standing.acknowledge_by) == (None, state, None)
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


def test_acknowledging_stops_the_clock() -> None:
    held = arrived()
    change = standing.move(held, Move("acknowledged"), Actor(frozenset({"town_secretary"})), LATER)
    assert change.standing.acknowledge_by is None
    assert not change.standing.overdue(NOW + timedelta(days=9))
