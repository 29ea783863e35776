"""The cockpit's figures over planted data whose right numbers are worked out by hand, its periods, seats and words."""

import io
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import yaml

from services.disclosure.cockpit import charts, exports, figures, overview, report, shown
from services.disclosure.cockpit.choice import Seat
from services.disclosure.cockpit.errors import BadPeriod, BadRegion, NotYourRegion
from services.disclosure.cockpit.period import Period
from services.disclosure.cockpit.plan import Plan, plan
from services.disclosure.cockpit.readings import (
    AlertRow,
    Closings,
    Deal,
    Money,
    NodeTimes,
    PlaceCases,
    ProposalRow,
    Readings,
    StepTotal,
)
from services.disclosure.cockpit.schemas import ListedAlert, Overview
from services.disclosure.schemas import Bilingual, Named
from services.disclosure.supervision.plan import plan as supervision_plan
from services.notifier.handling import lifecycle
from shared.principals import Grant, Principal
from shared.problems import NotAllowed
from shared.words import words

COUNTY, TOWN, VILLAGE = "330421000000", "330421107000", "330421107201"
OTHER_TOWN, OTHER_VILLAGE, THIRD_VILLAGE = "330421105000", "330421105201", "330421105202"
FEBRUARY = Period.named("2026-02")
NOW = datetime(2026, 3, 10, 2, tzinfo=UTC)


def alert(name: str, **changed: Any) -> AlertRow:
    """A red alert of Tianning in February that nobody has touched."""
    usual: dict[str, Any] = {"alert_id": name, "rule_id": "A001", "title_zh": "先实施后审批", "title_en": "Early works"}
    usual |= {"grade": "red", "matter": "EN", "village_code": VILLAGE, "case_ids": (), "outcome": None, "reopened": 0}
    usual |= dict.fromkeys(("acknowledged_at", "due_at", "closed_at", "hours_to_acknowledge", "hours_to_close"))
    usual |= {"happened_at": datetime(2026, 2, 3, 2, tzinfo=UTC), "recovered_fen": 0, "people": 0, "withdrawn": False}
    return AlertRow(**usual | changed)


