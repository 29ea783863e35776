"""Who is at a post: holders, deputies, absences, duty times; an alert always finds somebody fit to take it."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.routing import routing
from services.notifier.routing.roster import Absence, Entry, Kind, Roster, Shift, faults
from services.notifier.routing.route_tree import default
from services.notifier.routing.routing import Desk, Plan
from shared import regions
from shared.contracts.alerts import About, Alert
from shared.principals import Grant, Principal
from tests.notifier.samples import COUNTY, NOW, TOWN, VILLAGE, about, alert

TREE = default()
SECRETARY = f"town_secretary@{TOWN}"
COUNTY_DESK = f"county_secretary@{COUNTY}"
LAST = f"auditor@{COUNTY}"


def entry(person: str, kind: Kind = "holder", **changed: object) -> Entry:
    """Somebody in office since last year."""
    values: dict[str, object] = {
        "kind": kind,
        "person_key": person,
        "name": person,
        "since": NOW - timedelta(days=365),
    }
    return Entry.model_validate(values | changed)


def away(person: str, kind: Kind = "holder") -> Entry:
    """Somebody on leave for the week around now."""
    leave = Absence(since=NOW - timedelta(days=3), until=NOW + timedelta(days=3))
    return entry(person, kind, absences=(leave,))


def gone(person: str) -> Entry:
    """Somebody whose time is over."""
    return entry(person, until=NOW - timedelta(days=1))


def addresses(of: Alert, roster: Mapping[str, tuple[Entry, ...]], now: datetime = NOW) -> list[str]:
    """The desks of an alert under a roster."""
    return [desk.address for desk in routing.route(of, Plan(TREE, roster=Roster(roster)), now).to]


def test_a_desk_of_which_the_roster_says_nothing_counts_as_staffed() -> None:
    assert addresses(alert(), {}) == [SECRETARY]
    assert addresses(alert(), {SECRETARY: ()}) == [SECRETARY]


def test_who_is_away_is_stood_in_for_by_his_deputy() -> None:
    assert addresses(alert(), {SECRETARY: (away("xu"), entry("zhao", "deputy"))}) == [SECRETARY]


def test_without_a_deputy_the_desk_above_joins_and_who_comes_back_finds_it() -> None:
    roster = {SECRETARY: (away("xu"),)}
    assert addresses(alert(), roster) == [COUNTY_DESK, SECRETARY]
    assert addresses(alert(), roster, NOW + timedelta(days=4)) == [SECRETARY]


def test_whose_time_is_over_keeps_nothing() -> None:
    assert addresses(alert(), {SECRETARY: (gone("xu"),)}) == [COUNTY_DESK]


@pytest.mark.parametrize("kin", [(), ("xu",)], ids=["himself", "his kin"])
def test_what_is_about_the_holder_or_his_kin_goes_to_the_deputy_else_above(kin: tuple[str, ...]) -> None:
    person = about("village", "330421107202", "cadre" if kin else "xu").model_copy(update={"kin": kin})
    found = alert(about=(person,))
    assert addresses(found, {SECRETARY: (entry("xu"),)}) == [COUNTY_DESK]
    assert addresses(found, {SECRETARY: (entry("xu"), entry("zhao", "deputy"))}) == [SECRETARY]
    # Who is known by his sign-in alone can't be told from whom it is about.
    nameless = entry("", "deputy", subject="zhao", name="赵")
    assert addresses(found, {SECRETARY: (entry("xu"), nameless)}) == [COUNTY_DESK]
    # One who acts while nobody is in office doesn't act because the holder is concerned.
    assert addresses(found, {SECRETARY: (entry("xu"), entry("sun", "acting"))}) == [COUNTY_DESK, SECRETARY]


def test_where_nobody_is_left_at_the_top_the_auditor_has_it_too() -> None:
    person = about("county", COUNTY, "chen")
    assert addresses(alert(about=(person,)), {COUNTY_DESK: (entry("chen"),)}) == [LAST, COUNTY_DESK]


def test_with_a_city_above_it_goes_there(monkeypatch: pytest.MonkeyPatch) -> None:
    city = regions.city_of(COUNTY)
    monkeypatch.setattr(regions, "CITY", regions.Region(city, "嘉兴市", "Jiaxing", "city"))
    assert addresses(alert(about=(about("county", COUNTY, "chen"),)), {}) == [f"city_secretary@{city}"]
    steps = routing.route(alert()).steps
    assert [[desk.address for desk in step.desks] for step in steps] == [[COUNTY_DESK], [f"city_secretary@{city}"]]


def test_a_deputy_sits_at_the_desk_and_one_who_acts_only_while_nobody_is_in_office() -> None:
    zhao, sun = (Principal(name, name, f"key-{name}", frozenset()) for name in ("zhao", "sun"))
    posts = (entry("xu"), entry("key-zhao", "deputy"), entry("", "acting", subject="sun", name="孙"))
    seat = {Grant("town_secretary", TOWN)}
    roster = Roster({SECRETARY: posts})
    assert roster.seats(zhao, NOW) == seat
    assert not roster.seats(sun, NOW)
    roster = Roster({SECRETARY: (away("xu"), *posts[1:])})
    assert roster.seats(sun, NOW) == seat
    assert not roster.seats(Principal("xu", "xu", "xu", frozenset()), NOW)


@pytest.mark.parametrize(
    ("shift", "at", "on"),
    [
        (("working", "08:30", "18:00"), "2026-03-02T09:00:00+08:00", True),
        (("working", "08:30", "18:00"), "2026-03-02T18:00:00+08:00", False),
        (("working", "08:30", "18:00"), "2026-03-01T09:00:00+08:00", False),
        (("rest", "08:30", "18:00"), "2026-03-01T09:00:00+08:00", True),
        (("sun", "18:00", "08:30"), "2026-03-02T03:00:00+08:00", True),
        (("sun", "18:00", "08:30"), "2026-03-02T09:00:00+08:00", False),
        (("mon", "00:00", "00:00"), "2026-03-02T13:00:00+08:00", True),
    ],
)
def test_duty_times_run_in_shanghai_and_over_midnight(shift: tuple[str, str, str], at: str, on: bool) -> None:
    days, begins, ends = shift
    duty = Shift.model_validate({"days": [days], "begins": begins, "ends": ends})
    assert duty.covers(datetime.fromisoformat(at)) is on
    assert entry("xu", duty=(duty,)).presence(datetime.fromisoformat(at)) == ("on_duty" if on else "off_duty")


def test_nobody_makes_himself_a_deputy_and_times_run_forward() -> None:
    me = Principal("zhao", "赵", "key-zhao", frozenset())
    bad = (
        entry("", name="无"),
        entry("key-zhao", "deputy"),
        entry("xu", until=NOW - timedelta(days=900)),
        entry("xu", absences=(Absence(since=NOW, until=NOW),)),
    )
    assert [fault.field for fault in faults(SECRETARY, bad, me)] == [
        "entries.0.person_key",
        "entries.1.kind",
        "entries.2.until",
        "entries.3.absences.0.until",
    ]
    assert [fault.field for fault in faults(f"king@{TOWN}", (entry("xu"),), me)] == ["desk"]


# --- what holds for every roster and every alert ----------------------------------------------------------------------

PEOPLE = ("xu", "zhao", "chen", "sun", "cadre", "")
DESKS = (
    *(f"{role}@{VILLAGE}" for role in ("handler", "supervisory_committee")),
    *(f"{role}@{TOWN}" for role in ("town_inspector", "town_secretary")),
    COUNTY_DESK,
)
DAYS = st.integers(-40, 40).map(lambda days: NOW + timedelta(days=days))
LEAVES = st.builds(Absence, since=DAYS, until=st.none() | DAYS)
ENTRIES = st.builds(
    Entry,
    kind=st.sampled_from(["holder", "deputy", "acting"]),
    person_key=st.sampled_from(PEOPLE),
    subject=st.just("someone"),
    name=st.just("某某"),
    since=DAYS,
    until=st.none() | DAYS,
    absences=st.lists(LEAVES, max_size=2).map(tuple),
)
ROSTERS = st.dictionaries(st.sampled_from(DESKS), st.lists(ENTRIES, min_size=1, max_size=3).map(tuple), max_size=5)
OFFICIALS = st.builds(
    About,
    person_key=st.sampled_from(PEOPLE[:-1]),
    name=st.just("某某"),
    level=st.sampled_from(["village", "town", "county"]),
    region_code=st.sampled_from([VILLAGE, TOWN, COUNTY, "330421105000"]),
    kin=st.lists(st.sampled_from(PEOPLE[:-1]), max_size=2).map(tuple),
)
ALERTS = st.builds(
    alert,
    grade=st.sampled_from(["red", "yellow", "prompt"]),
    matter=st.sampled_from(["PR", "EN", "AS", "LA", "RE", "SE"]),
    village_visible=st.booleans(),
    about=st.lists(OFFICIALS, max_size=2).map(tuple),
)
OFFICES = {"village": 0, "town": 1, "county": 2}


def fit(desks: Iterable[Desk], roster: Roster, barred: tuple[str, ...], now: datetime) -> bool:
    """Whether at one of these desks there is somebody in office, not away, and not barred."""
    return any(
        staff is None or any(one.at_hand and one.entry.person_key not in barred for one in staff)
        for desk in desks
        for staff in [roster.staff(desk.address, now, barred)]
    )


@given(ALERTS, ROSTERS, DAYS)
def test_no_alert_without_a_living_recipient(found: Alert, posts: dict[str, tuple[Entry, ...]], now: datetime) -> None:
    plan = Plan(TREE, roster=Roster(posts))
    way = routing.route(found, plan, now)
    assert fit(way.to, plan.roster, routing.barred(found), now)
    for step in way.steps:
        assert fit(routing.manned(step.desks, found, plan, now), plan.roster, routing.barred(found), now)


@given(ALERTS, ROSTERS, DAYS)
def test_none_to_the_person_concerned_nor_his_kin_but_above_them(
    found: Alert, posts: dict[str, tuple[Entry, ...]], now: datetime
) -> None:
    plan = Plan(TREE, roster=Roster(posts))
    way = routing.route(found, plan, now)
    office = routing.floor(found)
    for desk in (*way.to, *way.escalation, *routing.manned(way.to, found, plan, now)):
        above = office is None or desk.place == "county" or OFFICES[desk.place] > OFFICES[office]
        assert above, desk
        for one in plan.roster.staff(desk.address, now, routing.barred(found)) or ():
            assert not (one.at_hand and one.entry.person_key in routing.barred(found))


@given(ALERTS, ROSTERS, DAYS)
def test_whoever_keeps_it_is_where_it_may_lie(found: Alert, posts: dict[str, tuple[Entry, ...]], now: datetime) -> None:
    plan = Plan(TREE, roster=Roster(posts))
    way = routing.route(found, plan, now)
    last = Desk("auditor", COUNTY)
    assert {*way.to, *way.escalation} - {last} <= routing.open_to(found, plan)
