"""Who holds which post from when to when, who stands in, who is away, and who is on duty: pure.

Who sits at a desk is the sign-in's to say: whoever's token holds the role. The roster knows more of some desks: who of
these there is, and who else sits there as a deputy. A desk of which it says nothing counts as staffed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.base import UtcTime
from shared.principals import Grant, Principal
from shared.problems import FieldError
from shared.words import words
from shared.workdays import SHANGHAI, is_working_day

# 任职; 副职, who always sits there too; 代理, who sits there while no holder is in office.
Kind = Literal["holder", "deputy", "acting"]
Days = Literal["working", "rest", "mon", "tue", "wed", "thu", "fri", "sat", "sun"]
# What somebody is at a moment, for one alert. The first two are at hand.
Presence = Literal["on_duty", "off_duty", "stand_by", "absent", "not_yet", "ended", "barred", "unidentified"]
AT_HAND: frozenset[Presence] = frozenset({"on_duty", "off_duty"})
_ANYBODY = ["*"]
_WEEK: tuple[Days, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Absence(_Strict):
    """A time away from the post; without an end until further notice."""

    since: UtcTime
    until: UtcTime | None = None
    reason: Annotated[str, Field(max_length=200)] = ""

    def covers(self, moment: datetime) -> bool:
        """Whether it is on at a moment."""
        return self.since <= moment and (self.until is None or moment < self.until)


class Shift(_Strict):
    """Duty (值班) on certain days between two times in Shanghai; what ends no later than it begins ends next day."""

    days: Annotated[tuple[Days, ...], Field(min_length=1)]
    begins: time
    ends: time

    def covers(self, moment: datetime) -> bool:
        """Whether it is on at a moment."""
        local = moment.astimezone(SHANGHAI)
        now, today = local.time(), local.date()
        if self.begins < self.ends:
            return self._on(today) and self.begins <= now < self.ends
        return (self._on(today) and now >= self.begins) or (self._on(today - timedelta(days=1)) and now < self.ends)

    def _on(self, day: date) -> bool:
        return _WEEK[day.weekday()] in self.days or ("working" if is_working_day(day) else "rest") in self.days


class Entry(_Strict):
    """One person at one post. He is known by his key (a keyed hash of his ID number), his sign-in, or both.

    Without duty times he is on duty always.
    """

    kind: Kind = "holder"
    person_key: Annotated[str, Field(max_length=64)] = ""
    subject: Annotated[str, Field(max_length=200)] = ""
    name: Annotated[str, Field(min_length=1, max_length=60)]
    since: UtcTime
    until: UtcTime | None = None
    absences: Annotated[tuple[Absence, ...], Field(max_length=100)] = ()
    duty: Annotated[tuple[Shift, ...], Field(max_length=30)] = ()

    def is_for(self, person: Principal) -> bool:
        """Whether it is about this person."""
        return (self.person_key != "" and self.person_key == person.person_key) or (
            self.subject != "" and self.subject == person.subject
        )

    def presence(self, now: datetime, barred: Collection[str] = (), *, held: bool = False) -> Presence:
        """What he is at a moment for an alert that the `barred` must not have; `held` if a holder is in office.

        Where somebody is barred, one whose key isn't known can't be told from him and doesn't count.
        """
        if now < self.since:
            return "not_yet"
        if self.until is not None and self.until <= now:
            return "ended"
        if barred and not self.person_key:
            return "unidentified"
        if self.person_key in barred:
            return "barred"
        if any(absence.covers(now) for absence in self.absences):
            return "absent"
        if self.kind == "acting" and held:
            return "stand_by"
        return "on_duty" if not self.duty or any(shift.covers(now) for shift in self.duty) else "off_duty"


@dataclass(frozen=True)
class Present:
    """One person of the roster as he is at a moment, for one alert."""

    entry: Entry
    presence: Presence

    @property
    def at_hand(self) -> bool:
        """Whether the alert can come to him."""
        return self.presence in AT_HAND


@dataclass(frozen=True)
class Roster:
    """The posts of which somebody has written who holds them, by desk (`role@region`)."""

    posts: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)

    def staff(self, desk: str, now: datetime, barred: Collection[str] = ()) -> tuple[Present, ...] | None:
        """Who there is at a desk at a moment for an alert that the `barred` must not have; None if nothing is known."""
        entries = self.posts.get(desk)
        if not entries:
            return None
        held = any(entry.kind == "holder" and entry.presence(now) in AT_HAND for entry in entries)
        return tuple(Present(entry, entry.presence(now, barred, held=held)) for entry in entries)

    def seats(self, person: Principal, now: datetime) -> frozenset[Grant]:
        """At which desks somebody sits as a deputy at a moment, beside those of his sign-in."""
        desks = (desk for desk, entries in self.posts.items() if any(entry.is_for(person) for entry in entries))
        found = {Grant.parse(desk) for desk in desks for one in self.staff(desk, now) or () if _sits(one, person)}
        return frozenset(grant for grant in found if grant)

    def at_hand(self, now: datetime) -> dict[str, list[str]]:
        """Who is at hand at each desk that was ever written at a moment, by what tells the person."""
        return {desk: _told_all(self.staff(desk, now)) for desk in self.posts}


def _sits(one: Present, person: Principal) -> bool:
    return one.at_hand and one.entry.kind != "holder" and one.entry.is_for(person)


def _told_all(staff: Iterable[Present] | None) -> list[str]:
    # Nobody in particular is not the same as nobody: who is then named, and away, must be seen to be missing.
    return _ANYBODY if staff is None else sorted(_told(one.entry) for one in staff if one.at_hand)


def _told(entry: Entry) -> str:
    return f"{entry.kind}|{entry.person_key or entry.subject}"


# --- writing it -------------------------------------------------------------------------------------------------------


def faults(desk: str, entries: Iterable[Entry], by: Principal) -> Iterator[FieldError]:
    """What is wrong with the entries of a desk that somebody writes."""
    role = desk.partition("@")[0]
    if role not in words().roles:
        yield FieldError("desk", f"没有“{role}”这一角色", f"There is no role “{role}”")
    for number, entry in enumerate(entries):
        yield from _entry_faults(f"entries.{number}", entry, by)


def _entry_faults(at: str, entry: Entry, by: Principal) -> Iterator[FieldError]:
    if not entry.person_key and not entry.subject:
        yield FieldError(f"{at}.person_key", "请填身份标识(person_key)或登录名(subject)", "Give person_key or subject")
    if entry.kind != "holder" and entry.is_for(by):
        yield FieldError(f"{at}.kind", "不能安排本人为副职或代理", "Nobody makes himself a deputy")
    if entry.until is not None and entry.until <= entry.since:
        yield FieldError(f"{at}.until", "须晚于任职起", "Must be later than since")
    for number, absence in enumerate(entry.absences):
        if absence.until is not None and absence.until <= absence.since:
            yield FieldError(f"{at}.absences.{number}.until", "须晚于缺勤起", "Must be later than since")