def closed(name: str, hours: float, **changed: Any) -> AlertRow:
    """One that was acknowledged after an hour and closed after so many."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    done = {"acknowledged_at": at, "closed_at": at, "hours_to_acknowledge": 1.0, "hours_to_close": hours}
    return alert(name, **done, **{"outcome": "rectified"} | changed)


NOTHING = Readings((), Closings(0, 0), {}, (), StepTotal(0, 0, 0), (), ())
PLANTED = Readings(
    alerts=(
        *(closed(f"closed-{hours}", hours, case_ids=("road",)) for hours in (2, 4, 6, 8, 10)),
        alert("late", due_at=NOW - timedelta(days=1), case_ids=("road", "bridge")),
        alert("in time", due_at=NOW + timedelta(days=1), grade="yellow", matter="PR", rule_id="A076"),
        alert("away", village_code=OTHER_VILLAGE, grade="yellow", reopened=1),
        alert("prompt", grade="prompt", rule_id="A015", case_ids=("dear",)),
        alert("taken back", withdrawn=True, case_ids=("dear",)),
    ),
    closings=Closings(700, 3),
    money={"road": Money(100, "k1"), "bridge": Money(50, "k2"), "dear": Money(10**9, "k3")},
    cases=(PlaceCases(VILLAGE, 20, 8), PlaceCases(OTHER_VILLAGE, 4, 0)),
    steps=StepTotal(40, 3, 30),
    deals=(
        Deal("k1", "甲公司", VILLAGE, 4, 600),
        Deal("k2", "乙公司", VILLAGE, 1, 200),
        Deal("k1", "甲公司", OTHER_VILLAGE, 1, 200),
    ),
    proposals=(
        ProposalRow("A001", TOWN, datetime(2026, 2, 5, tzinfo=UTC), None, None),
        ProposalRow("A002", TOWN, datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), "adopted"),
    ),
)
NODES = (
    NodeTimes("EN3", "EN3-05", 10, 10, 40.0, 80.0, 2, 10),
    NodeTimes("EN3", "EN3-06", 10, 10, 8.0, 16.0, 0, 10),
    NodeTimes("EN3", "EN3-07", 2, 2, 800.0, 800.0, 1, 2),
)


def seen(read: Readings = PLANTED, region: str = COUNTY, before: Readings = NOTHING) -> Overview:
    """The overview of February."""
    return overview.build(plan(), words(), region, FEBRUARY, NOW, read, before, NODES)


def test_the_figures_are_those_worked_out_by_hand() -> None:
    found = {one.key: one.value for one in seen().figures}
    assert found == {
        "red": 6,
        "yellow": 2,
        "process": 1,
        "acknowledged": 5 / 8,
        "closed": 5 / 8,
        "overdue": 1,
        "to_acknowledge": 1,
        "to_acknowledge_p90": 1,
        "to_close": 6,
        "to_close_p90": pytest.approx(9.2),
        "at_stake": 150,
        "recovered": 700,
        "people": 3,
        "reopened": 1,
        "withdrawn": 1,
        "cases_opened": 24,
        "cases_closed": 8,
        "steps": 40,
        "steps_late": 3 / 30,
        "proposals": 1,
        "proposals_answered": 0,
        "proposals_adopted": 0,
        "contractors": 2,
        "largest": 0.8,
        "hhi": pytest.approx(80**2 + 20**2),
    }


def test_few_are_said_to_be_few() -> None:
    found = {one.key: one for one in seen().figures}
    assert {key for key, one in found.items() if one.few} == {
        *("proposals_answered", "proposals_adopted", "largest", "hhi")
    }
    assert shown.change(found["hhi"], plan().figures["hhi"]) == ("", "none")
    empty = {one.key: one for one in seen(NOTHING).figures}
    assert empty["closed"].value is None
    assert shown.value(empty["closed"]) == "—"
    nodes = {node.node: node for node in seen().nodes}
    assert [node.node for node in seen().nodes] == ["EN3-05", "EN3-06", "EN3-07"], "few come last, however slow"
    assert (nodes["EN3-05"].median_days, nodes["EN3-05"].p90_days, nodes["EN3-05"].late_share) == (5, 10, 0.2)
    assert nodes["EN3-07"].few


def test_the_tables_add_up_to_the_figures() -> None:
    one = seen()
    for table in (one.by_matter, one.by_rule, one.by_place):
        assert (sum(g.red for g in table), sum(g.yellow for g in table), sum(g.process for g in table)) == (6, 2, 1)
        assert (sum(g.closed for g in table), sum(g.overdue for g in table)) == (5, 1)
    assert sum(slot.red + slot.yellow + slot.process for slot in one.by_time) == 9
    places = {place.code: place for place in one.by_place}
    assert places[TOWN].per_hundred == pytest.approx(100 * 7 / 20)
    assert (places[OTHER_TOWN].per_hundred, places[OTHER_TOWN].few) == (None, True), "four cases tell no rate"
    assert [(o.code, o.alerts) for o in one.outcomes] == [("rectified", 5)]
    rules = {rule.code: rule for rule in one.by_rule}
    assert (rules["A001"].alerts, rules["A001"].at_stake_fen) == (7, 150), "each case once"


def test_the_places_of_a_town_are_its_villages() -> None:
    read = replace(PLANTED, alerts=[one for one in PLANTED.alerts if one.village_code == VILLAGE])
    assert {place.code for place in seen(read, TOWN).by_place} == {VILLAGE, OTHER_VILLAGE}
    assert {place.code for place in seen(PLANTED, "330400000000").by_place} == {COUNTY}


def test_contractors_have_their_shares_villages_and_alerts() -> None:
    first, second = seen().contractors
    assert (first.name, first.works, first.fen, first.share, first.villages, first.alerts) == (
        *("甲公司", 5, 800, 0.8, 2),
        6,
    )
    assert (second.name, second.alerts) == ("乙公司", 1), "a withdrawn alert tells on nobody"
    places = {place.code: place for place in seen().places_contracting}
    assert places[TOWN].hhi == pytest.approx(75**2 + 25**2)
    assert (places[TOWN].largest, places[TOWN].few) == ("甲公司", False)
    assert places[OTHER_TOWN].few


def test_an_institution_is_missing_where_alerts_are_many_and_no_proposal_was_adopted() -> None:
    gaps = {gap.code: gap for gap in seen().gaps}
    works = gaps["works"]
    assert (works.alerts, works.made, works.answered, works.adopted) == (7, 1, 0, 0)
    assert [place.code for place in works.missing] == [TOWN], "the other town has one alert only"
    assert gaps["finance"].adopted == 1
    adopted = replace(PLANTED, proposals=(replace(PLANTED.proposals[0], adopted="partly_adopted"),))
    assert not next(gap for gap in seen(adopted).gaps if gap.code == "works").missing


def test_a_change_is_good_or_bad_by_what_the_figure_is() -> None:
    before = replace(PLANTED, alerts=PLANTED.alerts[:5], steps=StepTotal(40, 6, 30))
    found = {one.key: one for one in seen(before=before).figures}
    assert shown.change(found["red"], plan().figures["red"]) == ("+1", "bad")
    assert shown.change(found["steps_late"], plan().figures["steps_late"]) == ("−10.0 个百分点", "good")
    assert shown.change(found["cases_opened"], plan().figures["cases_opened"]) == ("持平", "none")


def test_late_knowledge_changes_a_past_month() -> None:
    later = replace(PLANTED, alerts=(*PLANTED.alerts, alert("told later")))
    assert seen(later).figure("red").value == 7


@pytest.mark.parametrize(
    ("name", "days", "before"),
    [("2026-02", 28, "2026-01"), ("2026-Q1", 90, "2025-Q4"), ("2026", 365, "2025"), ("2026-01", 31, "2025-12")],
)
def test_a_period_has_one_before_and_one_after(name: str, days: int, before: str) -> None:
    period = Period.named(name)
    assert (period.days, period.name, period.before().name, period.before().after()) == (days, name, before, period)
    assert period.ends == period.after().begins


def test_a_period_that_runs_is_compared_with_as_many_days() -> None:
    assert FEBRUARY.compared(date(2026, 3, 10)).name == "2026-01"
    running = FEBRUARY.compared(date(2026, 2, 10))
    assert (running.first, running.last) == (date(2026, 1, 1), date(2026, 1, 10))
    assert Period.of(None, date(2026, 2, 1), date(2026, 2, 10), date(2026, 3, 1)).before().last == date(2026, 1, 31)
    assert Period.of(None, None, None, date(2026, 2, 10)) == FEBRUARY
    assert FEBRUARY.begins == datetime(2026, 1, 31, 16, tzinfo=UTC), "Beijing's midnight"


@pytest.mark.parametrize(
    ("name", "since", "until"),
    [
        ("2026-13", None, None),
        ("2026-Q5", None, None),
        ("１９９９", None, None),
        ("0001", None, None),
        ("2026-2", None, None),
        ("2026-02\n", None, None),
        ("2026-02", date(2026, 1, 1), date(2026, 1, 2)),
        (None, date(2026, 1, 2), date(2026, 1, 1)),
        (None, date(2026, 1, 2), None),
        (None, None, date(2026, 1, 2)),
        (None, date(2020, 1, 1), date(2026, 1, 1)),
        (None, date(1, 1, 1), date(1, 1, 2)),
    ],
)
def test_what_is_no_period_is_told_with_its_field(name: str | None, since: date | None, until: date | None) -> None:
    with pytest.raises(BadPeriod) as caught:
        Period.of(name, since, until, date(2026, 3, 1))
    assert caught.value.errors[0].field.startswith("query.")


def test_time_is_told_in_days_weeks_or_months() -> None:
    assert len(overview.slots(FEBRUARY, ())) == 28
    weeks = overview.slots(Period.named("2026-Q1"), ())
    assert (weeks[0].last, weeks[1].first.weekday(), weeks[-1].last) == (date(2026, 1, 4), 0, date(2026, 3, 31))
    assert len(overview.slots(Period.named("2026"), ())) == 12
    evening = alert("evening", happened_at=datetime(2026, 2, 3, 16, 30, tzinfo=UTC))
    assert [slot.first for slot in overview.slots(FEBRUARY, (evening,)) if slot.red] == [date(2026, 2, 4)]


def test_percentiles_shares_and_concentrations() -> None:
    assert figures.percentile([3, 1, 2], 0.5) == 2
    assert figures.percentile([1, 2], 0.5) == 1.5
    assert figures.percentile([], 0.5) is None
    assert (figures.share(1, 0), figures.hhi([]), figures.hhi([5]), figures.hhi([1, 1])) == (None, None, 10_000, 5_000)


def person(*grants: str) -> Principal:
    """Somebody with these grants."""
    return Principal("s", "某", "k", frozenset(g for g in map(Grant.parse, grants) if g))


def test_a_reader_looks_at_his_own_regions_only() -> None:
    assert Seat.of(person(f"county_leader@{COUNTY}"), None, plan()).within == "330421%"
    town = person(f"town_secretary@{TOWN}", f"handler@{COUNTY}")
    assert Seat.of(town, None, plan()).within == "330421107%"
    assert Seat.of(town, VILLAGE, plan()).within == VILLAGE
    for region in (COUNTY, OTHER_TOWN, "330499999999"):
        with pytest.raises(NotYourRegion):
            Seat.of(town, region, plan())
    for region in ("3304211070", "33042110700x", "３３０４２１１０７０００"):
        with pytest.raises(BadRegion):
            Seat.of(town, region, plan())
    with pytest.raises(NotAllowed):
        Seat.of(person(f"town_inspector@{TOWN}"), None, plan())


def test_the_report_says_what_the_page_says() -> None:
    one = seen()
    paper = report.paper(one, plan(), charts.all_of(one))
    assert {row["name"]: row["value"] for row in paper["figures"]} == {
        plan().figures[figure.key].zh: shown.value(figure) for figure in one.figures
    }
    assert "红色预警 6 条、黄色预警 2 条" in paper["text"][0]
    assert any("村级工程项目管理制度" in line for line in paper["text"])
    assert {len(row) == len(table["columns"]) for table in paper["tables"] for row in table["rows"]} == {True}


def test_charts_keep_their_words_as_text_and_run_nothing() -> None:
    hostile = replace(PLANTED, deals=(Deal("k", "<script>alert(1)</script>公司", VILLAGE, 5, 1),))
    drawn = charts.all_of(seen(hostile))
    assert set(drawn) < set(plan().tables)
    assert "<text" in drawn["by_place"]
    assert "天凝镇" in drawn["by_place"]
    assert "<script" not in drawn["contractors"]
    assert charts.all_of(seen(NOTHING))["by_matter"] == ""


def test_a_bar_leads_to_the_list_behind_it_and_few_are_counted_in_whole_numbers() -> None:
    query = FEBRUARY.query() | {"region": COUNTY}
    one = seen()
    plain, linked = charts.all_of(one), charts.all_of(one, query)
    assert "href=" not in "".join(plain.values())
    assert "here.invalid" not in "".join(linked.values())
    red = next(group for group in one.by_matter if group.red)
    link = shown.link("alerts", query, matter=red.code, grade="red").replace("&", "&amp;")
    assert f'href="{link}"' in linked["by_matter"]
    ticks = [int(tick) for tick in re.findall(r">(\d+)</text>", plain["by_matter"])]
    assert ticks == sorted(set(ticks))


def test_each_figure_stands_in_one_group() -> None:
    raw = plan().model_dump()
    raw["figure_groups"]["money"]["figures"] = ("at_stake", "people")
    with pytest.raises(ValueError, match="recovered"):
        Plan.model_validate(raw)


def test_files_hold_no_formulas() -> None:
    place = Named(code=VILLAGE, zh="蒋村村", en="Jiangcun")
    one = ListedAlert(
        **dict.fromkeys(("delivered_at", "acknowledged_at", "closed_at", "due_at", "outcome")),
        **{"alert_id": "a", "rule_id": "=1+1", "title": Bilingual(zh="@SUM(A1)", en=""), "grade": "red", "link": ""},
        **{"matter": "EN", "village": place, "town": place, "happened_at": NOW, "overdue": True, "withdrawn": False},
        **{"reopened": 0, "recovered_fen": 12345, "case_ids": ("c",)},
    )
    text = exports.written("alerts", [one], "csv").decode("utf-8-sig")
    assert "'=1+1,'@SUM(A1)" in text
    assert "123.45" in text
    sheet = openpyxl.load_workbook(io.BytesIO(exports.written("alerts", [one], "xlsx"))).worksheets[0]
    assert not [cell for line in sheet.iter_rows() for cell in line if cell.data_type == "f"]


def test_words_of_others_are_theirs() -> None:
    """Outcomes and judged states are called as in the notifier; each rule asks for an institution."""
    book = lifecycle.book()
    assert {code: (n.zh, n.en) for code, n in plan().outcomes.items()} == {
        code: (n.zh, n.en) for code, n in book.outcomes.items()
    }
    assert supervision_plan().closed_states == {*lifecycle.judged(), "reviewed"}
    rulebook = Path(__file__).parents[2] / "services" / "detector" / "rulebook"
    rules = {yaml.safe_load(file.read_text(encoding="utf-8"))["id"] for file in rulebook.glob("*.yaml")}
    assert set(plan().institution_of) == rules
    assert set(shown.BEHIND) <= set(plan().figures)
