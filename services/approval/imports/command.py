"""`python -m services.approval.imports FILE... --village CODE`: existing records from the command line."""

import argparse
import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.approval import documents, flows
from services.approval.cases import RoleHolder
from services.approval.desk import check_village
from services.approval.imports.columns import in_words
from services.approval.imports.files import lines_of
from services.approval.imports.rows import read_records
from services.approval.imports.take import Report, take
from shared.db import Database, Scope
from shared.documents import receive
from shared.problems import Problem
from shared.settings import Settings

_IMPORTER = RoleHolder(person_key="imports", name="存量导入 Import", roles=frozenset())
_SUBJECT = "imports"
console = Console()


def main(arguments: Sequence[str] | None = None) -> int:
    """Import the files named; 0 when all is well, 1 when rows or files must be mended."""
    asked = _parser().parse_args(arguments)
    try:
        return asyncio.run(_import(asked, Settings()))
    except Problem as problem:
        console.print(f"[red]{problem.title_zh}:{problem.detail_zh}[/]\n{problem.title_en}: {problem.detail_en}")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.approval.imports",
        description=__doc__,
        epilog=f"列 columns (* required): {in_words()}",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="XLSX or CSV (UTF-8, GB18030)")
    parser.add_argument("--village", required=True, help="12-digit code of the village the records belong to")
    parser.add_argument("--papers", type=Path, metavar="DIR", help="folder of the papers that rows name")
    parser.add_argument("--dry-run", action="store_true", help="check everything, take nothing over")
    parser.add_argument("--accept-good-rows", action="store_true", help="take the good rows over beside bad ones")
    return parser


async def _import(asked: argparse.Namespace, settings: Settings) -> int:
    check_village(asked.village)
    db = Database(settings, "approval")
    await db.open()
    try:
        if asked.papers:
            await _take_papers(db, settings, asked.papers)
        reports = [await _import_file(db, settings, file, asked) for file in asked.files]
    finally:
        await db.close()
    return 1 if any(report is None or report.faults for report in reports) else 0


async def _import_file(db: Database, settings: Settings, file: Path, asked: argparse.Namespace) -> Report | None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        try:
            read = bar.add_task(f"读取 {file.name}", total=None)
            lines = bar.track(lines_of(file, file.name), task_id=read)
            reading = read_records(lines, flows.load(), settings.identity_secret, region=asked.village)
            task = bar.add_task(f"导入 {file.name}", total=len(reading.records))
            async with db.begin(Scope.system()) as conn:
                report = await take(
                    conn,
                    reading,
                    importer=_IMPORTER,
                    dry_run=asked.dry_run,
                    accept_good_rows=asked.accept_good_rows,
                    progress=lambda rows: bar.advance(task, rows),
                )
        except Problem as problem:
            console.print(f"[red]{file}:{problem.title_zh}:{problem.detail_zh}[/] {problem.detail_en}")
            return None
        except OSError as error:
            console.print(f"[red]{file}:无法读取 can't be read: {error.strerror}[/]")
            return None
    _show(file, report)
    return report


def _show(file: Path, report: Report) -> None:
    if report.faults:
        table = Table("表 Sheet", "行 Line", "列 Column", "如何修改", "What to mend", title=str(file))
        for fault in report.faults:
            table.add_row(fault.sheet, str(fault.line), fault.column, fault.zh, fault.en)
        console.print(table)
    verdict = "已导入 imported" if report.applied else "未写入任何数据 nothing was written"
    console.print(
        f"{file.name}:{verdict} · 行 rows {report.rows} · 新案件 cases {report.cases_opened}"
        f" · 节点 nodes {report.nodes_recorded} · 重复 repeated {report.rows_repeated}"
        f" · 错误 faults {len(report.faults)}"
    )


async def _take_papers(db: Database, settings: Settings, folder: Path) -> None:
    for path in sorted(each for each in folder.iterdir() if each.is_file()):  # noqa: ASYNC240 (nobody else waits)
        stored = await receive(documents.folder_in(settings.data_dir), _chunks(path), path.name)
        async with db.begin(Scope.system()) as conn:
            await documents.register(conn, stored, _SUBJECT)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(1024 * 1024):
            yield chunk
