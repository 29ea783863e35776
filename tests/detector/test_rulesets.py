"""A county's changes of rules: the narrowest region and the day decide, whatever came first, and old verdicts stand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.detector.detection import Finding, detect
from services.detector.distil import Fact, facts_of
from services.detector.examples import events_of, judge_all
from services.detector.params import misfit
from services.detector.registers import Reference
from services.detector.rules import Rulebook, parse
from services.detector.rulesets import Timeline, covering, ladder
from shared.contracts.rulesets import Keeper, RuleChanged
from tests.detector.rulebook import RULEBOOK

VILLAGE, NEIGHBOUR, ELSEWHERE = "330421107201", "330421107202", "330421103201"
TOWN, COUNTY = "330421107000", "330421000000"
WHO = Keeper(person_key="k", name="何")
# A075 as it is written, but for what makes works suspicious: here it is only how many there are.
TEXT = RULEBOOK.rule("A075").source.read_text(encoding="utf-8")
CONDITION = TEXT[TEXT.index("condition:") : TEXT.index("evidence:")]
SPLIT = parse(TEXT.replace(CONDITION, "condition: cluster.parts >= min_parts\n"))
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def day(month: int, date: int = 1) -> datetime:
    return datetime(2026, month, date, 4, tzinfo=UTC)


NEW_YEAR = day(1)


def change(
    number: int, region: str = COUNTY, *, rule: str = "A075", since: datetime = NEW_YEAR, **sets: Any
) -> RuleChanged:
    return RuleChanged(
        change_id=f"{rule}-{number}",
        rule_id=rule,
        number=number,
        region_code=region,
        effective_from=since,
        reason="试行",
        drafted_by=WHO,
        approved_by=WHO,
        approved_at=since,
        **sets,
    )


def road(month: int, *, village: str = VILLAGE, fen: int = 4_500_000) -> dict[str, Any]:
    told = {"item": f"村道硬化工程(第{month}期)", "estimate_fen": fen}
    return {
        "case": f"c{month}{village}",
        "flow": "EN1",
        "at": f"2026-{month:02}-01",
        "village": village,
        "fields": told,
    }


def found(rows: Sequence[dict[str, Any]], *changes: RuleChanged) -> list[Finding]:
    book = Rulebook([SPLIT]).with_changes(changes)
    return judge_all(book, [fact for event in events_of(rows) for fact in facts_of(event)], [], NOW)


def test_regions_around_a_region() -> None:
    assert ladder(VILLAGE) == (COUNTY, TOWN, VILLAGE)
    assert ladder(TOWN) == (COUNTY, TOWN)
    assert ladder(COUNTY) == (COUNTY,)
    assert [covering(some) for some in ({VILLAGE}, {VILLAGE, NEIGHBOUR}, {VILLAGE, ELSEWHERE})] == [
        VILLAGE,
        TOWN,
        COUNTY,
    ]
    assert covering({VILLAGE, "330502101201"}) not in (COUNTY, TOWN)


def test_the_narrowest_region_counts_setting_by_setting() -> None:
    line = Timeline(
        [
            change(1, params={"min_parts": 3, "window_days": 90}, grade="yellow"),
            change(2, TOWN, params={"min_parts": 4}),
            change(3, VILLAGE, enabled=False),
        ]
    )
    for region, sets in (
        (ELSEWHERE, ({"min_parts": 3, "window_days": 90}, "yellow", None, (1,))),
        (NEIGHBOUR, ({"min_parts": 4, "window_days": 90}, "yellow", None, (1, 2))),
        (VILLAGE, ({"min_parts": 4, "window_days": 90}, "yellow", False, (1, 2, 3))),
    ):
        held = line.settings(region, day(2))
        assert (held.params, held.grade, held.enabled, held.numbers) == sets
        assert line.settings(region, day(1) - timedelta(seconds=1)).numbers == ()


def test_a_later_change_counts_whole_and_ends_on_its_day() -> None:
    line = Timeline(
        [
            change(1, params={"min_parts": 3, "window_days": 90}),
            change(2, since=day(3), params={"min_parts": 4}, effective_until=day(5)),
            change(3, since=day(8)),
        ]
    )
    held = [line.settings(VILLAGE, day(month)).params for month in (2, 3, 4, 5, 8)]
    both = {"min_parts": 3, "window_days": 90}
    assert held == [both, {"min_parts": 4}, {"min_parts": 4}, both, {}]


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_the_order_in_which_changes_become_known_does_not_matter(data: st.DataObject) -> None:
    months = st.integers(1, 12)
    changes = [
        change(
            number,
            data.draw(st.sampled_from([COUNTY, TOWN, VILLAGE])),
            since=day(data.draw(months)),
            params={"min_parts": data.draw(st.integers(2, 4)), "window_days": data.draw(st.integers(10, 300))},
            enabled=data.draw(st.sampled_from([None, True, False])),
        )
        for number in range(1, data.draw(st.integers(1, 5)) + 1)
    ]
    rows = [
        road(month, village=data.draw(st.sampled_from([VILLAGE, NEIGHBOUR])))
        for month in sorted(data.draw(st.sets(months, min_size=2)))
    ]
    facts = [fact for event in events_of(rows) for fact in facts_of(event)]

    def told(changes: Sequence[RuleChanged], facts: Sequence[Fact]) -> list[Finding]:
        book = Rulebook([SPLIT]).with_changes(changes)
        return sorted(judge_all(book, facts, [], NOW), key=lambda finding: finding.alert_id)

    expected = told(changes, facts)
    assert told(data.draw(st.permutations(changes)), data.draw(st.permutations(facts))) == expected
    # Nor does a change rewrite what was found by the day before it, as long as its own law still finds it.
    last = max(changes, key=lambda one: one.effective_from)
    without = [one for one in changes if one is not last]
    before = told(without, [fact for fact in facts if fact.occurred_at < last.effective_from])
    by_the_old_law = {finding.alert_id for finding in told(without, facts)}
    standing = {finding.alert_id for finding in before} & by_the_old_law
    assert standing <= {finding.alert_id for finding in expected}


def test_an_occasion_is_judged_by_the_law_of_its_day_and_region() -> None:
    stricter = change(1, TOWN, since=day(5), params={"min_parts": 3})
    assert [finding.rule_version for finding in found([road(2), road(3)], stricter)] == ["1"]
    assert found([road(4), road(6)], stricter) == []
    (other,) = found([road(4, village=ELSEWHERE), road(6, village=ELSEWHERE)], stricter)
    assert (other.rule_version, other.params["min_parts"]) == ("1", 2)
    assert {one.name: one.value for one in other.parameters}["limits_yuan"] == "50,000、300,000、4,000,000"
    (three,) = found([road(4), road(5), road(6)], stricter)
    told = {one.name: (one.label.zh, one.value, one.unit) for one in three.parameters}
    assert told["min_parts"] == ("最少项数", "3", "项/count")
    assert (three.rule_version, three.params["min_parts"]) == ("1+1", 3)


def test_an_old_verdict_stands_though_the_rule_was_switched_off() -> None:
    off = change(1, since=day(5), enabled=False)
    (old,) = found([road(2), road(3)])
    assert found([road(2), road(3), road(6)], off) == [old]
    assert found([road(4), road(6)], off) == []


def test_an_old_verdict_falls_with_the_facts_that_refute_it() -> None:
    """The same works told anew: their estimate turns out to be over the limit, so nothing was split."""
    off = change(1, since=day(5), enabled=False)
    told = {"item": "村道硬化工程(第3期)", "contract_fen": 9_000_000}
    corrected = {"case": f"c3{VILLAGE}", "node": "EN1-06", "at": "2026-06-01", "fields": told, "village": VILLAGE}
    assert found([road(2), road(3), corrected], off) == []


def test_what_shapes_occasions_is_set_by_the_narrowest_region_around_the_facts() -> None:
    narrow = change(1, TOWN, params={"window_days": 20})
    assert found([road(2), road(3)], narrow) == []
    assert len(found([road(2, village=ELSEWHERE), road(3, village=ELSEWHERE)], narrow)) == 1
    paid = {"contract_fen": 4_400_000, "supplier_id": "S1"}
    works = [road(2), road(3, village=ELSEWHERE)]
    won = [
        {"case": row["case"], "node": "EN1-06", "at": row["at"], "village": row["village"], "fields": paid}
        for row in works
    ]
    across = found([*works, *won], narrow)
    assert [finding.dedupe_key.split("|")[0] for finding in across] == ["company:S1"]


def test_a_grade_of_the_countys_own_replaces_the_conditional_ones() -> None:
    (finding,) = found([road(2), road(3)], change(1, grade="prompt"))
    assert (finding.grade, finding.rule_version) == ("prompt", "1+1")


def test_silence_is_looked_at_by_the_law_to_come() -> None:
    event = next(iter(events_of([{"flow": "PR1", "at": "2026-03-02", "next_due": "2026-03-04T00:00:00+08:00"}])))
    facts = [fact for fact in facts_of(event) if fact.key == "case:c1"]
    base = Rulebook([RULEBOOK.rule("A016")])
    sooner = change(1, rule="A016", since=day(3, 5), params={"red_after_days": 2})
    book = base.with_changes([sooner])
    known = set(detect(base, "case:c1", facts, Reference(), event.time).again_at)
    assert known < set(detect(book, "case:c1", facts, Reference(), event.time).again_at)
    off = change(2, rule="A016", since=day(3, 2), enabled=False)
    later = change(3, rule="A016", since=day(3, 20), enabled=True)
    book = base.with_changes([off, later])
    assert detect(book, "case:c1", facts, Reference(), NOW).findings == ()
    assert detect(book, "case:c1", facts, Reference(), event.time).again_at


@pytest.mark.parametrize(
    ("rule", "name", "value", "told"),
    [
        ("A075", "window_days", 30, None),
        ("A075", "window_days", 30.5, "int is needed"),
        ("A075", "window_days", True, "int is needed"),
        ("A075", "window_days", -1, "at least 0"),
        ("A119", "cv_low", 1, None),
        ("A050", "quorum", 1.1, "at most 1 "),
        ("A090", "share_pct", 100.5, "at most 100"),
        ("A119", "cv_low", "0.1", "float is needed"),
        ("A075", "flows", ["EN1"], None),
        ("A075", "flows", [], "a list of"),
        ("A075", "flows", [1], "str is needed"),
    ],
)
def test_what_a_parameter_takes(rule: str, name: str, value: Any, told: str | None) -> None:
    wrong = misfit(RULEBOOK.rule(rule).spec.params[name], value)
    assert (wrong is None) if told is None else (wrong is not None and told in wrong.en)


def test_what_no_longer_fits_is_left_out() -> None:
    (finding,) = found([road(2), road(3)], change(1, params={"min_parts": "two", "gone": 3}))
    assert finding.params["min_parts"] == 2
    assert "gone" not in finding.params


OWN = TEXT.replace("A075", "C001").replace("split_works", "own")


def test_a_countys_own_rule_is_in_force_where_and_when_it_says_so() -> None:
    base = Rulebook([])
    made = change(1, TOWN, rule="C001", since=day(5), definition=OWN)
    on = made.model_copy(update={"enabled": True})
    retired = change(2, TOWN, rule="C001", since=day(9), enabled=False)

    def rules_found(rows: Sequence[dict[str, Any]], *changes: RuleChanged) -> list[str]:
        facts = [fact for event in events_of(rows) for fact in facts_of(event)]
        return [finding.rule_version for finding in judge_all(base.with_changes(changes), facts, [], NOW)]

    assert not parse(OWN).enabled
    assert rules_found([road(5), road(6)], made) == []
    assert rules_found([road(2), road(3)], on) == []
    assert rules_found([road(5), road(6)], on) == ["1+1"]
    assert rules_found([road(5, village=ELSEWHERE), road(6, village=ELSEWHERE)], on) == []
    assert rules_found([road(5), road(6), road(10)], on, retired) == ["1+1"]
    assert rules_found([road(8), road(10)], on, retired) == []
    assert base.with_changes([retired]).rules == ()


def test_a_rule_of_the_countys_own_that_no_longer_compiles_stops_nobody() -> None:
    gone = change(1, rule="C001", enabled=True, definition=OWN.replace("cluster.parts", "cluster.pieces"))
    book = Rulebook([SPLIT]).with_changes([gone, change(1, grade="prompt")])
    assert [rule.id for rule in book.rules] == ["A075"]
    assert "undefined field 'pieces'" in str(book.unreadable[0])
    assert set(book.timelines) == {"A075"}
