"""Cases and parties that tie an alert to others, as a drawing of two columns: alerts left, what ties them right. Pure.

Lengths are units of the drawing, `WIDTH` wide: on a phone about a pixel each, so that its letters can be read there.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from services.notifier.noise import noise
from services.notifier.standing import Standing
from shared.contracts.alerts import Alert, Grade, Party

WIDTH = 360
MOST = 20
_MOST_TIES = 8
_LEFT, _RIGHT = 178, 148
_HIGH, _GAP = 46, 12
_KINDS = {
    "case": ("案件", "case"),
    "company": ("企业", "company"),
    "person": ("人员", "person"),
    "account": ("账户", "account"),
}


@dataclass(frozen=True)
class Tie:
    """A case or a party; its key is that of the group of its alerts."""

    key: str
    kind: str
    label: str

    @property
    def names(self) -> tuple[str, str]:
        """What it is, in Chinese and in English."""
        return _KINDS[self.kind]


@dataclass(frozen=True)
class Box:
    """A node in its place."""

    x: float
    y: float
    width: float
    height: float = _HIGH


@dataclass(frozen=True)
class AlertNode:
    """An alert in its place, and the ties that it has; `centre` is the alert that the drawing is of."""

    alert_id: str
    title: str
    grade: Grade
    village_code: str
    finished: bool
    centre: bool
    ties: tuple[str, ...]
    box: Box


@dataclass(frozen=True)
class TieNode:
    """A tie in its place."""

    tie: Tie
    box: Box


@dataclass(frozen=True)
class Drawing:
    """All nodes in their places and the lines between them; how many alerts and ties are not drawn."""

    alerts: tuple[AlertNode, ...]
    ties: tuple[TieNode, ...]
    lines: tuple[tuple[Box, Box], ...]
    height: float
    more_alerts: int
    more_ties: int


def draw(centre: Standing, others: Sequence[Standing], total: int) -> Drawing | None:
    """The alert and those that share a case or party with it, the weightiest first of `total`; None without a tie to
    tell of: no other alert, and no second case or party."""
    names = {tie.key: tie for one in (*others, centre) for tie in ties_of(one.alert)}
    own = [tie.key for tie in ties_of(centre.alert)]
    if not own or (not others and len(own) < 2):
        return None
    shown_ties, more_ties = _chosen_ties(own, others)
    shown = others[: MOST - 1 - len(shown_ties)]
    held = {one.alert.alert_id: [k for k in shown_ties if k in noise.groups_of(one.alert)] for one in (centre, *shown)}
    alert_ids, keys = _ordered(centre.alert.alert_id, held, shown_ties)
    rows = max(len(alert_ids), len(keys))
    height = rows * (_HIGH + _GAP) - _GAP
    places = _column(alert_ids, 0, _LEFT, height) | _column(keys, WIDTH - _RIGHT, _RIGHT, height)
    by_id = {one.alert.alert_id: one for one in (centre, *shown)}
    return Drawing(
        alerts=tuple(_alert_node(by_id[i], by_id[i] is centre, tuple(held[i]), places[i]) for i in alert_ids),
        ties=tuple(TieNode(names[key], places[key]) for key in keys),
        lines=tuple((places[i], places[key]) for i in alert_ids for key in held[i]),
        height=height,
        more_alerts=total - len(shown),
        more_ties=more_ties,
    )


def ties_of(alert: Alert) -> tuple[Tie, ...]:
    """The cases and parties of an alert; whose name isn't told is known by the end of its key."""
    numbers = dict(zip(alert.case_ids, alert.case_nos, strict=False))
    cases = [Tie(f"case:{id}", "case", numbers.get(id) or id[-8:]) for id in alert.case_ids]
    return tuple(dict.fromkeys([*cases, *(_party(party) for party in alert.parties)]))


def shortened(text: str, units: float, letter: float = 13) -> str:
    """As much of a text as fits: a Chinese character is as wide as the letters are high, others about half."""
    return text if _fits(text, units, letter) else _longest(text, units, letter) + "…"


def ending(text: str, units: float, letter: float = 13) -> str:
    """As much of the end of a text as fits: what tells a case number from the next stands at its end."""
    return text if _fits(text, units, letter) else "…" + _longest(text[::-1], units, letter)[::-1]


def _longest(text: str, units: float, letter: float) -> str:
    return next(cut for at in range(len(text), 0, -1) if _fits(cut := text[:at], units - letter, letter) or at == 1)


def _fits(text: str, units: float, letter: float) -> bool:
    return sum(letter if ord(one) > 0x2E7F else letter * 0.58 for one in text) <= units


def _party(party: Party) -> Tie:
    label = party.name or f"{_KINDS[party.kind][0]} …{party.key[-4:]}"
    return Tie(f"party:{party.kind}:{party.key}", party.kind, label)


def _chosen_ties(own: Sequence[str], others: Sequence[Standing]) -> tuple[list[str], int]:
    """The alert's own ties, those with most alerts first, then what others share among themselves."""
    counted = Counter(key for one in others for key in sorted(noise.groups_of(one.alert)))
    mine = sorted(own, key=lambda key: (-counted[key], key))
    shared = [key for key, count in sorted(counted.items(), key=lambda kc: (-kc[1], kc[0])) if count > 1]
    wanted = [*mine, *(key for key in shared if key not in own)]
    return wanted[:_MOST_TIES], len(wanted) - len(wanted[:_MOST_TIES])


def _ordered(centre: str, held: Mapping[str, Sequence[str]], keys: Sequence[str]) -> tuple[list[str], list[str]]:
    """Both columns so that few lines cross: each node near the middle of what it is tied to; the alert itself first."""
    alerts, ties = list(held), list(keys)
    for _ in range(4):
        row = {alert: at for at, alert in enumerate(alerts)}
        ties.sort(key=lambda key: fmean([row[alert] for alert in alerts if key in held[alert]] or [0.0]))
        at_tie = {key: at for at, key in enumerate(ties)}
        alerts.sort(key=lambda alert: (alert != centre, fmean([at_tie[key] for key in held[alert]] or [0.0])))
    return alerts, ties


def _column(names: Sequence[str], x: float, width: float, height: float) -> dict[str, Box]:
    step = height / len(names)
    inset = (step - _HIGH) / 2
    return {name: Box(x, round(at * step + inset, 1), width) for at, name in enumerate(names)}


def _alert_node(held: Standing, centre: bool, ties: tuple[str, ...], box: Box) -> AlertNode:
    alert = held.alert
    return AlertNode(alert.alert_id, alert.title.zh, held.grade, alert.village_code, held.finished, centre, ties, box)
