"""Natural persons by name: whom an event names, how a name is written otherwise, and how it is shown. Pure.

A name that a form asks for is known surely, however it is written. Who is only spoken of in a free text, or hidden in
the name of a firm, is told by the words of `people.yaml`, best effort.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shared.texts import Folded, fold, seen

_WORDS: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
_COMPOUND = "|".join(_WORDS["compound_surnames"])
_SURNAME = f"(?:{_COMPOUND}|[{''.join(_WORDS['surnames'].split())}])"
# Names are written in rarer characters too: 𬭚 is one.
_HAN = "[㐀-䶿一-鿿𠀀-𳎯]"
_GIVEN = f"{_HAN}{{1,2}}"
_BEFORE = "|".join(sorted(_WORDS["before_a_name"], key=len, reverse=True))
_NO_NAME = f"(?!{'|'.join(_WORDS['no_names'])})"
_NO_END = f"(?<![{_WORDS['no_name_ends']}])"
_AFTER = "|".join(
    f"{word}(?!{'|'.join(_WORDS['no_household'])})" if word in "家户" else word for word in _WORDS["after_a_name"]
)
_SPOKEN_OF = re.compile(
    f"(?:{_BEFORE})[:：是为]?(?P<behind>{_NO_NAME}{_SURNAME}{_GIVEN})"
    f"|(?P<ahead>{_NO_NAME}{_SURNAME}{_GIVEN}){_NO_END}(?={_AFTER})"
)
_BETWEEN = re.compile(rf"[、,，;；/／|&\n]|(?<={_HAN}{{2}})[和与及](?={_HAN}{{2}})")
_BRACKETS = re.compile(r"[(（\[【〔〈《<]([^)）\]】〕〉》>]*)[)）\]】〕〉》>]?")
_LAST_BRACKETS = re.compile(r"(?<=.)[(（\[【〔]([^()（）\[\]【】〔〕]*)[)）\]】〕]?$")
_TITLES = re.compile(f"^(?:{_BEFORE})[:：]?|(?:先生|女士|同志|等[0-9一二三四五六七八九十]*人?|个体工商户)$")
_LIKE_A_NAME = re.compile(f"{_SURNAME}{_GIVEN}")
_HEAD = re.compile(f"{_SURNAME}{_HAN}{{0,2}}")
_ENDS = tuple(_WORDS["organisations"])
_SHORT_ENDS = tuple(_WORDS["short_organisations"])
_SHORTEST_SHORT = 5
# What stands between two parties in one field; the comma of "Co., Ltd." doesn't.
_PARTIES = re.compile(rf"[、，;；/／|&\n]|,(?!\s*(?:ltd|inc))|(?<={_HAN})\s+(?={_HAN})")
_DEPUTY = re.compile(f"^{_SURNAME}{_GIVEN}(?:{_WORDS['deputies']})")
_LONGEST_CHINESE = 4
_HIDDEN = "**"


@dataclass(frozen=True)
class People:
    """Natural persons by their names as they are compared; an official is shown only where he acts as one.

    All are struck out of free texts, those in `private` life even out of firms' names.
    """

    private: frozenset[str] = frozenset()
    party: frozenset[str] = frozenset()
    official: frozenset[str] = frozenset()

    @property
    def named(self) -> frozenset[str]:
        """All of them."""
        return self.private | self.party | self.official

    @property
    def unofficial(self) -> frozenset[str]:
        """Who is named for something else than his office."""
        return self.private | self.party

    def __or__(self, others: "People") -> "People":
        return People(self.private | others.private, self.party | others.party, self.official | others.official)

    def __sub__(self, others: "People") -> "People":
        return People(self.private - others.private, self.party - others.party, self.official - others.official)

    def __bool__(self) -> bool:
        return bool(self.named)


NOBODY = People()
Spans = list[tuple[int, int]]


def keys(text: str) -> frozenset[str]:
    """The names in a name's field as they are compared: each person of it, with and without what is in brackets."""
    clean = seen(text)
    found = {_key(clean), _key(_BRACKETS.sub("", clean))}
    for each in persons(clean):
        found.add(_key(each))
        found.update(_key(part) for part in each.split())
        if (key := _key(each)) and len(key) > _LONGEST_CHINESE and (head := _HEAD.match(key)):
            # More than a name stands in the field (张三代超市付): whoever it begins with is a person all the same.
            found.update(head[0][:length] for length in (2, 3, 4) if length <= len(head[0]))
    found.update(_key(inner) for inner in _BRACKETS.findall(clean) if _LIKE_A_NAME.fullmatch(_key(inner)))
    return frozenset(key for key in found if len(key) > 1)


