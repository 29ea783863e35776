"""What arrivals, withdrawals and lapses make of an alert."""

from dataclasses import replace
from datetime import timedelta

from services.notifier import standing
from services.notifier.lifecycle import Actor, Move
from services.notifier.standing import Standing
from tests.notifier.samples import COUNTY, NOW, TOWN, about, alert, withdrawn

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
    assert change.standing.sign_by == NOW + timedelta(hours=24)


def test_a_stale_revision_changes_nothing() -> None:
    held = arrived(revision=3)
    assert standing.arrive(held, held.alert, LATER) is None
    assert standing.arrive(held, held.alert.model_copy(update={"revision": 2}), LATER) is None
    assert standing.withdraw(held, withdrawn(held.alert, 3), LATER) is None


def test_more_evidence_joins_the_open_alert() -> None:
    held = replace(arrived(), state="verifying", sign_by=None)
    change = standing.arrive(held, held.alert.model_copy(update={"revision": 2}), LATER)
    assert change
    assert change.kind == "updated"
    assert change.event is None
    assert (change.standing.state, change.standing.raised_at) == ("verifying", NOW)


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
    change = standing.move(held, Move("signed"), Actor(frozenset({"town_secretary"})), LATER)
    assert change.standing.sign_by is None
    assert not change.standing.overdue(NOW + timedelta(days=9))
