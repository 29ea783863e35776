"""Many drafts from one sheet: each line read as a policy or told what to mend; the template to fill in. Pure."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from services.disclosure.policies.plan import Words, plan
from services.disclosure.policies.policy import Content
from services.disclosure.policies.typed import content_of
from shared.cells import Unreadable, folded, read_date, read_list
from shared.headers import Expected, Header, below_headers, plain
from shared.problems import FieldError, InvalidInput
from shared.sheets import SheetLine, SheetRefused

MOST_LINES = 200
_CALLED = {"amount": "amount_fen"}
_NOT_YOURS = "不是本人负责的地区", "Not a region of yours"
_TWICE = "这一地区已有同名的政策", "The region has a policy of this title already"


@dataclass(frozen=True)
class LineFault:
    """A cell to mend: its line and column as the file has them."""

    line: int
    column: str
    zh: str
    en: str


@dataclass
class Drafts:
    """What a sheet holds: regions with their policies, and all that is wrong; with a fault nothing is drafted."""

    found: list[tuple[str, Content]] = field(default_factory=list)
    faults: list[LineFault] = field(default_factory=list)


def read(lines: Iterator[SheetLine], own: frozenset[str], there: frozenset[tuple[str, str]]) -> Drafts:
    """The lines below the header for regions of one's own; `there` are regions and titles of policies that exist.

    Raises `SheetRefused` when there is no header or nothing below it.
    """
    drafts, known, some = Drafts(), set(there), False
    for header, line in below_headers(lines, _expected()):
        some = True
        try:
            region, content = _policy(header, line, own)
        except InvalidInput as problem:
            drafts.faults += [LineFault(line.line, _title(each.field), each.zh, each.en) for each in problem.errors]
            continue
        key = region, content.title_zh
        if key in known:
            drafts.faults.append(LineFault(line.line, _title("title_zh"), *_TWICE))
        known.add(key)
        drafts.found.append((region, content))
    if not some:
        needed = "、".join(_expected().needed.values())
        raise SheetRefused(f"没有找到数据:表头须有 {needed}", f"No rows found: the header needs {needed}")
    return drafts


def template() -> bytes:
    """A workbook with the columns to fill in, and beside it how."""
    book, out = Workbook(write_only=True), io.BytesIO()
    sheet, told = book.create_sheet("惠民政策"), book.create_sheet("填写说明")
    columns = plan().columns.values()
    for sheet_, widths in ((sheet, [20] * len(columns)), (told, [24, 28, 12, 40, 44, 30])):
        for at, width in enumerate(widths, start=1):
            sheet_.column_dimensions[get_column_letter(at)].width = width
    head = [WriteOnlyCell(sheet, f"{each.zh}{'*' if each.needed else ''}") for each in columns]
    for cell in head:
        cell.font = Font(bold=True)
    sheet.append(head)
    told.append(["列 Column", "", "必填 Required", "怎么填", "How", "例 Example"])
    for each in columns:
        told.append([each.zh, each.en, "是 yes" if each.needed else "", each.how.zh, each.how.en, each.example])
    told.append(["面向谁 For whom", "", "", "、".join(name.zh for name in plan().groups.values())])
    told.append(["单位 Unit", "", "", "、".join(name.zh for name in plan().units.values())])
    book.save(out)
    return out.getvalue()


def _policy(header: Header, line: SheetLine, own: frozenset[str]) -> tuple[str, Content]:
    """A line's region and policy; raises `InvalidInput` with the columns to mend."""
    faults = [FieldError(header.columns[each.column], each.zh, each.en) for each in line.faults]
    said = dict.fromkeys(plan().columns, "") | {
        name: folded(text) for name, text in zip(header.columns, line.cells, strict=False)
    }
    if (region := said.pop("region", "")) not in own:
        faults.append(FieldError("region", *_NOT_YOURS))
    typed = said | {"amount": said["amount_fen"]} | {"groups": _codes(said["groups"])}
    typed["unit"] = _code(said["unit"], plan().units)
    typed |= {name: _day(said[name]) for name in ("valid_from", "valid_to")}
    try:
        content = content_of(typed)
    except InvalidInput as problem:
        faults += problem.errors
    if faults:
        raise InvalidInput("请按提示修改", "Please mend the named fields", faults)
    return region, content


def _codes(text: str) -> list[str]:
    return [_code(each, plan().groups) for each in read_list(text)]


def _code(text: str, names: Mapping[str, Words]) -> str:
    """What a word stands for; the text itself when it is a code, or nothing that is known."""
    return next((code for code, name in names.items() if text in (name.zh, name.en)), text)


def _day(text: str) -> str:
    """A day in one of the usual spellings; another text as it is, to be told with the line's other faults."""
    try:
        return read_date(text).isoformat() if text else ""
    except Unreadable:
        return text


def _title(name: str) -> str:
    column = plan().columns.get(_CALLED.get(name, name))
    return column.zh if column else ""


@cache
def _expected() -> Expected:
    titles = {plain(title): name for name, each in plan().columns.items() for title in (name, each.zh, each.en)}
    needed = {name: each.zh for name, each in plan().columns.items() if each.needed}
    return Expected(by_title=titles, key="title_zh", needed=needed)