def persons(text: str) -> Sequence[str]:
    """The persons of a name's field, one by one, without brackets and titles."""
    bare = _BRACKETS.sub("", seen(text))
    parts = (_TITLES.sub("", part.strip()).strip() for part in _BETWEEN.split(bare))
    return [part for part in parts if part]


def mask(text: str) -> str:
    """王小明 -> 王**, 欧阳娜 -> 欧阳**, 王小明、李四 -> 王**、李**: the length of a name is a hint as well."""
    return "、".join(masked(person) for person in persons(text)) or _HIDDEN


def is_organisation(name: str) -> bool:
    """Whether a party's name is a firm's or a public body's, by its end; when in doubt it is a person's."""
    parts = [_bare(part) for part in _PARTIES.split(fold(seen(name)).text) if part.strip()]
    return bool(parts) and all(
        not _DEPUTY.match(part)
        and (part.endswith(_ENDS) or (len(part) >= _SHORTEST_SHORT and part.endswith(_SHORT_ENDS)))
        for part in parts
    )


def organisation(name: str) -> str:
    """A firm's name without the brackets at its end, unless these name a branch or a legal form."""
    clean = seen(name).strip()
    found = _LAST_BRACKETS.search(clean)
    return clean if not found or found[1].endswith(_ENDS) else organisation(clean[: found.start()])


def _bare(name: str) -> str:
    clean = name.strip()
    found = _LAST_BRACKETS.search(clean)
    return _bare(clean[: found.start()]) if found else clean


def struck(folded: Folded, names: Iterable[str]) -> Spans:
    """Where these persons stand in a text, also with blanks, dots or other signs between their characters."""
    squeezed, places = _squeezed(folded)
    found: Spans = []
    for name in sorted(names, key=lambda name: (-len(name), name)):
        for form in _forms(name) if _HIDDEN in squeezed else (name,):
            at = squeezed.find(form)
            while at >= 0:
                span = places[at], places[at + len(form) - 1] + 1
                if _stands_alone(folded.text, span):
                    found.append(span)
                at = squeezed.find(form, at + 1)
    return found


def spoken_of(folded: Folded) -> Spans:
    """Where the words around tell that a person is spoken of: best effort."""
    return [found.span(found.lastgroup or 0) for found in _SPOKEN_OF.finditer(folded.text)]


def masked(name: str) -> str:
    """One person's name as it is shown."""
    found = re.match(_COMPOUND, fold(name).text)
    return name[: found.end() if found and len(name) > found.end() else 1] + _HIDDEN if len(name) > 1 else _HIDDEN


def _key(text: str) -> str:
    return "".join(char for char in fold(text).text if char.isalnum())


def _squeezed(folded: Folded) -> tuple[str, Sequence[int]]:
    places = [at for at, char in enumerate(folded.text) if char.isalnum() or char == "*"]
    return "".join(folded.text[at] for at in places), places


def _forms(name: str) -> Iterable[str]:
    """The name, and what is left of it once a part of it was struck out as another's name: 王**明."""
    yield name
    if len(name) > _LONGEST_CHINESE or name.isascii():
        return
    for start in range(len(name)):
        for end in range(start + 2, len(name) + 1):
            if end - start < len(name):
                yield name[:start] + masked(name[start:end]) + name[end:]


def _stands_alone(text: str, span: tuple[int, int]) -> bool:
    """A name in Latin letters is one only as whole words: Li is not in 'limit'."""
    start, end = span
    if not text[start].isascii():
        return True
    before, after = text[start - 1 : start], text[end : end + 1]
    return not any(side.isascii() and side.isalpha() for side in (before, after))
