"""What was public for a time and no longer is: the terms of `masking.yaml`, kept by the clock alone. Pure.

A field that has faded is gone for good, from what is shown and from what is withheld; its entry says since when.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.disclosure.cases import Case, Entry
from services.disclosure.masking import Masks, Term
from shared.workdays import SHANGHAI, add_calendar_days

TERM = "term"
# A notice ends at midnight, which is the next day's already.
_A_MOMENT = timedelta(microseconds=1)


def faded(case: Case, masks: Masks, now: datetime) -> Case:
    """The case without what is no longer public at a moment (UTC)."""
    gone = {field: ends for field, ends in _ends(case, masks) if ends <= now}
    if not gone:
        return case
    history = tuple(_without(entry, gone) for entry in case.history)
    withheld = {
        at: {name: value for name, value in fields.items() if name not in gone} for at, fields in case.withheld.items()
    }
    return replace(case, history=history, withheld={at: fields for at, fields in withheld.items() if fields})


def fades_at(case: Case, masks: Masks) -> datetime | None:
    """When the next thing of it is no longer public, as far as is known by now; none for nothing."""
    return min((ends for _, ends in _ends(case, masks)), default=None)


def _ends(case: Case, masks: Masks) -> Iterator[tuple[str, datetime]]:
    """The fields that it still has, with the end of their terms."""
    held = {name for entry in case.history for name in entry.get("fields", ())}
    held |= {name for fields in case.withheld.values() for name in fields}
    for field in sorted(held):
        if (term := masks.term(field, case.places)) and (ends := _end(case, term)):
            yield field, ends


def _end(case: Case, term: Term) -> datetime | None:
    begins = max(case.notices.values(), default=None) if term.after == "notice" else None
    begins = begins or case.ended_at
    return add_calendar_days(begins - _A_MOMENT, term.days) if begins else None


def _without(entry: Entry, gone: dict[str, datetime]) -> Entry:
    fields: dict[str, Any] = entry.get("fields", {})
    ended = {name: _mark(gone[name]) for name in fields if name in gone}
    if not ended:
        return entry
    kept = {name: value for name, value in fields.items() if name not in gone}
    rest = {name: value for name, value in entry.items() if name != "fields"}
    return rest | ({"fields": kept} if kept else {}) | {"ended": entry.get("ended", {}) | ended}


def _mark(ends: datetime) -> dict[str, str]:
    return {"on": (ends - _A_MOMENT).astimezone(SHANGHAI).date().isoformat(), "why": TERM}
