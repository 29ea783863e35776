"""Where on a sheet the header stands and what its columns fill in, also below titles and put together of merged cells.

Pure. A sheet is laid out from its first lines; what its header doesn't tell for sure is asked, never guessed.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from openpyxl.utils import get_column_letter

from services.approval.flows import Catalogue, Flow
from services.approval.imports.columns import FIELDS, columns, is_secret
from services.approval.imports.mapping import Mapping, Unit, near, unit_above
from shared.headers import IGNORED, plain
from shared.sheets import SheetLine

LOOK_FOR_HEADER = 12
_NUMBER = re.compile(r"[\d\s,./:\-年月日元¥%]+")
_LONG_NUMBER = re.compile(r"(?<!\d)(\d{3})\d{5,}([\dXx]{3})(?![\d])")
_ANY_DIGITS = re.compile(r"(?<=\d{2})[\dXx]")
_SHOWN = 80


@dataclass(frozen=True)
class Sheet:
    """A sheet as it is laid out: `line` is its header's, `targets` has "" for a column that isn't known.

    `missing` are the columns that it can't do without; `skipped` when it isn't a sheet of records.
    """

    name: str
    line: int
    titles: tuple[str, ...]
    targets: tuple[str, ...]
    units: tuple[Unit, ...]
    flow: str = ""
    node: str = ""
    matter: str = ""
    missing: tuple[str, ...] = ()
    skipped: bool = False

    @property
    def unknown(self) -> tuple[int, ...]:
        """The columns whose headers nobody knows."""
        return tuple(at for at, target in enumerate(self.targets) if not target)

    @property
    def twice(self) -> tuple[int, ...]:
        """The columns that fill in what another fills in too."""
        return tuple(
            at for at, target in enumerate(self.targets) if target and target != IGNORED and target in self.targets[:at]
        )

    @property
    def whole_cases(self) -> bool:
        """Whether one line tells a whole case: its nodes stand in the headers."""
        return any(":" in target for target in self.targets)

    @property
    def readable(self) -> bool:
        """Whether its lines can be read."""
        return not (self.skipped or self.unknown or self.missing or self.twice)

    def proposals(self, column: int) -> list[str]:
        """What an unknown column may fill in."""
        return near(self.titles[column], self.matter)

    def place(self, column: int) -> str:
        """A column in people's words: `C 办理时间`."""
        title = self.titles[column] if column < len(self.titles) else ""
        return f"{get_column_letter(column + 1)} {title}".strip()

    def told(self, column: int, text: str) -> str:
        """A cell as it may be shown: numbers of persons, accounts and telephones masked."""
        target = self.targets[column] if column < len(self.targets) else ""
        return masked(text, whole=bool(target) and is_secret(target))


def masked(text: str, *, whole: bool = False) -> str:
    """A text in which long numbers, or all of them, are masked; cut to what a table can show."""
    covered = _ANY_DIGITS.sub("*", text) if whole else _LONG_NUMBER.sub(r"\1****\2", text)
    return covered if len(covered) <= _SHOWN else covered[: _SHOWN - 1] + "…"


def laid_out(
    lines: Iterator[SheetLine], mapping: Mapping, catalogue: Catalogue
) -> Iterator[tuple[Sheet, Iterator[SheetLine]]]:
    """Each sheet with its lines below the header."""
    for name, sheet in itertools.groupby(lines, key=lambda line: line.sheet):
        top = list(itertools.islice(sheet, LOOK_FOR_HEADER + 1))
        laid, used = lay_out(name, top, mapping, catalogue)
        yield laid, itertools.chain(top[used:], sheet)  # noqa: B031 (the rest, after its top)


