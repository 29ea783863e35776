"""When a message is tried again, and how long a failing receiver is left alone: pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

BREAK_AFTER = 5
JITTER = 0.2
_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)


def next_try(
    attempts: int, waits: Sequence[float], now: datetime, give_up_at: datetime, chance: Random
) -> datetime | None:
    """When to try again after so many attempts; None when it is time to give up.

    The wait is spread by a fifth either way, so that what failed together does not come back together.
    """
    if attempts > len(waits):
        return None
    due = now + timedelta(seconds=waits[attempts - 1] * (1 + JITTER * (2 * chance.random() - 1)))
    return due if due < give_up_at else None


def paused_until(failures: int, now: datetime) -> datetime | None:
    """Until when a receiver is left alone after so many failures in a row; None while its circuit is closed."""
    if failures < BREAK_AFTER:
        return None
    doublings = min(failures - BREAK_AFTER, 10)
    return now + min(_PAUSE * (1 << doublings), _LONGEST_PAUSE)
