"""The first place where what is seen after a disturbed run differs from what is seen after a quiet one. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.chaos.timeline import Timeline

# By the name of what is compared: the key of each row, and the row.
Seen = dict[str, dict[str, dict[str, Any]]]
_CASE_NO = re.compile(r"EN1-2026-\d{5}")
# A case has long taken effect everywhere after that, unless something held it up, which then is on itself.
_EFFECT_SECONDS = 5.0


@dataclass
class Difference(Exception):
    """Something is not as it must be; `case_no` is the case that it is about, where one is told."""

    what: str
    where: str
    how: str
    case_no: str | None

    def __str__(self) -> str:
        return f"{self.what}: {self.where}: {self.how}"


def differences(expected: Seen, found: Seen) -> Iterator[Difference]:
    """What differs, table by table in the order an event passes them, row by row; one for a row."""
    for name, rows in expected.items():
        for key in sorted(rows.keys() | found[name].keys()):
            one, other = rows.get(key), found[name].get(key)
            if one is None or other is None:
                how = "is not there" if other is None else "should not be there"
                yield Difference(name, key, how, _case_no(other if one is None else one))
            elif told := next(_apart(one, other, key), None):
                path, left, right = told
                case_no = _case_no([left, right]) or _case_no(one)
                yield Difference(name, path, f"expected {_short(left)}, found {_short(right)}", case_no)


def blamed(difference: Difference, timeline: Timeline) -> list[str]:
    """The faults that were on when the case of a difference was sent and took effect."""
    sent = timeline.cases.get(difference.case_no or "")
    if not sent:
        return []
    return [strike.fault.told for strike in timeline.on(sent[0], sent[1] + _EFFECT_SECONDS)]


def _apart(one: object, other: object, path: str) -> Iterator[tuple[str, object, object]]:
    """The innermost places where two values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys(), key=str):
            yield from _apart(one.get(key), other.get(key), f"{path}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _apart(left, right, f"{path}/{number}")
    elif one != other:
        yield path, one, other


def _case_no(value: object) -> str | None:
    # The last one: what joined last is what an alert most likely lacks.
    told = sorted(_CASE_NO.findall(str(value)))
    return told[-1] if told else None


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]} …"
