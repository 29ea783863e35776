"""What must be mapped or mended in a sheet's header before its rows can be read. Pure."""

from collections.abc import Iterator

from services.approval.imports.columns import called, columns
from services.approval.imports.layout import Sheet
from services.approval.imports.records import RowFault


def faults_of_header(sheet: Sheet) -> Iterator[RowFault]:
    """What must be mapped or mended before a sheet can be read."""
    if sheet.skipped:
        yield RowFault(
            sheet.name,
            sheet.line,
            "",
            "没有认出表头,这个工作表没有读取",
            "No header was recognised, so this sheet was left out",
            grave=False,
            header=True,
        )
        return
    for at in sheet.unknown:
        likely = [called(target) for target in sheet.proposals(at)]
        zh = ",是不是 " + "、".join(name.zh for name in likely) if likely else ""
        en = ", perhaps " + " or ".join(name.en for name in likely) if likely else ""
        title = sheet.titles[at]
        yield _header_fault(
            sheet,
            at,
            f"不认识列 {title}{zh}?请指定对应或选择不导入",
            f"unknown column {title}{en}: map it or leave it out",
        )
    for at in sheet.twice:
        title = sheet.titles[at]
        yield _header_fault(sheet, at, f"列 {title} 重复", f"the column {title} is there twice")
    if sheet.missing:
        names = [columns().own[target] for target in sheet.missing]
        yield RowFault(
            sheet.name,
            sheet.line,
            "",
            f"缺少列 {'、'.join(name.zh for name in names)}",
            f"columns missing: {', '.join(name.en for name in names)}",
            header=True,
        )


def _header_fault(sheet: Sheet, column: int, zh: str, en: str) -> RowFault:
    return RowFault(sheet.name, sheet.line, sheet.place(column), zh, en, sheet.titles[column][:80], header=True)