def lay_out(name: str, top: Sequence[SheetLine], mapping: Mapping, catalogue: Catalogue) -> tuple[Sheet, int]:
    """How a sheet is laid out, and how many of its first lines lie above its data."""
    rule = mapping.sheets.get(name)
    of_name = flow_of_sheet(name, catalogue)
    flow = (rule.flow if rule else "") or (of_name.code if of_name else "") or mapping.flow
    node = (rule.node if rule else "") or mapping.node
    matter = catalogue.flows[flow].matter if flow in catalogue.flows else ""
    at, used, titles = _header(top, mapping, matter)
    unit: Unit = next((said for line in top[:at] if (said := unit_above("".join(line.cells)))), "yuan")
    targets = tuple(mapping.target(title, matter) if title else IGNORED for title in titles)
    return (
        Sheet(
            name=name,
            line=top[at].line,
            titles=titles,
            targets=targets,
            units=tuple(mapping.unit(title, unit) for title in titles),
            flow=flow,
            node=node,
            matter=matter,
            missing=_missing(targets, flow, node),
            skipped=(rule.skip if rule else False) or _recognised(targets) < 2,
        ),
        used,
    )


def flow_of_sheet(name: str, catalogue: Catalogue) -> Flow | None:
    """The flow that a sheet is named by: its code, alone or before more, or its name."""
    said = plain(name)
    for flow in catalogue.flows.values():
        if re.match(rf"{flow.code.lower()}(?![a-z0-9-])", said) or said == plain(flow.name.zh):
            return flow
    return None


def _missing(held: Sequence[str], flow: str, node: str) -> tuple[str, ...]:
    given = {target.rpartition(":")[2] if target.endswith(":occurred_at") else target for target in held}
    if given != {*held}:
        # One line tells a whole case: its nodes stand in the headers.
        given.add("node")
    given |= ({"flow"} if flow else set()) | ({"node"} if node else set())
    # What is bought or built names a case well enough.
    given |= {"title"} if f"{FIELDS}item" in held else set()
    return tuple(name for name, column in columns().own.items() if column.needed and name not in given)


def _recognised(targets: Sequence[str]) -> int:
    return len(set(targets) - {"", IGNORED})


def _header(top: Sequence[SheetLine], mapping: Mapping, matter: str) -> tuple[int, int, tuple[str, ...]]:
    """First line, number of lines down to the data, and titles of the likeliest header.

    The line of which most is known; where nothing is, that which is most like a header.
    """
    best: tuple[float, int, int, tuple[str, ...]] = (-1.0, 0, 1, ())
    for at, line in enumerate(top[:LOOK_FOR_HEADER]):
        options = [(tuple(line.cells), at + 1)]
        if at + 1 < len(top):
            options += [(joined, at + 2) for joined in _joined(line.cells, top[at + 1].cells, mapping, matter)]
        for titles, used in options:
            score = _score(titles, mapping, matter)
            if score > best[0]:
                best = (score, at, used, titles)
    return best[1:]


def _score(titles: Sequence[str], mapping: Mapping, matter: str) -> float:
    found = [mapping.target(title, matter) for title in titles if title]
    known = set(found) - {"", IGNORED}
    needed = {name for name, column in columns().own.items() if column.needed}
    words = sum(bool(title) and not _NUMBER.fullmatch(title) and len(title) < 30 for title in titles)
    return len(known) + len(known & needed) - 0.5 * found.count("") + min(words, 50) / 1000


def _joined(upper: Sequence[str], lower: Sequence[str], mapping: Mapping, matter: str) -> Iterator[tuple[str, ...]]:
    """The titles of a header of two lines: each cell alone, or below its group, with the group's name or without."""
    if not any(lower) or any(title and _NUMBER.fullmatch(title) for title in (*upper, *lower)):
        # A line of data has numbers and days.
        return
    titles: list[str] = []
    group = ""
    for above, under in itertools.zip_longest(upper, lower, fillvalue=""):
        # A title that is merged downwards stands in both lines.
        below = "" if under == above else under
        group = above or (group if below else "")
        grouped = group + below
        titles.append(grouped if mapping.target(grouped, matter) or not below else below)
    yield tuple(titles)
