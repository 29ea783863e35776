"""The first difference of two runs is named by its table, row and innermost field, with the faults of that moment."""

from contextlib import nullcontext

from tests.chaos.difference import Seen, blamed, differences
from tests.chaos.fault import Fault
from tests.chaos.timeline import Strike, Timeline


def seen(**alerts: object) -> Seen:
    return {"findings": {}, "alerts": {key: {"alert_id": key, "body": body} for key, body in alerts.items()}}


def told(one: Seen, other: Seen) -> list[str]:
    return [str(each) for each in differences(one, other)]


def test_alike_runs_have_no_difference() -> None:
    assert not told(seen(a=[1], b={"x": None}), seen(b={"x": None}, a=[1]))


def test_a_row_that_is_lost_and_one_that_is_too_many_are_named() -> None:
    assert told(seen(a=1, b=2), seen(b=2, c=3)) == ["alerts: a: is not there", "alerts: c: should not be there"]


def test_the_innermost_field_is_named() -> None:
    one, other = ({"evidence": [{"at": 1, "paid": paid}]} for paid in (38_000, 41_000))
    assert told(seen(a=one), seen(a=other)) == ["alerts: a/body/evidence/0/paid: expected 38000, found 41000"]


def test_the_fault_is_named_that_was_on_when_the_case_took_effect() -> None:
    early, late = (Fault("kill", name, nullcontext) for name in ("detector", "notifier"))
    timeline = Timeline([Strike(early, 1.0, 2.0), Strike(late, 9.0, 12.0), Strike(early, 40.0, 41.0)])
    timeline.cases["EN1-2026-00007"] = (8.0, 8.5)
    (difference,) = differences(seen(a="EN1-2026-00003 EN1-2026-00007"), seen())
    assert blamed(difference, timeline) == ["kill notifier"]
