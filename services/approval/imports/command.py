"""`python -m services.approval.imports FILE... --village CODE`: existing records from the command line.

Each file is a job like those of the pages, worked here, or by the running service if that is faster. What is stopped in
the middle goes on with `--resume`, or by itself as soon as the service runs.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from services.approval import documents, flows
from services.approval.imports import jobs, uploads
from services.approval.imports.columns import in_words
from services.approval.imports.jobs import Job, Wish
from services.approval.imports.worker import Worker
from shared.db import Database, Scope
from shared.documents import receive
from shared.principals import Grant, Principal
from shared.problems import Problem
from shared.settings import Settings
from shared.sheets import MAX_FILE_BYTES

_SUBJECT = "imports"
_LOOK_SECONDS = 0.5
_SHOWN = 200
_STATES = {
    "reading": "读取 reading",
    "checking": "检查 checking",
    "taking": "写入 taking",
    "checked": "检查完毕 checked",
    "done": "已导入 imported",
    "cancelled": "已取消 cancelled",
    "refused": "无法读取 can't be read",
}
console = Console()


def main(arguments: Sequence[str] | None = None) -> int:
    """Import the files named; 0 when all is well, 1 when rows or files must be mended."""
    asked = _parser().parse_args(arguments)
    try:
        return asyncio.run(_import(asked, Settings()))
    except Problem as problem:
        console.print(f"[red]{problem.title_zh}:{problem.detail_zh}[/]\n{problem.title_en}: {problem.detail_en}")
        for error in problem.errors:
            console.print(f"  {error.field}: {error.zh} {error.en}")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.approval.imports",
        description=__doc__,
        epilog=f"列 columns (* required): {in_words()}",
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="XLSX, CSV (UTF-8, GB18030), NDJSON, OCDS")
    parser.add_argument("--village", help="12-digit code of the village; of a town or county where rows name theirs")
    parser.add_argument("--mapping", metavar="NAME", help="the mapping of columns to read by")
    parser.add_argument("--flow", default="", help="flow of the rows where no column says")
    parser.add_argument("--node", default="", help="node of the rows where no column says")
    parser.add_argument("--papers", type=Path, metavar="DIR", help="folder of the papers that rows name")
    parser.add_argument("--dry-run", action="store_true", help="check everything, take nothing over")
    parser.add_argument("--accept-good-rows", action="store_true", help="take the good rows over beside bad ones")
    parser.add_argument("--resume", type=UUID, metavar="JOB", help="go on with a job that was stopped")
    return parser


async def _import(asked: argparse.Namespace, settings: Settings) -> int:
    db = Database(settings, "approval")
    await db.open()
    worker = Worker(db, settings)
    try:
        if asked.resume:
            return _verdict(await _work(db, worker, asked.resume))
        uploads.check_region(asked.village or "")
        if asked.papers:
            await _take_papers(db, settings, asked.papers)
        verdicts = [await _import_file(db, worker, settings, file, asked) for file in asked.files]
    finally:
        await db.close()
    return max(verdicts, default=0)


async def _import_file(db: Database, worker: Worker, settings: Settings, file: Path, asked: argparse.Namespace) -> int:
    by = Principal(_SUBJECT, "存量导入 Import", _SUBJECT, frozenset({Grant("county_authority", asked.village)}))
    try:
        kept = await uploads.keep_chunks(settings.data_dir, _chunks(file), file.name, most=MAX_FILE_BYTES)
    except OSError as error:
        console.print(f"[red]{file}:无法读取 can't be read: {error.strerror}[/]")
        return 1
    wish: Wish = "look" if asked.dry_run else "good" if asked.accept_good_rows else "all"
    try:
        async with db.begin(Scope.of(by)) as conn:
            mapping, called = await uploads.mapping_of(conn, asked.mapping, asked.flow, asked.node, flows.load())
            job = await uploads.note(
                conn, kept, by, region=asked.village, mapping=mapping, mapping_name=called, wish=wish
            )
    except BaseException:
        kept.path.unlink(missing_ok=True)
        raise
    done = await _work(db, worker, job.job_id)
    await _show(db, done)
    if not done.ended:
        # Nobody is asked here: what wasn't taken is brought again when it is mended.
        async with db.begin(Scope.of(by)) as conn:
            await jobs.cancel(conn, await jobs.lock(conn, done.job_id))
        worker.file(done.job_id).unlink(missing_ok=True)
    return _verdict(done)


async def _work(db: Database, worker: Worker, job_id: UUID) -> Job:
    """Work a job, or see another do so, until it rests."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        while not (job := await _standing(db, job_id)).resting:
            working = asyncio.create_task(worker.work(job_id))
            while not working.done():
                job = await _standing(db, job_id)
                reading = job.state == "reading"
                bar.update(
                    task,
                    description=f"{job.file_name} {_STATES[job.state]}",
                    total=None if reading else job.rows,
                    completed=job.rows if reading else job.worked,
                )
                await asyncio.wait((working,), timeout=_LOOK_SECONDS)
            if await working is None:
                await asyncio.sleep(_LOOK_SECONDS)
    return job


async def _standing(db: Database, job_id: UUID) -> Job:
    async with db.begin(Scope.system(), readonly=True) as conn:
        return await jobs.find(conn, job_id)


def _verdict(job: Job) -> int:
    return 1 if job.faults or job.state in ("refused", "cancelled") else 0


async def _show(db: Database, job: Job) -> None:
    async with db.begin(Scope.system(), readonly=True) as conn:
        faults = await jobs.faults_of(conn, job.job_id, after=0, limit=_SHOWN)
    if faults:
        table = Table("表 Sheet", "行 Line", "列 Column", "内容 Value", "如何修改", "What to mend", title=job.file_name)
        for _, fault in faults:
            said = (fault.sheet, str(fault.line), fault.column, fault.value, fault.zh, fault.en)
            # Brackets in a file's own words are no markup.
            table.add_row(*map(Text, said), style=None if fault.grave else "dim")
        console.print(table)
    if job.state == "refused":
        console.print(f"[red]{job.file_name}:{job.refused_zh}[/] {job.refused_en}")
    verdict = _STATES["done"] if job.state == "done" else "未写入任何数据 nothing was written"
    console.print(
        f"{job.file_name}:{verdict} · 行 rows {job.rows} · 新案件 cases {job.cases_opened}"
        f" · 节点 nodes {job.nodes_recorded} · 重复 repeated {job.rows_repeated}"
        f" · 错误 faults {job.faults} · 提示 notices {job.notices} · {job.job_id}"
    )


async def _take_papers(db: Database, settings: Settings, folder: Path) -> None:
    for path in sorted(each for each in folder.iterdir() if each.is_file()):  # noqa: ASYNC240 (nobody else waits)
        stored = await receive(documents.shelf(settings), _chunks(path), path.name)
        async with db.begin(Scope.system()) as conn:
            await documents.register(conn, stored, _SUBJECT)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(1024 * 1024):
            yield chunk
