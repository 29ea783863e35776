"""`make backup` and `make restore [AT=moment]`: a base copy of the database with its log, back to any moment since.

    backups/base/<moment>/   whole copies, each as it was when it ended
    backups/wal/             the log, segment by segment, from the first copy on (`archiving`)
    backups/data/            papers and pictures by digest: only ever added to

What consumers have read is in the database, so Kafka is read on from where the restored state stands. docs/backup.md.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.environment import home
from deploy.local.faults import Fault, NotRunning
from deploy.local.lock import only_run
from deploy.local.postgres import Postgres, backed_up_by, wheel_program

_STAMP = "%Y%m%dT%H%M%S.%fZ"
_MOST_KEPT = 7


class NoBackup(Fault):
    """There is no base copy from before that moment."""


class BackupFailed(Fault):
    """PostgreSQL's own program failed; what it said is told."""


def archiving(backups: Path) -> Mapping[str, str]:
    """The settings of a server whose log is kept, packed, once there is a base copy."""
    target = f'"{backups}/wal/%f.gz"'
    keep = f"test -f {target} || (gzip -c %p > {target}.new && mv {target}.new {target})"
    return {
        "archive_mode": "on",
        "archive_timeout": "300",
        "archive_command": f'test ! -d "{backups}/base" || {{ {keep}; }}',
    }


def backup(url: str, backups: Path, data_dir: Path, *, most: int = _MOST_KEPT) -> Path:
    """Copy the running database and the files; copies beyond `most` go, with the log before them.

    The files are copied last: a paper is written before the row that names it. Raises `BackupFailed`.
    """
    for folder in ("base", "wal", "data"):
        (backups / folder).mkdir(parents=True, exist_ok=True)
    backed_up_by(backups / "wal")
    partial = backups / "base.new"
    shutil.rmtree(partial, ignore_errors=True)
    _run("pg_basebackup", "-d", url, "-D", str(partial), "-X", "stream", "-c", "fast", "--manifest-checksums=SHA256")
    _check(partial)
    made = backups / "base" / datetime.now(UTC).strftime(_STAMP)
    partial.rename(made)
    if data_dir.exists():
        _copy_new(data_dir, backups / "data")
    for old in _bases(backups)[:-most]:
        shutil.rmtree(old)
    first = _bases(backups)[0]
    _run("pg_archivecleanup", "-x", ".gz", str(backups / "wal"), _first_segment(first))
    return made


def restore(folder: Path, backups: Path, data_dir: Path, *, at: datetime | None = None) -> Path | None:
    """Put the database of `folder` (its server is down) back to a moment, or to the last that the log holds.

    Returns where the former database lies now: nothing is deleted. Raises `NoBackup`, `ServerFailed`.
    """
    base = _base_before(backups, at)
    _check(base)
    fresh, present = folder / "data.new", folder / "data"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(base, fresh)
    _leave_to_recover(fresh, backups / "wal", at)
    former = None
    if present.exists():
        # What the lost server had not yet put into the archive.
        for segment in (present / "pg_wal").iterdir():
            if segment.is_file() and not (fresh / "pg_wal" / segment.name).exists():
                shutil.copy2(segment, fresh / "pg_wal")
        former = folder / f"data.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        present.rename(former)
    backed_up_by(fresh)
    fresh.chmod(0o700)
    fresh.rename(present)
    if (backups / "data").exists():
        _copy_new(backups / "data", data_dir)
    server = Postgres(folder, tuning=archiving(backups))
    server.start()
    server.await_writable()
    server.stop()
    return former


def _base_before(backups: Path, at: datetime | None) -> Path:
    bases = [base for base in _bases(backups) if at is None or _ended(base) <= at]
    if not bases:
        first = next(iter(_bases(backups)), None)
        raise NoBackup(
            f"没有早于 {at} 的备份,最早的是 {first and _ended(first)}",
            f"No backup ended before {at}; the first ended at {first and _ended(first)}",
        )
    return bases[-1]


def _bases(backups: Path) -> list[Path]:
    return sorted((backups / "base").glob("*Z")) if (backups / "base").exists() else []


def _ended(base: Path) -> datetime:
    return datetime.strptime(base.name, _STAMP).replace(tzinfo=UTC)


def _check(base: Path) -> None:
    """Compare a copy with its manifest, as `pg_verifybackup` would: the wheel's crashes."""
    for told in json.loads((base / "backup_manifest").read_bytes())["Files"]:
        with (base / told["Path"]).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != told["Checksum"]:
                raise BackupFailed(f"备份中的 {told['Path']} 已损坏", f"{told['Path']} of the copy is damaged")


def _first_segment(base: Path) -> str:
    """The first segment of the log that a copy needs."""
    found = re.search(r"START WAL LOCATION: .*\(file ([0-9A-F]{24})\)", (base / "backup_label").read_text("utf-8"))
    assert found, f"{base} has no backup label"
    return found[1]


def _leave_to_recover(data: Path, wal: Path, at: datetime | None) -> None:
    lines = [f"restore_command = 'gzip -dc \"{wal}/%f.gz\" > %p'", "recovery_target_action = 'promote'"]
    lines += [f"recovery_target_time = '{at.isoformat()}'"] if at else []
    (data / "recovery.signal").touch()
    with (data / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
        settings.write("\n".join([*lines, ""]))


def _copy_new(source: Path, target: Path) -> None:
    """Add the files that aren't there yet: each is named by its content."""
    for path in sorted(source.rglob("*")):
        there = target / path.relative_to(source)
        if path.is_file() and not there.exists() and ".incoming" not in path.parts:
            there.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = there.with_name(f"{there.name}.new")
            shutil.copy2(path, part)
            part.rename(there)


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run([str(wheel_program(program)), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        told = (done.stdout + done.stderr).strip()
        raise BackupFailed(f"{program} 失败({done.returncode}):{told}", f"{program} failed ({done.returncode}): {told}")


def _moment(text: str) -> datetime:
    """A moment with its time zone; raises `ValueError`."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("给出时区,例如 2026-11-25T09:00:00+08:00 / give the time zone")
    return found.astimezone(UTC)


def main(arguments: Sequence[str] | None = None) -> int:
    """`backup` in the running system, `restore` while it is down; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.backup", description=__doc__)
    parser.add_argument("deed", choices=("backup", "restore"))
    parser.add_argument("--at", type=_moment)
    options = parser.parse_args(arguments)
    backups, data_dir = home() / "backups", home() / "data"
    try:
        if options.deed == "backup":
            if "DATABASE_URL" not in os.environ:
                raise NotRunning("请用 make backup", "Use make backup")
            made = backup(os.environ["DATABASE_URL"], backups, data_dir)
            print(f"备份完成 backed up: {made}")
        else:
            with only_run(home()):
                former = restore(home() / "postgres", backups, data_dir, at=options.at)
            print(f"已恢复,原数据库保留在 restored; the former database lies in {former}")
    except Fault as fault:
        print(f"✗ {fault.zh}\n✗ {fault.en}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
