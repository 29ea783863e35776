"""The line of a sheet that names its columns, found below titles and put together where its cells are merged. Pure."""

import difflib
import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from openpyxl.utils import get_column_letter

from shared.sheets import SheetLine, SheetRefused

LOOK_FOR_HEADER = 10
IGNORED = "ignored"
_UNIT = re.compile(r"\((元|yuan)\)$")
_BLANKS = re.compile(r"[\s*]+")


@dataclass(frozen=True)
class Expected:
    """What a sheet may hold: its columns by `plain` title, `IGNORED` where one is passed over.

    A line is a header when it has the column `key`; it then must have all that are `needed` (column to title).
    """

    by_title: Mapping[str, str]
    key: str
    needed: Mapping[str, str]


@dataclass(frozen=True)
class Header:
    """The columns of a sheet in their order, and how the file calls them."""

    columns: tuple[str, ...]
    titles: tuple[str, ...]

    def place(self, column: int) -> str:
        """A column in people's words: `C 办理时间`."""
        title = self.titles[column] if column < len(self.titles) else ""
        return f"{get_column_letter(column + 1)} {title}".strip()


@lru_cache(maxsize=8192)
def plain(title: str) -> str:
    """A title as it is compared: without width, case, blanks, the star of what is required, and the unit yuan."""
    return _UNIT.sub("", _BLANKS.sub("", unicodedata.normalize("NFKC", title).lower()))


def below_headers(lines: Iterator[SheetLine], expected: Expected) -> Iterator[tuple[Header, SheetLine]]:
    """Every line below its sheet's header; sheets without one are left out. Raises `SheetRefused` for a bad header."""
    for _, sheet in itertools.groupby(lines, key=lambda line: line.sheet):
        top = list(itertools.islice(sheet, LOOK_FOR_HEADER + 1))
        found = _find(top, expected)
        if found:
            header, used = found
            yield from ((header, line) for line in itertools.chain(top[used:], sheet))


def _find(top: Sequence[SheetLine], expected: Expected) -> tuple[Header, int] | None:
    """The header among the first lines of a sheet, and how many lines it ends at."""
    for at, line in enumerate(top[:LOOK_FOR_HEADER]):
        if at + 1 < len(top) and (titles := _merged(line.cells, top[at + 1].cells, expected)):
            return _checked(line, titles, expected), at + 2
        if expected.key in _names(line.cells, expected):
            return _checked(line, line.cells, expected), at + 1
    return None


def _names(titles: Sequence[str], expected: Expected) -> list[str]:
    return [expected.by_title.get(plain(title), "") for title in titles]


def _merged(upper: Sequence[str], lower: Sequence[str], expected: Expected) -> tuple[str, ...]:
    """The titles of a header of two lines, of which each cell counts alone or below its group; () when it is none."""
    titles: list[str] = []
    group, from_above, from_below = "", False, False
    for above, under in itertools.zip_longest(upper, lower, fillvalue=""):
        # A title that is merged downwards stands in both lines.
        below = "" if under == above else under
        group = above or (group if below else "")
        choices = [group + below, below] if below else [above]
        title = next((title for title in choices if plain(title) in expected.by_title), "")
        if not title and (above or below):
            return ()
        titles.append(title)
        from_above |= bool(title) and title != below
        from_below |= bool(below)
    # A mere title above a header, or a row of data below one, lends it nothing.
    whole = from_above and from_below and expected.key in _names(titles, expected)
    return tuple(titles) if whole else ()


def _checked(line: SheetLine, titles: Sequence[str], expected: Expected) -> Header:
    names = _names(titles, expected)
    at = f"{line.sheet} 第 {line.line} 行"
    for title, name in zip(titles, names, strict=True):
        if title and not name:
            near = difflib.get_close_matches(plain(title), expected.by_title, n=1)
            hint_zh, hint_en = (f",是不是 {near[0]}", f", {near[0]} perhaps") if near else ("", "")
            raise SheetRefused(f"{at}:不认识列 {title}{hint_zh}", f"Line {line.line}: unknown column {title}{hint_en}")
        if name and name != IGNORED and names.count(name) > 1:
            raise SheetRefused(f"{at}:列 {title} 重复", f"Line {line.line}: the column {title} is there twice")
    if missing := [title for name, title in expected.needed.items() if name not in names]:
        raise SheetRefused(
            f"{at}:缺少列 {'、'.join(missing)}", f"Line {line.line}: columns missing: {', '.join(missing)}"
        )
    return Header(tuple(name or IGNORED for name in names), tuple(titles))
