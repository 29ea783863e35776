"""Deals the faults of a run by a seed and has each begin, last and end, several at a time."""

import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import wait

from tests.chaos.difference import Difference
from tests.chaos.fault import Fault
from tests.chaos.stage import Stage

_PAUSE = (0.0, 0.6)
_LOOK_SECONDS = 0.02


def dealt(faults: Iterable[Fault], wanted: int, dice: random.Random) -> list[Fault]:
    """So many faults, each as often as any other, in an order by chance: all once before one comes again."""
    each, plan = list(faults), list[Fault]()
    while each and len(plan) < wanted:
        plan += dice.sample(each, len(each))
    return plan[:wanted]


class Director:
    """Plays a plan of faults on a stage, `at_once` of them side by side."""

    def __init__(
        self, plan: Sequence[Fault], *, seed: int, at_once: int = 1, struck: Callable[[Fault], None] = lambda _: None
    ) -> None:
        self._plan = list(plan)
        self._at_once = at_once
        self._seed = seed
        self._struck = struck
        self._next = 0
        self._lock = threading.Lock()
        self._failed = threading.Event()

    @property
    def progress(self) -> float:
        """How much of the plan has begun: 0 to 1; 1 as well once a fault could not be ended."""
        return 1.0 if self._failed.is_set() or not self._plan else self._next / len(self._plan)

    def play(self, stage: Stage) -> None:
        """Play the plan to its end; raises `Difference` for a fault that could not be begun or ended."""
        going = [stage.hands.submit(self._go_on, stage) for _ in range(self._at_once)]
        wait(going)
        for done in going:
            done.result()

    def _go_on(self, stage: Stage) -> None:
        while not self._failed.is_set() and (taken := self._take()):
            number, fault = taken
            dice = random.Random(f"{self._seed}/{number}")
            # A fault that comes before there is work strikes nothing.
            while stage.fed < (number + 0.5) / len(self._plan) and not self._failed.is_set():
                time.sleep(_LOOK_SECONDS)
            time.sleep(dice.uniform(*_PAUSE))
            try:
                with stage.timeline.during(fault), fault.strike():
                    self._struck(fault)
                    time.sleep(dice.uniform(*fault.lasts))
            except Exception as error:
                # A service that won't end when asked, or won't come back, is a difference as well.
                self._failed.set()
                raise Difference("fault", fault.told, f"{type(error).__name__}: {error}", None) from error

    def _take(self) -> tuple[int, Fault] | None:
        with self._lock:
            number = self._next
            if number == len(self._plan):
                return None
            self._next += 1
            return number, self._plan[number]
