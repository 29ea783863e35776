"""How loud a change of an alert is for people, and why: pure, over `noise.yaml`. It hides nothing: every alert lies in
the inbox whatever is decided here."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.notifier.handling import lifecycle
from services.notifier.noise.silences import Silence, SilenceTerms
from services.notifier.routing import routing
from services.notifier.standing import Change
from shared.contracts.alerts import Alert, Bilingual, Grade
from shared.workdays import SHANGHAI, is_working_day

Loudness = Literal["ring", "digest", "quiet"]
Treatment = Literal["ring", "quiet", "judged"]
_SCALE: tuple[Loudness, ...] = ("quiet", "digest", "ring")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(_Strict):
    """A span of time."""

    minutes: int = Field(default=0, ge=0)
    hours: int = Field(default=0, ge=0)
    days: int = Field(default=0, ge=0)

    @property
    def length(self) -> timedelta:
        """As a difference of times."""
        return timedelta(days=self.days, hours=self.hours, minutes=self.minutes)


class GradeNoise(_Strict):
    """How loud the first of a group is, and the further ones within a time."""

    first: Loudness
    further: Loudness
    within: Span


class Rhythm(_Strict):
    """When digests of these grades are due: at hours (Shanghai) of working days, or every so many minutes."""

    grades: frozenset[Grade]
    at: tuple[time, ...] = ()
    every_minutes: int | None = Field(default=None, ge=5, le=1440)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.at) == bool(self.every_minutes):
            raise ValueError("either `at` or `every_minutes`")
        return self


class Book(_Strict):
    """The whole of `noise.yaml`."""

    changes: dict[str, Treatment]
    ringing_states: frozenset[str]
    grades: dict[Grade, GradeNoise]
    inhibited: frozenset[Grade]
    families: dict[str, frozenset[str]]
    silences: SilenceTerms
    digests: dict[str, Rhythm]

    @model_validator(mode="after")
    def _every_grade_once(self) -> Self:
        if "red" in self.inhibited:
            raise ValueError("a red alert is never inhibited")
        told = [grade for rhythm in self.digests.values() for grade in rhythm.grades]
        if sorted(told) != sorted(self.grades):
            raise ValueError("each grade stands in one rhythm of the digests")
        return self

    @property
    def longest(self) -> timedelta:
        """The longest time of a group."""
        return max(each.within.length for each in self.grades.values())


class Muted(BaseModel):
    """Why a change does not ring, as all who see it may read it.

    `held` is said of silences and graver alerts alike: whoever may not see these must not learn of them. Whoever may,
    is shown `silence` or `red` and its `id` when he reads the alert.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["follow_up", "group", "gathered", "held", "silence", "red"]
    id: str | None = None
    reason: Bilingual


@dataclass(frozen=True)
class Cause:
    """What keeps an alert quiet until it is over: a silence, or a standing red alert."""

    kind: Literal["silence", "red"]
    id: str


@dataclass(frozen=True)
class Heard:
    """What people have heard of an alert so far. `grade`, `open` and `desks` are as it stands; `loudness`, `muted` and
    `cause` as last judged, at `told_at`; the rest tells of its last ringing, on which desks."""

    alert_id: str
    grade: Grade
    open: bool
    desks: frozenset[str]
    groups: frozenset[str]
    facts: frozenset[str]
    told_at: datetime
    loudness: Loudness
    muted: Muted | None = None
    cause: Cause | None = None
    rang_at: datetime | None = None
    rang_grade: Grade | None = None
    rang_desks: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """How loud one change is, why it isn't louder, and what keeps it quiet until when."""

    loudness: Loudness
    muted: Muted | None = None
    cause: Cause | None = None


