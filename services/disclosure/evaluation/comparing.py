"""Two cards of one village or town side by side: whether they differ beyond chance, and what moved the score. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.disclosure.evaluation.scoring import Card, Line


@dataclass(frozen=True)
class Move:
    """What one line added to the change: by its result, and by the weight that it came to have."""

    indicator: str
    result: float
    weight: float

    @property
    def total(self) -> float:
        """Both together."""
        return self.result + self.weight


@dataclass(frozen=True)
class Change:
    """A score's change: the moves of its lines (the largest first), of the bonus and of a cap; they add up to `total`.

    `beyond_chance` says that the two intervals don't overlap.
    """

    total: float
    moves: tuple[Move, ...]
    bonus: float
    other: float
    beyond_chance: bool


def change(before: Card, after: Card) -> Change | None:
    """From one card to a later one; None where either has no score."""
    if before.score is None or after.score is None:
        return None
    total = after.score - before.score
    olds = {line.indicator: line for line in before.lines}
    news = {line.indicator: line for line in after.lines}
    moves = [_move(name, olds.get(name), news.get(name)) for name in dict.fromkeys([*olds, *news])]
    bonus = after.bonus - before.bonus
    other = total - bonus - sum(move.total for move in moves)
    moved = sorted(
        (move for move in moves if abs(move.total) > 1e-9), key=lambda move: (-abs(move.total), move.indicator)
    )
    return Change(total, tuple(moved), bonus, other, apart(before, after))


def apart(one: Card, other: Card) -> bool:
    """Whether the intervals of two scores don't overlap."""
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.low > other.high or one.high < other.low


def differing(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[str, ...]:
    """The lines whose counts are not the same."""
    return tuple(sorted(name for name in {*before, *after} if before.get(name) != after.get(name)))


def _move(name: str, before: Line | None, after: Line | None) -> Move:
    old_weight, new_weight = (line.weight if line else 0.0 for line in (before, after))
    old, new = (line.position if line and not line.left_out else None for line in (before, after))
    # Measured only once: all of it comes of the weight that it has or had.
    if old is None or new is None:
        return Move(name, 0.0, new_weight * (new or 0.0) - old_weight * (old or 0.0))
    return Move(name, (new - old) * (old_weight + new_weight) / 2, (new_weight - old_weight) * (old + new) / 2)
