"""A post's roster as lines of a form: one person a line, with one time away and one duty time. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from services.notifier.errors import BadRoster
from services.notifier.routing.roster import Entry
from shared.problems import FieldError, field_errors
from shared.workdays import SHANGHAI

_TIME = "%Y-%m-%dT%H:%M"


class Line(BaseModel):
    """One line as it was filled in; times are of Shanghai, `duty` is like `working 08:30-18:00`."""

    kind: str = "holder"
    name: str = ""
    person_key: str = ""
    subject: str = ""
    since: str = ""
    until: str = ""
    away_since: str = ""
    away_until: str = ""
    duty: str = ""


def lines_of(entries: Iterable[Entry]) -> list[Line]:
    """The lines of what was written; of several absences the last, of several duty times each after a semicolon."""
    return [
        Line(
            kind=entry.kind,
            name=entry.name,
            person_key=entry.person_key,
            subject=entry.subject,
            since=_shown(entry.since),
            until=_shown(entry.until),
            away_since=_shown(entry.absences[-1].since if entry.absences else None),
            away_until=_shown(entry.absences[-1].until if entry.absences else None),
            duty="; ".join(f"{','.join(shift.days)} {shift.begins:%H:%M}-{shift.ends:%H:%M}" for shift in entry.duty),
        )
        for entry in entries
    ]


def entries_of(lines: Iterable[Line]) -> list[Entry]:
    """The entries of the lines that name somebody; raises `BadRoster` with the field of each fault."""
    entries, faults = [], []
    for number, line in enumerate(lines):
        if not line.name.strip():
            continue
        try:
            entries.append(Entry.model_validate(_told(line)))
        except ValidationError as error:
            told = field_errors(error.errors())
            faults += [FieldError(f"entries.{number}.{one.field}", one.zh, one.en) for one in told]
    if faults:
        raise BadRoster("请按提示修改", "Please mend the named fields", faults)
    return entries


def _told(line: Line) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": line.kind, "name": line.name.strip(), "since": _read(line.since)}
    told |= {"person_key": line.person_key.strip(), "subject": line.subject.strip(), "until": _read(line.until)}
    if line.away_since:
        told["absences"] = [{"since": _read(line.away_since), "until": _read(line.away_until)}]
    told["duty"] = [_shift(part) for part in line.duty.split(";") if part.strip()]
    return told


def _shift(text: str) -> dict[str, Any]:
    days, _, times = text.strip().partition(" ")
    begins, _, ends = times.strip().partition("-")
    return {"days": days.split(","), "begins": begins.strip(), "ends": ends.strip()}


def _shown(moment: datetime | None) -> str:
    return moment.astimezone(SHANGHAI).strftime(_TIME) if moment else ""


def _read(text: str) -> datetime | str | None:
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=SHANGHAI).astimezone(UTC) if text else None
    except ValueError:
        return text
