"""The scoring of the evaluation: hand-computed cards, and what must hold of all of them."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.disclosure.evaluation.comparing import change
from services.disclosure.evaluation.indicators import FULL, IndicatorSet, Plan, dimension_of, plan
from services.disclosure.evaluation.intervals import beta_quantile, gamma_quantile
from services.disclosure.evaluation.quarters import Quarter
from services.disclosure.evaluation.scoring import Card, Count, Counts, Means, means, town_card, village_card

VILLAGE = "330421107201"
HELD: IndicatorSet = plan().sets[-1]
NONE: Means = means({}, {}, HELD.indicators, plan())
FEW = settings(max_examples=60, deadline=None)


def card(counts: Counts, known: Means = NONE, bonus: float = 0.0, vetoes: tuple[str, ...] = ()) -> Card:
    return village_card(VILLAGE, counts, "middle", HELD, known, plan(), bonus=bonus, vetoes=vetoes)


@st.composite
def counted(draw: st.DrawFn) -> dict[str, Count]:
    found = {}
    for name, one in HELD.indicators.items():
        if draw(st.booleans()):
            due = draw(st.integers(0, 60))
            met = draw(st.integers(0, due if one.measure == "share" else 90))
            found[name] = Count.whole(met, due)
    return found


def test_quantiles_are_those_of_the_tables() -> None:
    assert beta_quantile(0.05, 2, 3) == pytest.approx(0.097611, abs=1e-6)
    assert beta_quantile(0.95, 9, 1) == pytest.approx(0.994317, abs=1e-6)
    assert gamma_quantile(0.95, 3, 1) == pytest.approx(6.295794, abs=1e-6)
    assert gamma_quantile(0.05, 10, 2) == pytest.approx(10.850811 / 4, abs=1e-6)


def test_a_quarter_is_of_shanghai_and_settles_in_working_days() -> None:
    first = Quarter(2026, 1)
    assert str(first.plus(-1)) == "2025Q4"
    assert Quarter.of(first.begins) == first
    assert Quarter.of(first.ends) == first.plus(1)
    assert Quarter.parse("2026Q5") is None
    # 2026-04-01 is the first working day after it; 6 April is a holiday.
    assert first.settled_at(15).isoformat() == "2026-04-22T16:00:00+00:00"


def test_one_line_by_hand() -> None:
    # 36 of 40 nodes on time; the mean halfway of 0.7 and 0.98 is 0.84 and weighs 20 items.
    made = card({"G12": Count.whole(36, 40)})
    line = made.line("G12")
    assert line.estimate == pytest.approx((36 + 20 * 0.84) / 60)
    assert line.position == pytest.approx((0.88 - 0.7) / 0.28)
    # It is all that was measured, so that it carries all 100 points; that is too little to call a band.
    assert line.weight == pytest.approx(100)
    assert made.score == pytest.approx(100 * 0.18 / 0.28)
    assert made.bands == ()
    assert line.low is not None
    assert line.low == pytest.approx(beta_quantile(0.05, 0.88 * 60, 0.12 * 60))


def test_a_veto_caps_and_a_bonus_adds() -> None:
    full = {name: _best(name) for name in HELD.indicators}
    assert card(full, vetoes=("retaliation",)).score == plan().veto.cap
    assert card(full, vetoes=("retaliation",)).bands == ("priority",)
    plain, more = card(full), card(full, bonus=50)
    assert plain.score is not None
    assert more.score is not None
    assert more.score == pytest.approx(min(FULL, plain.score + plan().bonus.most))


def test_points_of_a_line_go_to_its_dimension_and_of_a_dimension_to_the_others() -> None:
    made = card({"G61": Count(9, 10, 100), "G12": Count.whole(30, 30), "G14": Count.whole(30, 30)})
    # G6 has 5 points, G1 25: together 30, blown up to 100.
    assert made.line("G61").weight == pytest.approx(5 / 30 * 100)
    assert made.line("G12").weight == pytest.approx(25 / 30 * 100 * 5 / 9)
    assert made.line("G21").left_out == "too_few"
    assert made.line("G43").left_out == "not_supplied"


def test_what_the_town_answers_is_shown_and_not_scored() -> None:
    late = card({"G41": Count.whole(0, 20), "G42": Count.whole(20, 20)})
    assert late.line("G41").left_out == "scored_elsewhere"
    assert late.line("G41").value == 0
    assert late.score == card({"G42": Count.whole(20, 20)}).score


def test_the_mean_is_the_groups_where_enough_villages_have_it() -> None:
    some = {f"33042110720{n}": {"G12": Count.whole(9, 10)} for n in range(1, 8)}
    groups = dict.fromkeys(some, "small")
    found = means(some, groups, HELD.indicators, plan())["G12"]
    assert found["small"].taken_from == "group"
    assert found["small"].value == pytest.approx((63 + 0.5) / 71)
    assert found["large"].taken_from == "county"
    assert found["large"].value == found["small"].value


def test_one_large_payment_counts_as_little_more_than_one() -> None:
    count = Count.of([(1_000_000.0, 1_000_000.0), *((0.0, 100.0),) * 9])
    assert count.size(HELD.indicators["G15"]) == pytest.approx(1.0, abs=0.01)
    assert card({"G15": count}).line("G15").left_out == "too_few"


def test_a_town_is_seven_tenths_villages_by_residents_and_three_tenths_own() -> None:
    good, poor = card({"G12": Count.whole(50, 50)}), card({"G12": Count.whole(0, 50)})
    known = means({}, {}, HELD.town_lines, plan())
    own = {"T1": Count.whole(20, 20), "T2": Count.whole(0, 20)}
    made = town_card("330421107000", own, [(good, 3000), (poor, 1000)], HELD, known, plan())
    assert good.score is not None
    assert poor.score is not None
    assert made.villages_mean is not None
    assert made.villages_mean == pytest.approx((3 * good.score + poor.score) / 4)
    handling = sum(line.points for line in made.lines)
    assert made.score == pytest.approx(0.7 * made.villages_mean + 0.3 * handling)
    alone = town_card("330421107000", {}, [(good, 1)], HELD, known, plan())
    assert alone.score == pytest.approx(good.score)


@FEW
@given(counted(), st.floats(0, 20), st.booleans())
def test_a_score_is_between_0_and_100_within_its_interval(counts: Counts, bonus: float, vetoed: bool) -> None:
    made = card(counts, bonus=bonus, vetoes=("retaliation",) if vetoed else ())
    if made.score is None:
        assert made.measured == 0
        return
    assert made.low is not None
    assert made.high is not None
    assert 0 <= made.low <= made.score <= made.high <= (plan().veto.cap if vetoed else FULL)
    assert math.fsum(line.weight for line in made.lines) == pytest.approx(FULL)
    assert all(line.weight == 0 for line in made.lines if line.left_out)


@FEW
@given(counted(), st.sampled_from(sorted(HELD.indicators)))
def test_a_better_result_never_lowers_the_score(counts: dict[str, Count], name: str) -> None:
    one, count = HELD.indicators[name], counts.get(name)
    if count is None or (one.measure == "share" and count.met >= count.due and one.better == "up"):
        return
    step = 1 if one.better == "up" else -min(1.0, count.met)
    better = counts | {name: Count(count.met + step, count.due, count.squares)}
    group = means({VILLAGE: counts}, {VILLAGE: "middle"}, HELD.indicators, plan())
    assert (card(better, group).score or 0) >= (card(counts, group).score or 0) - 1e-9


@FEW
@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0.01, 1e6)), min_size=1), st.randoms())
def test_the_order_of_records_changes_nothing(items: list[tuple[float, float]], random: object) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert Count.of(items) == Count.of(shuffled)


@FEW
@given(counted())
def test_what_moved_adds_up_to_the_change(counts: dict[str, Count]) -> None:
    before, after = card({"G12": Count.whole(30, 40), "G42": Count.whole(5, 10)}), card(counts)
    if found := change(before, after):
        parts = math.fsum(move.total for move in found.moves) + found.bonus + found.other
        assert parts == pytest.approx(found.total)
        assert found.other == pytest.approx(0, abs=1e-6)


def test_without_items_there_is_no_score_and_with_few_no_extreme() -> None:
    assert card({}).score is None
    four, thousand = card({"G12": Count.whole(0, 4)}), card({"G12": Count.whole(0, 1000)})
    assert four.score is None
    some = card({"G12": Count.whole(5, 5), "G13": Count.whole(5, 5)})
    many = card({"G12": Count.whole(500, 500), "G13": Count.whole(500, 500)})
    assert some.score is not None
    assert many.score is not None
    assert thousand.score == 0
    assert some.score < many.score
    assert (some.high or 0) - (some.low or 0) > (many.high or 0) - (many.low or 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("sets", 0, "indicators", "G12", "points"), 6),
        (("sets", 0, "indicators", "G12", "bounds"), {"all": [0.9, 0.7]}),
        (("sets", 0, "indicators", "G21", "bounds"), {"small": [10, 1]}),
        (("sets", 0, "from"), "2026"),
        (("town", "own"), 0.4),
        (("unknown_group",), "tiny"),
    ],
)
def test_a_malformed_plan_is_refused_as_it_loads(path: tuple[str | int, ...], value: object) -> None:
    raw = plan().model_dump(by_alias=True, mode="json")
    place: Any = raw
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ValueError):
        Plan.model_validate(raw)


def _best(name: str) -> Count:
    one = HELD.indicators[name]
    assert dimension_of(name) in HELD.dimensions
    if one.measure == "level":
        return Count(one.bounds_of("middle").target * 100, 100, 10_000)
    return Count.whole(10_000 if one.better == "up" else 0, 10_000)
