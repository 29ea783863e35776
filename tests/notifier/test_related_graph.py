"""The drawing of what an alert is tied to: whatever the alerts, its nodes lie apart and its lines lead to them."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier.noise import noise
from services.notifier.standing import Standing
from services.notifier.workbench.related_graph import MOST, WIDTH, Box, draw, ending, shortened, ties_of
from shared.contracts.alerts import Party
from tests.notifier.samples import alert
from tests.notifier.test_standing import arrived

CASES = st.lists(st.integers(0, 6), max_size=3, unique=True)
PARTIES = st.lists(st.integers(0, 9), max_size=4, unique=True)


def tied(cases: list[int], parties: list[int]) -> Standing:
    """An alert of these cases and firms."""
    return arrived(
        case_ids=tuple(f"c{n}" for n in cases),
        case_nos=tuple(f"CG-{n}" for n in cases),
        parties=tuple(Party(kind="company", key=f"91{n}", name=f"公司{n}") for n in parties),
    )


def apart(one: Box, other: Box) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


@settings(max_examples=60, deadline=None)
@given(CASES, PARTIES, st.lists(st.tuples(CASES, PARTIES), max_size=30))
def test_whatever_is_tied_lies_apart_within_the_drawing(
    cases: list[int], parties: list[int], rest: list[tuple[list[int], list[int]]]
) -> None:
    centre = tied(cases, parties)
    mine = noise.groups_of(centre.alert)
    others = [one for one in (tied(*of) for of in rest) if noise.groups_of(one.alert) & mine]
    drawn = draw(centre, others, len(others))
    if drawn is None:
        assert not mine or (not others and len(mine) < 2)
        return
    boxes = [node.box for node in drawn.alerts] + [node.box for node in drawn.ties]
    assert 2 <= len(boxes) <= MOST
    assert all(apart(one, other) for one, other in combinations(boxes, 2))
    assert all(b.x >= 0 and b.x + b.width <= WIDTH and b.y >= 0 and b.y + b.height <= drawn.height for b in boxes)
    assert {end for line in drawn.lines for end in line} <= set(boxes)
    keys = {node.tie.key for node in drawn.ties}
    assert len(drawn.lines) == sum(len(node.ties) for node in drawn.alerts)
    assert all(set(node.ties) <= keys for node in drawn.alerts)
    assert drawn.more_alerts == len(others) - (len(drawn.alerts) - 1)
    assert drawn.alerts[0].centre
    assert [node.centre for node in drawn.alerts].count(True) == 1


def test_an_alert_alone_with_its_case_is_not_drawn() -> None:
    assert draw(tied([1], []), [], 0) is None
    assert draw(arrived(), [], 0) is None


def test_two_alerts_of_a_case_stand_beside_it() -> None:
    centre, other = tied([1], [2]), tied([1], [])
    drawn = draw(centre, [other], 7)
    assert drawn
    assert [node.alert_id for node in drawn.alerts] == [centre.alert.alert_id, other.alert.alert_id]
    assert {node.tie.label for node in drawn.ties} == {"CG-1", "公司2"}
    assert len(drawn.lines) == 3
    assert drawn.more_alerts == 6


def test_who_has_no_name_is_known_by_the_end_of_his_key() -> None:
    (tie,) = ties_of(alert(parties=(Party(kind="person", key="f00ba4"),)))
    assert (tie.label, tie.names) == ("人员 …0ba4", ("人员", "person"))


@given(st.text(min_size=1), st.floats(30, 200))
def test_a_label_is_cut_to_what_fits(text: str, units: float) -> None:
    front, end = shortened(text, units), ending(text, units)
    assert front == text or (front.endswith("…") and text.startswith(front[:-1]) and len(front) > 1)
    assert end == text or (end.startswith("…") and text.endswith(end[1:]) and len(end) > 1)
    assert all(len(cut) * 13 * 0.58 <= units for cut in (front, end))
    assert (front == text) is (end == text)


def test_of_a_case_number_the_end_is_kept() -> None:
    assert ending("330421107201-EN1-2026-0001", 122) == "…-EN1-2026-0001"
    assert shortened("嘉善云河建设有限公司", 100) == "嘉善云河建设…"
