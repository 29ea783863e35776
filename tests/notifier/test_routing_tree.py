"""The tree of routes: which way an alert takes, what the file says of the six matters, and what faults are told."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.errors import BadRoutes
from services.notifier.routing import route_tree, routing
from services.notifier.routing.route_tree import Wait
from services.notifier.routing.routing import Plan, Route, Step
from shared.workdays import add_working_hours
from tests.notifier.samples import COUNTY, NOW, TOWN, VILLAGE, alert

SECRETARY = {"role": "town_secretary", "at": "town"}
INSPECTOR = {"role": "town_inspector", "at": "town"}
COMMITTEE = {"role": "supervisory_committee", "at": "village"}
COUNTY_SEAT = {"role": "county_secretary", "at": "county"}
WHY = {"zh": "测试", "en": "for a test"}


def written(*routes: dict[str, Any], **root: Any) -> str:
    """A tree with these routes below its root, as somebody would write it."""
    plain = yaml.safe_load(route_tree.text_of())
    node = {"name": "all", "to": [INSPECTOR], "escalation": [], "why": WHY, "routes": list(routes)} | root
    return yaml.safe_dump(plain | {"route": node}, allow_unicode=True, sort_keys=False)


def roles(text: str, **changed: Any) -> list[str]:
    """Which roles get such an alert by a tree."""
    return [desk.role for desk in routing.route(alert(**changed), Plan(route_tree.read(text))).to]


@pytest.mark.parametrize(
    ("match", "taken"),
    [
        ({"regions": [VILLAGE]}, True),
        ({"regions": [TOWN]}, True),
        ({"regions": [COUNTY]}, True),
        ({"regions": ["330421105000"]}, False),
        ({"grades": ["red", "yellow"]}, True),
        ({"grades": ["yellow"]}, False),
        ({"matters": ["PR"]}, True),
        ({"matters": ["SE"]}, False),
        ({"rules": ["split-purchase"]}, True),
        ({"rules": ["A001"]}, False),
        ({"village_visible": False}, True),
        ({"village_visible": True}, False),
        ({"grades": ["red"], "matters": ["SE"]}, False),
    ],
)
def test_a_node_takes_what_meets_all_it_says(match: dict[str, Any], taken: bool) -> None:
    found = roles(written({"name": "one", "match": match, "to": [SECRETARY]}))
    assert found == (["town_secretary"] if taken else ["town_inspector"])


def test_the_deepest_match_wins_and_says_nothing_where_its_parent_says_it() -> None:
    deep = {"name": "deep", "match": {"matters": ["PR"]}, "to": [COUNTY_SEAT]}
    tree = route_tree.read(
        written(
            {
                "name": "red",
                "match": {"grades": ["red"]},
                "to": [SECRETARY],
                "why": WHY | {"zh": "红"},
                "routes": [deep],
            },
            {"name": "later", "to": [COMMITTEE]},
        )
    )
    way = tree.way(alert())
    assert (way.path, [seat.role for seat in way.to], way.why.zh) == (
        ("all", "red", "deep"),
        ["county_secretary"],
        "红",
    )
    assert tree.way(alert(matter="SE")).path == ("all", "red")
    assert tree.way(alert(grade="yellow")).path == ("all", "later")


def test_a_node_that_continues_only_adds() -> None:
    adds = {
        "name": "adds",
        "match": {"matters": ["PR"]},
        "continue": True,
        "to": [COMMITTEE],
        "why": WHY | {"zh": "另送"},
    }
    takes = {"name": "takes", "match": {"grades": ["red"]}, "to": [SECRETARY]}
    text = written(adds, takes)
    assert roles(text) == ["supervisory_committee", "town_secretary"]
    assert roles(text, grade="yellow") == ["supervisory_committee", "town_inspector"]
    assert roles(text, matter="SE") == ["town_secretary"]
    assert route_tree.read(text).way(alert()).why.zh == "测试;另送"


@pytest.mark.parametrize("matter", ["PR", "EN", "AS", "LA", "RE", "SE"])
@pytest.mark.parametrize(
    ("grade", "first"), [("red", "town_secretary"), ("yellow", "town_inspector"), ("prompt", "handler")]
)
def test_the_file_has_a_way_for_every_matter_and_grade(matter: str, grade: str, first: str) -> None:
    way = routing.route(alert(matter=matter, grade=grade))
    assert [desk.role for desk in way.to] == [first]
    assert way.why is not None
    if grade == "prompt":
        assert way.steps == ()
    else:
        assert any(desk.role == "county_secretary" for desk in way.escalation)
        assert way.due(NOW, 0) == NOW


@pytest.mark.parametrize(
    ("routes", "told"),
    [
        ([{"name": "a"}, {"name": "a"}], "重复"),
        ([{"name": "a", "to": [{"role": "king", "at": "town"}]}], "没有“king”这一角色"),
        ([{"name": "a", "to": [{"role": "town_leader", "at": "town"}]}], "没有上一级"),
        ([{"name": "a"}, {"name": "b", "match": {"grades": ["red"]}}], "永远到不了"),
        ([{"name": "a", "continue": True}], "只增加收件岗位"),
        ([{"name": "a", "escalation": [{"after": {"hours": 1, "working_days": 1}, "to": [SECRETARY]}]}], "一种单位"),
        ([{"name": "a", "to": []}], "route.routes.0.to"),
        ([{"name": "a", "match": {"grade": ["red"]}}], "多余的字段"),
        ([{"name": "a", "match": {"grades": ["blue"]}}], "不在可选范围内"),
        ([{"name": "a", "match": {"regions": ["3304"]}}], "格式不对"),
    ],
)
def test_faults_are_told_with_line_and_column(routes: list[dict[str, Any]], told: str) -> None:
    text = written(*routes)
    with pytest.raises(BadRoutes) as refused:
        route_tree.read(text)
    (fault,) = [fault for fault in refused.value.errors if told in fault.zh]
    _, line, column = fault.field.split(":")
    assert f"第 {line} 行第 {column} 列" in fault.zh
    assert fault.en
    # The line is that of a route, not of what comes before.
    assert int(line) > text.splitlines().index("  routes:")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"above": {"handler": {"role": "town_inspector", "at": "town"}}}, "须到县或市"),
        ({"above": {"handler": INSPECTOR, "town_inspector": {"role": "handler", "at": "village"}}}, "绕回自己"),
        ({"last": {"role": "auditor", "at": "town"}}, "须在县一级"),
        ({"route": {"name": "all"}}, "格式或取值有误"),
    ],
)
def test_a_tree_leads_up_and_ends(changed: dict[str, Any], told: str) -> None:
    plain = yaml.safe_load(written()) | changed
    with pytest.raises(BadRoutes) as refused:
        route_tree.read(yaml.safe_dump(plain, allow_unicode=True))
    assert any(told in fault.zh for fault in refused.value.errors)


@pytest.mark.parametrize("text", ["route: [", "- a", "", "a: b: c"])
def test_what_is_no_tree_at_all_is_told_too(text: str) -> None:
    with pytest.raises(BadRoutes) as refused:
        route_tree.read(text)
    assert refused.value.errors[0].field.startswith("tree:")


WAITS = st.one_of(
    st.just(Wait()),
    st.integers(1, 80).map(lambda hours: Wait(working_hours=hours)),
    st.integers(1, 10).map(lambda days: Wait(working_days=days)),
    st.integers(1, 200).map(lambda hours: Wait(hours=hours)),
)


@given(st.lists(WAITS, max_size=5), st.datetimes(datetime(2025, 1, 1), datetime(2027, 6, 1)))
def test_steps_come_one_after_the_other_and_none_before_the_term_is_over(waits: list[Wait], term: datetime) -> None:
    ends = term.replace(tzinfo=NOW.tzinfo)
    way = Route(steps=tuple(Step(wait, ()) for wait in waits))
    dues = [way.due(ends, taken) for taken in range(len(waits) + 1)]
    assert dues[-1] is None
    moments = [ends, *(due for due in dues if due)]
    assert moments == sorted(moments)
    for wait, before, due in zip(waits, moments, moments[1:], strict=False):
        assert due == wait.after(before)


def test_a_wait_in_working_hours_passes_over_the_weekend() -> None:
    friday = datetime.fromisoformat("2026-03-06T17:00:00+08:00")
    assert Wait(working_hours=8).after(friday) == add_working_hours(friday, 8)
    assert Wait(working_hours=8).after(friday) == datetime.fromisoformat("2026-03-09T17:00:00+08:00")
    assert Wait(hours=8).after(friday) == friday + timedelta(hours=8)
