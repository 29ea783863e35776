"""A workbook to fill in for a flow: its columns with notes and pick lists, which comes back in as it is. Pure."""

import io
from collections.abc import Sequence

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from services.approval.fields import FormField, all_fields
from services.approval.flows import Flow
from services.approval.imports.columns import columns

_ROWS = 5000
_HEAD = PatternFill("solid", fgColor="F3E3E1")
_LISTS = "选项"
_KINDS = {
    "money": ("元;列名写作“(万元)”则为万元", "yuan; with (万元) behind the header, ten thousands"),
    "date": ("例如 2024-03-05", "for example 2024-03-05"),
    "yes_no": ("是 或 否", "是 (yes) or 否 (no)"),
    "names": ("多人用顿号隔开", "several with 、 between"),
    "id_no": ("只保存密文标识", "kept as a keyed hash only"),
    "account_no": ("只保存密文标识", "kept as a keyed hash only"),
    "bids": ("单位|信用代码|金额(元);多家用分号隔开", "company|code|yuan; ..."),
    "workers": ("姓名|身份证号|天数|金额(元);多人用分号隔开", "name|ID number|days|yuan; ..."),
    "attendance": ("姓名|身份证号|天数|起|止;多人用分号隔开", "name|ID number|days|first day|last day; ..."),
    "grants": ("姓名|身份证号|金额(元);多人用分号隔开", "name|ID number|yuan; ..."),
    "payouts": (
        "姓名|身份证号|金额(元)|户名|成功或退回;多人用分号隔开",
        "name|ID number|yuan|holder|成功 or 退回; ...",
    ),
    "bill": ("名称|数量|单价(元)|金额(元);多项用分号隔开", "item|quantity|unit price|yuan; ..."),
}


def template(flow: Flow) -> bytes:
    """The workbook of a flow."""
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = flow.code
    lists = book.create_sheet(_LISTS)
    own = [name for name in columns().own if name != "flow"]
    for at, name in enumerate(own, start=1):
        column = columns().own[name]
        _head(sheet, at, column.zh, column.needed, f"{column.en}\n{column.hint.zh}\n{column.hint.en}")
    nodes = [f"{node.name.zh}" for node in flow.nodes]
    _pick(sheet, own.index("node") + 1, _listed(lists, 1, [node.code for node in flow.nodes]))
    _listed(lists, 2, nodes)
    yes_no = _listed(lists, 3, ["是", "否"])
    for at, field in enumerate(fields_of(flow), start=len(own) + 1):
        zh, en = _KINDS.get(field.kind, ("", ""))
        _head(sheet, at, field.zh, False, "\n".join(filter(None, (field.en, zh, en))))
        if field.kind == "yes_no":
            _pick(sheet, at, yes_no)
    sheet.freeze_panes = "A2"
    lists.sheet_state = "hidden"
    _notes(book.create_sheet("填写说明"), flow)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def fields_of(flow: Flow) -> list[FormField]:
    """All that a flow's forms ask for, each once, in their order."""
    used = dict.fromkeys(use.name for form in (flow.form, *(node.form for node in flow.nodes)) for use in form)
    return [all_fields()[name] for name in used]


def _head(sheet: Worksheet, at: int, title: str, needed: bool, note: str) -> None:
    cell = sheet.cell(1, at, f"{title}*" if needed else title)
    cell.font = Font(bold=True)
    cell.fill = _HEAD
    cell.alignment = Alignment(wrap_text=True, vertical="top")
    cell.comment = Comment(note, "云睛", width=320, height=120)
    # Text, so that no program takes a number of 18 digits for an amount.
    letter = get_column_letter(at)
    sheet.column_dimensions[letter].width = max(12, 2.2 * len(title))
    sheet.column_dimensions[letter].number_format = "@"


def _listed(lists: Worksheet, column: int, words: Sequence[str]) -> str:
    for at, word in enumerate(words, start=1):
        lists.cell(at, column, word)
    letter = get_column_letter(column)
    return f"={_LISTS}!${letter}$1:${letter}${len(words)}"


def _pick(sheet: Worksheet, column: int, source: str) -> None:
    choice = DataValidation(type="list", formula1=source, allow_blank=True, showErrorMessage=True)
    letter = get_column_letter(column)
    choice.add(f"{letter}2:{letter}{_ROWS}")
    sheet.add_data_validation(choice)


def _notes(sheet: Worksheet, flow: Flow) -> None:
    sheet.append([f"{flow.code} {flow.name.zh}", flow.name.en])
    sheet.append(
        ["一行是一个案件的一个节点;同一案件的各行用同一编号。带 * 的列必填。", "A row is one node of one case."]
    )
    sheet.append(["节点", "Nodes"])
    for node in flow.nodes:
        sheet.append([f"{node.code} {node.name.zh}", node.name.en])
    for letter, width in (("A", 60), ("B", 50)):
        sheet.column_dimensions[letter].width = width