class Known:
    """What has been heard of alerts: found by alert, and by the groups and facts that they share."""

    def __init__(self, all_heard: Iterable[Heard] = ()) -> None:
        self._by_alert: dict[str, Heard] = {}
        self._by_key: defaultdict[str, set[str]] = defaultdict(set)
        for heard in all_heard:
            self.keep(heard)

    def of(self, alert_id: str) -> Heard | None:
        """What has been heard of one alert."""
        return self._by_alert.get(alert_id)

    def keep(self, heard: Heard) -> None:
        """What has been heard of an alert by now."""
        if before := self._by_alert.get(heard.alert_id):
            for key in before.groups | before.facts:
                self._by_key[key].discard(before.alert_id)
        self._by_alert[heard.alert_id] = heard
        for key in heard.groups | heard.facts:
            self._by_key[key].add(heard.alert_id)

    def beside(self, heard: Heard) -> list[Heard]:
        """The other open alerts that share a group or a fact with one."""
        near = {alert_id for key in heard.groups | heard.facts for alert_id in self._by_key.get(key, ())}
        others = (self._by_alert[alert_id] for alert_id in near if alert_id != heard.alert_id)
        return [other for other in others if other.open]


RING = Verdict("ring")
_FOLLOW_UP = Verdict(
    "quiet",
    Muted(
        kind="follow_up",
        reason=Bilingual(
            zh="同一预警的后续动态,不再响铃", en="More about an alert that you have: it does not ring again"
        ),
    ),
)
_GATHERED = Muted(
    kind="gathered",
    reason=Bilingual(zh="此等级汇总提醒", en="Alerts of this grade are told in a digest"),
)
_HELD = Muted(
    kind="held",
    reason=Bilingual(zh="按降噪规则暂不响铃,预警照常在收件箱", en="Kept quiet by noise control; it lies in the inbox"),
)


@cache
def book() -> Book:
    """The rules of noise; raises pydantic's error at start when they are malformed."""
    text = Path(__file__).with_name("noise.yaml").read_text(encoding="utf-8")
    return Book.model_validate(yaml.safe_load(text))


def groups_of(alert: Alert) -> frozenset[str]:
    """The groups of an alert: its cases and its parties."""
    return frozenset(
        [*(f"case:{id}" for id in alert.case_ids), *(f"party:{party.kind}:{party.key}" for party in alert.parties)]
    )


def group_key(alert: Alert) -> str | None:
    """The group under which an alert is shown: its first case, else its first party."""
    if alert.case_ids:
        return f"case:{alert.case_ids[0]}"
    return f"party:{alert.parties[0].kind}:{alert.parties[0].key}" if alert.parties else None


def facts_of(alert: Alert) -> frozenset[str]:
    """What the alert says, of which cases: alerts that share one of these say the same."""
    families = [name for name, rules in book().families.items() if alert.rule_id in rules] or [alert.rule_id]
    return frozenset(f"facts:{case}|{family}" for case in alert.case_ids for family in families)


def last_due(rhythm: Rhythm, now: datetime) -> datetime:
    """When a digest of this rhythm was due last, up to now (UTC)."""
    local = now.astimezone(SHANGHAI)
    if rhythm.every_minutes:
        minutes = local.hour * 60 + local.minute
        passed = timedelta(minutes=minutes - minutes % rhythm.every_minutes)
        return (datetime.combine(local.date(), time(), SHANGHAI) + passed).astimezone(UTC)
    day = local.date()
    while True:
        dues = [datetime.combine(day, at, SHANGHAI) for at in rhythm.at] if is_working_day(day) else []
        if over := [due for due in dues if due <= local]:
            return max(over).astimezone(UTC)
        day -= timedelta(days=1)


def treatment(change: Change) -> Treatment:
    """Whether a change rings, is quiet, or has to be judged by what stands beside it."""
    if change.standing.state in book().ringing_states and change.standing.state != change.state_from:
        return "ring"
    return book().changes.get(change.kind, "ring")


def hear(change: Change, known: Known, silences: Collection[Silence]) -> tuple[Heard, Verdict]:
    """How loud a change is beside what is known, and what has been heard of its alert then."""
    held, way = change.standing, treatment(change)
    before = known.of(held.alert.alert_id)
    now = Heard(
        alert_id=held.alert.alert_id,
        grade=held.grade,
        open=held.state not in lifecycle.finished(),
        desks=frozenset(desk.address for desk in held.desks),
        groups=groups_of(held.alert),
        facts=facts_of(held.alert),
        told_at=before.told_at if before else change.at,
        loudness=before.loudness if before else "quiet",
        muted=before.muted if before else _FOLLOW_UP.muted,
        cause=before.cause if before else None,
        rang_at=before.rang_at if before else None,
        rang_grade=before.rang_grade if before else None,
        rang_desks=before.rang_desks if before else frozenset(),
    )
    if way == "quiet":
        return (now if now.open else replace(now, cause=None)), _FOLLOW_UP
    verdict = RING if way == "ring" else _judge(change, now, known, silences)
    return _told(now, verdict, change.at), verdict


