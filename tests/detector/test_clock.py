"""When silence counts, and how keys share locks."""

from datetime import UTC, datetime

from services.detector.clock import Mark
from services.detector.locks import SLOTS, slot

MARK = Mark(datetime(2026, 3, 2, tzinfo=UTC), {0: 5, 1: 0})


def test_silence_counts_once_everything_before_it_has_taken_effect() -> None:
    assert MARK.reached({0: 5})
    assert MARK.reached({0: 9, 1: 3})


def test_while_the_log_is_behind_silence_does_not_count() -> None:
    assert not MARK.reached({0: 4, 1: 0})
    assert not MARK.reached({1: 7})


def test_a_key_has_the_same_slot_in_every_process() -> None:
    assert slot("company:91330421MA0000001X") == 403
    assert all(0 <= slot(f"case:{n}") < SLOTS for n in range(1000))
