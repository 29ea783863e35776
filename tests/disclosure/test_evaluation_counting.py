"""What a quarter counts: a small county with labels by hand, and what must hold whatever the rows."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.approval import flows
from services.disclosure.evaluation import figures
from services.disclosure.evaluation.cards import Quartered, deal, ranks, unsound, weights_of, what_if
from services.disclosure.evaluation.counting import AlertRow, AppealRow, CaseRow, Rows, StepRow, counted
from services.disclosure.evaluation.figures import Figure
from services.disclosure.evaluation.indicators import FULL, plan
from services.disclosure.evaluation.quarters import Quarter

ONE, TWO, TOWN, COUNTY = "330421107201", "330421107202", "330421107000", "330421000000"
Q = Quarter(2026, 1)
NOW = datetime(2026, 5, 20, tzinfo=UTC)
FEW = settings(max_examples=40, deadline=None)


def day(month: int, of_month: int, year: int = 2026) -> datetime:
    return datetime(year, month, of_month, 4, tzinfo=UTC)


def step(case: str, sequence: int, due: datetime | None, done: datetime, **changed: Any) -> StepRow:
    usual: dict[str, Any] = dict.fromkeys(each for each in StepRow.__dataclass_fields__)
    usual |= {"case_id": case, "sequence": sequence, "flow": "PR2", "node": "PR2-01", "village_code": ONE}
    usual |= {"due_at": due, "done_at": done, "late": None if due is None else done > due, "required": (), "filed": ()}
    return StepRow(**usual | changed)


def case(case_id: str, **changed: Any) -> CaseRow:
    row = CaseRow(case_id, "PR2", ONE, "running", day(1, 5), None, False, {})
    return replace(row, **changed)


def alert(alert_id: str, closed: datetime | None, **changed: Any) -> AlertRow:
    row = AlertRow(alert_id, "A001", "red", ONE, "closed_rectified", "rectified", closed, None, 0, "village")
    return replace(row, **changed)


def appeal(appeal_id: str, **changed: Any) -> AppealRow:
    row = AppealRow(appeal_id, ONE, TOWN, "complaint", day(1, 4), day(1, 9), None, None, None, False)
    return replace(row, **changed)


COUNTY_ROWS = Rows(
    cases=(
        case("a", dues={"PR2-07": day(3, 10), "PR2-08": day(6, 1)}),
        case("b", state="closed", closed_at=day(3, 20)),
        case("c", state="withdrawn"),
        case("d", resting=True, dues={"PR2-02": day(2, 1)}),
    ),
    steps=(
        # In time; late; of the quarter by its term though done in the next; of the last quarter by its term.
        step("a", 2, day(1, 9), day(1, 8)),
        step("a", 3, day(1, 20), day(2, 3)),
        step("a", 4, day(3, 30), day(4, 9)),
        step("a", 5, day(12, 20, 2025), day(1, 12)),
        # A valid decision, one without quorum, one that nobody attended on record.
        step("b", 2, None, day(2, 1), body="rep_meeting", members_due=30, present=20, votes_for=11),
        step("b", 3, None, day(2, 2), body="rep_meeting", members_due=30, present=19, votes_for=19),
        step("b", 4, None, day(2, 3), body="two_committees"),
        step("b", 5, None, day(2, 4), required=("contract", "minutes"), filed=("contract",), node="PR2-07"),
        step("b", 6, None, day(2, 5), paid_fen=300_00, in_cash=False),
        step("b", 7, None, day(2, 6), paid_fen=100_00, in_cash=True, flow="PR1"),
    ),
    alerts=(
        alert("last year", day(5, 1, 2025)),
        alert("again", day(2, 1), overdue=1),
        alert("other rule", day(2, 9), rule_id="A002", grade="yellow"),
        alert("innocent", day(2, 10), state="no_action", outcome="explanation_accepted"),
        alert("about the town", day(2, 11), above="county"),
        alert("open and late", None, state="pushed", outcome=None, due_at=day(3, 1)),
        alert("open", None, state="pushed", outcome=None, due_at=day(6, 1)),
    ),
    appeals=(
        appeal("in time", satisfied=True, rated_at=day(1, 20)),
        appeal("late", overdue=True, satisfied=False, rated_at=day(5, 2)),
        appeal("a report", kind="report"),
        appeal("at the county", desk=COUNTY),
        appeal("never", answered_at=None, due_at=day(2, 1)),
    ),
)
BY_HAND = {
    # a2 in time; a3 and a4 late; a waits at PR2-07 past its term; d rests.
    "G12": (1, 4),
    "G13": (1, 3),
    "G14": (1, 2),
    "G15": (100, 400),
    "G21": (1, 3),
    "G22": (1, 3),
    # Of four quarters, the first of them 2025Q2: last year's too.
    "G23": (2, 3),
    "G24": (1, 3),
    # b5 lacks the minutes; a waits at PR2-07.
    "G31": (0, 2),
    "G33": (1, 1),
    "G41": (2, 4),
    "G42": (1, 1),
    "G63": (1, 2),
}


def told() -> dict[str, dict[Quarter, dict[str, float]]]:
    given = [
        (Q.plus(-2), [Figure(ONE, "residents", 1500), Figure(ONE, "cadres", 5), Figure(ONE, "clues", 1)]),
        (Q, [Figure(ONE, "outside_items", 1), Figure(ONE, "clues", 0), Figure(ONE, "petitions", 3)]),
    ]
    return figures.told(given, Q, plan())


def dealt(rows: Rows = COUNTY_ROWS) -> Quartered:
    return deal(COUNTY, Q, rows, told(), (ONE, TWO), plan(), NOW)


def test_a_small_county_by_hand() -> None:
    found = counted(COUNTY_ROWS, {}, Q, NOW, plan())
    lines = {line: (count.met, count.due) for line, count in found.counts[ONE].items()}
    assert lines == {line: pytest.approx(both) for line, both in BY_HAND.items()}
    town = {line: (count.met, count.due) for line, count in found.counts[TOWN].items()}
    # Closed: again (ran over once), other rule, innocent; open and late. What is about the town is the county's.
    assert town == {"T1": (2, 4), "T2": (2, 4)}
    assert {item.id for item in found.records[ONE]["G24"] if item.met} == {"again"}
    assert {item.id for item in found.records[ONE]["G12"] if not item.met} == {"a/3", "a/4", "a/PR2-07"}


def test_figures_make_lines_and_what_lasts_goes_on() -> None:
    counts = counted(COUNTY_ROWS, told(), Q, NOW, plan()).counts[ONE]
    assert (counts["G11"].met, counts["G11"].due) == (3, 4)
    assert (counts["G44"].met, counts["G44"].due) == (3, 1500)
    # One clue in the third quarter, none now: two times five cadres; the quarter between told nothing.
    assert (counts["G51"].met, counts["G51"].due) == (1, 10)
    assert "G43" not in counts


def test_every_record_adds_up_to_its_count() -> None:
    found = counted(COUNTY_ROWS, {}, Q, NOW, plan())
    for region, lines in found.counts.items():
        for line, count in lines.items():
            items = found.records[region][line]
            assert (sum(i.met for i in items), sum(i.due for i in items)) == (count.met, count.due)
            assert len({i.id for i in items}) == len(items)


@FEW
@given(st.randoms())
def test_the_order_of_rows_changes_nothing(dice: random.Random) -> None:
    parts = {name: list(getattr(COUNTY_ROWS, name)) for name in ("cases", "steps", "alerts", "appeals")}
    for rows in parts.values():
        dice.shuffle(rows)
    assert dealt(Rows(**parts)) == dealt()


def test_what_if_with_the_same_weights_changes_nothing() -> None:
    made = dealt()
    again = what_if(made.cards, weights_of(made.held), plan())
    assert again == {code: one.card for code, one in made.cards.items()}


def test_a_card_of_which_too_little_was_measured_has_no_rank() -> None:
    card = replace(dealt().cards[ONE].card, score=99.0, bands=())
    sure, lower = replace(card, score=80.0, bands=("normal",)), replace(card, score=70.0, bands=("improving",))
    assert ranks({ONE: card, TWO: lower, "330421107203": sure}) == {"330421107203": 1, TWO: 2}


def test_half_of_what_was_self_reported_counts() -> None:
    before = counted(COUNTY_ROWS, {}, Q, NOW, plan())
    confirmed = sum(item.kind == "alert" for item in before.records[ONE]["G21"])
    # More than were confirmed can't be halved.
    said = {ONE: {Q: {"self_reported_red": confirmed + 5.0, "page_visits": 90.0, "households": 300.0}}}
    found = counted(COUNTY_ROWS, said, Q, NOW, plan())
    assert confirmed > 0
    assert found.counts[ONE]["G21"].met == confirmed / 2
    assert found.counts[ONE]["G22"] == before.counts[ONE]["G22"]
    assert sum(item.met for item in found.records[ONE]["G21"]) == confirmed / 2
    assert (found.counts[ONE]["G34"].met, found.counts[ONE]["G34"].due) == (90, 300)


@FEW
@given(st.lists(st.floats(0, 10), min_size=len(weights_of(plan().sets[-1])), max_size=len(weights_of(plan().sets[-1]))))
def test_other_weights_keep_the_sum(given_weights: list[float]) -> None:
    whole = sum(given_weights)
    if whole < 1:
        return
    names = list(weights_of(plan().sets[-1]))
    weights = {name: round(value / whole * FULL, 2) for name, value in zip(names, given_weights, strict=True)}
    weights[max(weights, key=weights.__getitem__)] += FULL - sum(weights.values())
    assert unsound(weights, plan().sets[-1]) == {}
    card = what_if(dealt().cards, weights, plan())[ONE]
    assert card.score is None or sum(line.weight for line in card.lines) == pytest.approx(FULL)


@pytest.mark.parametrize(
    ("weights", "at"),
    [
        ({"G12": -1}, "G12"),
        ({"G12": float("nan")}, "G12"),
        ({"X": 1}, "X"),
        ({"G12": 6}, ""),
        ({"G12": 101}, "G12"),
        ({"G12": 1e-310}, "G12"),
    ],
)
def test_weights_that_nobody_can_reckon_with(weights: dict[str, float], at: str) -> None:
    assert at in unsound(weights, plan().sets[-1])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("330482107201,residents,1", "不是本县"),
        ("330421107000,residents,1", "村代码"),
        ("330421107201,nothing,1", "没有这个项目"),
        ("330421107201,residents,-1", "不小于"),
        ("330421107201,residents,1.5", "整数"),
        ("330421107201,residents,nan", "不小于"),
        ("330421107201,bonus,6", "最多"),
        ("330421107201,veto_retaliation,2", "1(有)"),
        ("330421107201,residents,1\n330421107201,residents,2", "重复"),
        ("330421107201,coi_due,1\n330421107201,coi_filed,2", "不应大于"),
        ("330421107201,residents", "每行"),
        ("", "至少"),
    ],
)
def test_figures_that_are_refused(line: str, said: str) -> None:
    found, faults = figures.read(line)
    faults = faults or figures.faults(found, COUNTY, plan())
    assert said in faults[0].zh


def test_good_figures_are_read_with_their_heading() -> None:
    found, faults = figures.read("\ufeff村代码,项目,数值\r\n330421107201,residents,1530\r\n\r\n")
    assert (found, faults) == ([Figure(ONE, "residents", 1530)], [])
    assert figures.faults(found, COUNTY, plan()) == []


def test_a_quarter_that_runs_counts_no_term_that_has_not_run_out() -> None:
    early = counted(COUNTY_ROWS, {}, Q, day(3, 9), plan())
    assert "a/PR2-07" not in {item.id for item in early.records[ONE]["G12"]}


def test_public_nodes_are_those_of_the_catalogue() -> None:
    asked = {node.code for flow in flows.load().flows.values() for node in flow.nodes if node.must_publish}
    assert set(plan().public_nodes) == asked


def test_terms_of_the_next_day_are_of_shanghai() -> None:
    late_evening = datetime(2026, 3, 31, 16, tzinfo=UTC)
    rows = Rows(steps=(step("x", 1, late_evening, late_evening + timedelta(days=1)),))
    assert counted(rows, {}, Q, NOW, plan()).counts.get(ONE, {}) == {}
