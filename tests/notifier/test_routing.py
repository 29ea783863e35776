"""Who gets an alert."""

import pytest

from services.notifier.routing import routing
from services.notifier.routing.routing import Desk
from shared.contracts.alerts import Alert
from shared.principals import Grant
from tests.notifier.samples import COUNTY, OTHER_TOWN, TOWN, VILLAGE, about, alert


def desks(*found: Desk) -> list[str]:
    return [desk.address for desk in found]


def test_red_goes_to_the_towns_secretary_alone() -> None:
    assert desks(*routing.recipients(alert())) == [f"town_secretary@{TOWN}"]


def test_red_left_lying_goes_to_the_county_too() -> None:
    found = desks(*routing.recipients(alert(), escalated=True))
    assert found == [f"county_secretary@{COUNTY}", f"town_secretary@{TOWN}"]


def test_yellow_goes_to_the_inspector_and_on_process_matters_to_the_villages_committee() -> None:
    assert desks(*routing.recipients(alert(grade="yellow"))) == [f"town_inspector@{TOWN}"]
    found = desks(*routing.recipients(alert(grade="yellow", village_visible=True)))
    assert found == [f"supervisory_committee@{VILLAGE}", f"town_inspector@{TOWN}"]


def test_a_prompt_goes_to_the_villages_handler() -> None:
    assert desks(*routing.recipients(alert(grade="prompt"))) == [f"handler@{VILLAGE}"]


@pytest.mark.parametrize("person", [about("town", TOWN), about("county", COUNTY)])
@pytest.mark.parametrize("grade", ["red", "yellow", "prompt"])
def test_what_is_about_an_official_over_the_town_skips_the_town(person: object, grade: str) -> None:
    found = routing.recipients(alert(grade=grade, about=(person,)), escalated=True)
    assert desks(*found) == [f"county_secretary@{COUNTY}"]


@pytest.mark.parametrize("person", [about("village", VILLAGE), about("town", OTHER_TOWN)])
def test_what_is_about_a_village_cadre_or_another_town_does_not(person: object) -> None:
    assert desks(*routing.recipients(alert(about=(person,)))) == [f"town_secretary@{TOWN}"]


@pytest.mark.parametrize(
    ("grant", "sits"),
    [
        (Grant("handler", VILLAGE), True),
        (Grant("handler", TOWN), True),
        (Grant("handler", COUNTY), True),
        (Grant("handler", "330421107202"), False),
        (Grant("handler", OTHER_TOWN), False),
        (Grant("village_head", VILLAGE), False),
    ],
)
def test_a_role_for_a_wider_region_sits_at_its_villages_desks(grant: Grant, sits: bool) -> None:
    desk = Desk("handler", VILLAGE)
    assert desk.held_by(grant) is sits
    assert (f"{grant.role}@{grant.region}" in desk.holders) is sits


def auditors(of: Alert) -> set[str]:
    return {grant for grant in routing.readers(routing.recipients(of), of) if grant.startswith("auditor")}


def test_auditors_of_the_place_read_without_holding() -> None:
    assert auditors(alert()) == {f"auditor@{VILLAGE}", f"auditor@{TOWN}", f"auditor@{COUNTY}"}
    assert not any(holder.startswith("auditor") for holder in routing.holders(routing.recipients(alert())))


@pytest.mark.parametrize("person", [about("town", TOWN), about("county", COUNTY)])
def test_in_a_conflict_only_the_countys_auditor_reads(person: object) -> None:
    assert auditors(alert(about=(person,))) == {f"auditor@{COUNTY}"}


def test_an_alert_is_open_to_the_desks_of_all_its_grades_and_in_a_conflict_to_the_county_alone() -> None:
    assert desks(*sorted(routing.open_to(alert(village_visible=True)))) == [
        f"county_secretary@{COUNTY}",
        f"handler@{VILLAGE}",
        f"supervisory_committee@{VILLAGE}",
        f"town_inspector@{TOWN}",
        f"town_secretary@{TOWN}",
    ]
    assert Desk("supervisory_committee", VILLAGE) not in routing.open_to(alert())
    assert routing.open_to(alert(about=(about("town", TOWN),))) == {Desk("county_secretary", COUNTY)}