def hear_all(
    changes: Iterable[Change], known: Mapping[str, Heard], silences: Collection[Silence]
) -> tuple[dict[str, Heard], list[Verdict]]:
    """The changes one after the other: what has been heard of their alerts then, and how loud each was.

    The same changes in parts of any size come to the same: each is judged by those before it.
    """
    all_heard, verdicts = Known(known.values()), []
    touched: dict[str, Heard] = {}
    for change in changes:
        heard, verdict = hear(change, all_heard, silences)
        all_heard.keep(heard)
        touched[heard.alert_id] = heard
        verdicts.append(verdict)
    return touched, verdicts


def _told(heard: Heard, verdict: Verdict, at: datetime) -> Heard:
    told = replace(heard, told_at=at, loudness=verdict.loudness, muted=verdict.muted, cause=verdict.cause)
    if verdict.loudness != "ring":
        return told
    return replace(told, rang_at=at, rang_grade=heard.grade, rang_desks=heard.desks)


def _judge(change: Change, now: Heard, known: Known, silences: Collection[Silence]) -> Verdict:
    alert, noise = change.standing.alert, book().grades[now.grade]
    for silence in sorted(silences, key=lambda one: str(one.id)):
        if silence.mutes(alert, now.grade, change.at):
            return Verdict("quiet", _HELD, Cause("silence", str(silence.id)))
    others = known.beside(now)
    same_facts = [one for one in others if one.facts & now.facts]
    if now.grade in book().inhibited and (reds := sorted(o.alert_id for o in same_facts if o.grade == "red")):
        return Verdict("quiet", _HELD, Cause("red", reds[0]))
    if change.kind == "aggravated":
        return RING
    ringer = _ringer(now, change.at, others)
    if ringer and not _drowned(now, noise.further, same_facts):
        return Verdict(noise.further, _in_group(now, ringer, change.at, others))
    return RING if noise.first == "ring" else Verdict(noise.first, _GATHERED)


def _ringer(now: Heard, at: datetime, others: Sequence[Heard]) -> Heard | None:
    """The first of the group: open, rung within the time on all these desks, and no less grave."""
    within = book().grades[now.grade].within.length
    rang = [
        one
        for one in others
        if one.groups & now.groups
        and one.rang_at is not None
        and one.rang_grade is not None
        and abs(at - one.rang_at) < within
        and not routing.graver(now.grade, one.rang_grade)
        and now.desks <= one.rang_desks
    ]
    return min(rang, key=lambda one: (one.rang_at, one.alert_id), default=None)


def _drowned(now: Heard, loudness: Loudness, same_facts: Sequence[Heard]) -> bool:
    """Whether a milder alert on the same facts is louder than this one would be."""
    return any(
        routing.graver(now.grade, one.grade) and _SCALE.index(one.loudness) > _SCALE.index(loudness)
        for one in same_facts
    )


def _in_group(now: Heard, ringer: Heard, at: datetime, others: Sequence[Heard]) -> Muted:
    """The place in the group, counting only what lies on all of these desks: nobody learns of what he can't see."""
    key = min(ringer.groups & now.groups)
    within = book().grades[now.grade].within.length
    count = 1 + sum(1 for o in others if key in o.groups and now.desks <= o.desks and abs(at - o.told_at) < within)
    same = ("同案", "of the same case") if key.startswith("case:") else ("同主体", "about the same party")
    return Muted(
        kind="group",
        id=key,
        reason=Bilingual(
            zh=f"{same[0]}预警刚刚响过,同组第 {count} 条",
            en=f"An alert {same[1]} rang just now: no. {count} of its group",
        ),
    )
