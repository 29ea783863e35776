"""Free text as the public may read it: persons and numbers struck out first, cut last. Pure."""

import re
from collections.abc import Iterable

from services.disclosure import numbers, people
from shared.texts import fold, seen

LONGEST = 200
_CUT = "…"
# A number that the cut would leave a part of.
_TORN_NUMBER = re.compile(r"\d[\d\W_]*$")


def scrub(text: str, names: Iterable[str] = (), *, is_name: bool = False) -> str:
    """The text without these persons, without numbers that lead to a person and, best effort, whoever is spoken of.

    `is_name` says that it is a firm's name and speaks of nobody (黄河家庭农场). Done again, it changes nothing.
    """
    clean = seen(text)
    folded = fold(clean)
    persons = people.struck(folded, names) + ([] if is_name else people.spoken_of(folded))
    spans = [(*span, True) for span in persons] + [(*span, False) for span in numbers.found(folded)]
    shown, end = "", 0
    for start, stop, person in _merged(spans):
        first, last = folded.original(start, stop)
        hidden = clean[first:last]
        shown += clean[end:first] + (people.masked(hidden) if person else "*" * len(hidden))
        end = last
    return shown + clean[end:]


def cut(text: str) -> str:
    """At most so much of a text as a page shows. What was cut off was struck out before."""
    return text if len(text) <= LONGEST else _TORN_NUMBER.sub("", text[:LONGEST]) + _CUT


def _merged(spans: Iterable[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
    """Stretches that overlap as one, which is a number when any of them is."""
    merged: list[tuple[int, int, bool]] = []
    for start, end, person in sorted(spans):
        if merged and start < merged[-1][1]:
            before = merged.pop()
            start, end, person = before[0], max(before[1], end), before[2] and person
        merged.append((start, end, person))
    return merged
