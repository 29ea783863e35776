"""Whether two engines found the same: alerts by rule and what they are about, as the engine names it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

Alert = tuple[str, str]


def _case_and_node(key: str) -> str | None:
    """Without which of several waits it was."""
    return key.rpartition("|")[0]


def _village_and_item(key: str) -> str | None:
    """Of our clusters those of one village by the name of the works; without matter and year."""
    scope, by, label, _ = key.split("|")
    return f"{scope.split(':')[1]}|{label}" if scope.startswith("village:") and by == "item" else None


def _supplier(key: str) -> str | None:
    """Of our awards under limits those of one supplier; without the year."""
    scope, _ = key.split("|")
    return scope.removeprefix("company:") if scope.startswith("company:") else None


_NAMED: dict[str, Callable[[str], str | None]] = {"A016": _case_and_node, "A075": _village_and_item, "A078": _supplier}


def as_asked(rule_id: str, key: str) -> Alert | None:
    """One of our alerts as the engine would name it; None where our rule asks more than the engine is asked."""
    name = _NAMED.get(rule_id)
    about = name(key) if name else key
    return (rule_id, about) if about else None


@dataclass(frozen=True)
class Compared:
    """What both found and what only one did. `more` are ours that the engine isn't asked for."""

    both: int
    only_ours: tuple[Alert, ...]
    only_theirs: tuple[Alert, ...]
    more: int

    @property
    def differing(self) -> int:
        """How many only one of the two found."""
        return len(self.only_ours) + len(self.only_theirs)

    def told(self) -> str:
        """For people."""
        return (
            f"{self.both} alerts in both, {len(self.only_ours)} in ours alone{_by_rule(self.only_ours)}, "
            f"{len(self.only_theirs)} in the engine's alone{_by_rule(self.only_theirs)}; {self.more} more of ours "
            "answer what the engine isn't asked"
        )


def compare(ours: Iterable[Alert], theirs: Iterable[Alert]) -> Compared:
    """Ours by rule and dedupe key, theirs as they name them."""
    named = [as_asked(*alert) for alert in ours]
    mine, yours = {alert for alert in named if alert}, set(theirs)
    both = mine & yours
    return Compared(len(both), tuple(sorted(mine - both)), tuple(sorted(yours - both)), named.count(None))


def _by_rule(alerts: Iterable[Alert]) -> str:
    counts: dict[str, int] = {}
    for rule_id, _ in alerts:
        counts[rule_id] = counts.get(rule_id, 0) + 1
    return f" ({', '.join(f'{rule} {count}' for rule, count in sorted(counts.items()))})" if counts else ""
