"""What was measured: the files of `docs/figures`, each figure with its name and whether it is reached. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

# What is wrong when there is any of it, and what is better the less there is.
_WRONG = frozenset({"alerts", "notices", "differences", "rows", "approvals", "streams", "rules that failed on a key"})
_LESS = frozenset({"ms", "s", "us", "KB", "MB", "GB"})
_SMALLER_RATIOS = frozenset({"push_over_floor", "cost_growth"})


@dataclass(frozen=True)
class Measured:
    """One figure as it was measured; `source` is the file it stands in, `load` the machine's of five minutes then."""

    name: str
    value: float
    unit: str
    reach: float | None
    how: str
    source: str
    at: str = ""
    commit: str = ""
    load: float = 0.0

    @property
    def goal(self) -> float | None:
        """What it should reach; None where it only informs."""
        return None if self.reach == 0 and self.unit not in _WRONG else self.reach

    @property
    def less(self) -> bool:
        """Whether less is better."""
        return self.goal == 0 or self.unit in _LESS or self.name in _SMALLER_RATIOS

    @property
    def reached(self) -> bool | None:
        """Whether it is reached; None where there is nothing to reach."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.less else self.value >= self.goal

    @property
    def of_goal(self) -> float | None:
        """How many times as good as the goal it is; None where that can't be told."""
        if not self.goal or not self.value:
            return None
        return self.goal / self.value if self.less else self.value / self.goal


@dataclass(frozen=True)
class Runs:
    """All of `docs/figures`, by file name without its ending."""

    files: Mapping[str, Mapping[str, Any]]

    @cached_property
    def all(self) -> tuple[Measured, ...]:
        """Every figure that was measured, file by file."""
        return tuple(
            Measured(name=name, source=source, **_known(told))
            for source, figures in sorted(self.files.items())
            for name, told in figures.items()
            if name != "machine" and told.get("value") is not None
        )

    def figure(self, name: str, source: str | None = None) -> Measured | None:
        """The figure of a name, of one file where several have it; None when it wasn't measured."""
        return next((one for one in self.all if one.name == name and source in (None, one.source)), None)

    def machine(self, source: str) -> Mapping[str, Any]:
        """What a file was measured on."""
        machine: Mapping[str, Any] = self.files[source].get("machine", {})
        return machine


def _known(told: Mapping[str, Any]) -> dict[str, Any]:
    names = ("value", "unit", "reach", "how", "at", "commit", "load")
    return {"reach": None} | {name: told[name] for name in names if name in told}
