"""Whether two names mean the same: firms, persons, addresses as real registers write them. Pure.

`same` is the same name however it is written; `near` may be a slip of the pen and is never more than a question. Two
whose numbers are known on both sides are compared by these, not by names.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from opencc import OpenCC
from pypinyin import lazy_pinyin
from rapidfuzz.distance import Indel, Levenshtein

from shared import regions

Verdict = Literal["same", "near", "other"]
_KNOWN: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
_FORMS = tuple((form["written"], form["as"]) for form in _KNOWN["forms"])
_KINDS = re.compile("|".join(_KNOWN["kinds"]))
_BRANCH = re.compile(
    f"^(.+?(?:{'|'.join(written for written, _ in _FORMS)}))(.{{0,12}}?(?:{'|'.join(_KNOWN['branches'])}))$"
)
_VARIANTS = str.maketrans(_KNOWN["variants"])
_UNITS = re.compile("|".join(sorted(_KNOWN["address_units"], key=len, reverse=True)))
_NUMBERS = re.compile(r"[0-9]+|[a-z](?![a-z])")
_SIGNS = re.compile(r"[\W_]")
_TO_SIMPLIFIED = OpenCC("t2s")
_HELD = 65_536
_ANOTHER_FORM = 0.95
_ANOTHER_ROOM = 0.9


@dataclass(frozen=True)
class Likeness:
    """How alike two names are. `score` is 1 for the same; only `same` and `near` count for anything."""

    verdict: Verdict
    score: float

    @property
    def said(self) -> str:
        """The words of the evidence."""
        if self.verdict == "same":
            return "名称相同 / same name"
        return f"名称相近 {self.score:.2f} / similar name"


SAME = Likeness("same", 1.0)
_OTHER = Likeness("other", 0.0)


@lru_cache(_HELD)
def plain(text: str) -> str:
    """A name without what differs only in writing: width, case, traditional characters, signs and spaces."""
    folded = unicodedata.normalize("NFKC", text)
    return _SIGNS.sub("", _TO_SIMPLIFIED.convert(folded).translate(_VARIANTS)).lower()


@lru_cache(_HELD)
def sound(name: str) -> str:
    """How a person's name is spoken: under this it is filed, so that what sounds alike is found together."""
    return " ".join(lazy_pinyin(plain(name)))


@lru_cache(_HELD)
def company_sound(name: str) -> str:
    """How a firm's own name is spoken, without its place and legal form."""
    return " ".join(lazy_pinyin(_company(name).core))


def same_person_name(one: str, other: str) -> Likeness:
    """Two names of natural persons. Near is a homophone: 建国 and 健国, but not 建国 and 建华."""
    first, second = plain(one), plain(other)
    if first == second:
        return SAME if first else _OTHER
    return _judged("person", first, second)


def same_company_name(one: str, other: str) -> Likeness:
    """Two names of firms. Near is a slip of the pen, a place left out, another legal form, or a branch of the firm."""
    first, second = _company(one), _company(other)
    if not first.core or not second.core:
        return _OTHER
    if first.core == second.core and first.branch == second.branch and first.place == second.place:
        alike = first.form == second.form or "" in (first.form, second.form)
        return SAME if alike else Likeness("near", _ANOTHER_FORM)
    if first.place and second.place and first.place != second.place:
        return _OTHER
    if first.core == second.core:
        return Likeness("near", _ANOTHER_FORM)
    return _judged("company", first.core, second.core)


def same_address(one: str, other: str) -> Likeness:
    """Two addresses. Near is another room of one building, or a street's name written a little differently."""
    first, second = _address(one), _address(other)
    if not (first.street and second.street and first.numbers and second.numbers):
        return _OTHER
    if first.town and second.town and first.town != second.town:
        return _OTHER
    if first.street != second.street:
        return _judged("address", first.street, second.street) if first.numbers == second.numbers else _OTHER
    if first.numbers == second.numbers:
        return SAME
    building = len(first.numbers) == len(second.numbers) > 1 and first.numbers[:-1] == second.numbers[:-1]
    room = first.numbers == second.numbers[:-1] or first.numbers[:-1] == second.numbers
    return Likeness("near", _ANOTHER_ROOM) if building or room else _OTHER


@dataclass(frozen=True)
class _Company:
    place: str
    core: str
    form: str
    branch: str


@lru_cache(_HELD)
def _company(name: str) -> _Company:
    text = _KINDS.sub("", plain(name))
    found = _BRANCH.match(text)
    text, branch = (found[1], found[2]) if found else (text, "")
    written, form = next(((written, kind) for written, kind in _FORMS if text.endswith(written)), ("", ""))
    core = text.removesuffix(written)
    place = ""
    while first := next((word for word in _places() if core.startswith(word) and len(core) > len(word) + 1), ""):
        core, place = core[len(first) :], first.rstrip("省市县区镇")
    return _Company(place, core, form, branch)


@cache
def _places() -> tuple[str, ...]:
    """Names of regions, the longer first, with and without what kind of region they are."""
    names = [*_KNOWN["places"], *(region.zh for region in (regions.region(regions.COUNTY), *regions.towns()))]
    short = [name[:-1] for name in names if len(name) > 2 and name[-1] in "省市县区镇"]
    return tuple(sorted({*names, *short}, key=len, reverse=True))


@dataclass(frozen=True)
class _Address:
    town: str
    street: str
    numbers: tuple[str, ...]


@lru_cache(_HELD)
def _address(text: str) -> _Address:
    folded = _TO_SIMPLIFIED.convert(unicodedata.normalize("NFKC", text)).translate(_VARIANTS).lower()
    words = _UNITS.sub(" ", folded)
    street, town = _SIGNS.sub("", _NUMBERS.sub("", words)), ""
    while first := next((word for word in _places() if street.startswith(word) and len(street) > len(word)), ""):
        town = first if first in _towns() else town
        street = street[len(first) :]
    return _Address(town.rstrip("镇乡"), street, tuple(_NUMBERS.findall(words)))


@cache
def _towns() -> frozenset[str]:
    return frozenset(name for town in regions.towns() for name in (town.zh, town.zh.rstrip("镇乡")))


def _judged(kind: str, one: str, other: str) -> Likeness:
    score = _score(one, other)
    near = score >= _KNOWN["near"][kind] and _slip(kind, one, other)
    return Likeness("near" if near else "other", score)


def _score(one: str, other: str) -> float:
    """The mean of how alike they are written and spoken."""
    spoken = Indel.normalized_similarity(lazy_pinyin(one), lazy_pinyin(other))
    return round((Indel.normalized_similarity(one, other) + spoken) / 2, 2)


def _slip(kind: str, one: str, other: str) -> bool:
    """Whether they differ as slips of the pen do: homophones, or a character of a firm's name doubled or left out."""
    for edit in Levenshtein.editops(one, other):
        was = one[edit.src_pos] if edit.tag != "insert" else ""
        now = other[edit.dest_pos] if edit.tag != "delete" else ""
        if _telling(was) and _telling(now) if edit.tag == "replace" else _telling(was or now):
            return False
        if edit.tag == "replace" and lazy_pinyin(was) != lazy_pinyin(now):
            return False
    return kind != "person" or len(one) == len(other)


def _telling(character: str) -> bool:
    return any(character in told for told in _KNOWN["telling"])
