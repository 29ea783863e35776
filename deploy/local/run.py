"""`make run`: the whole system on one machine, until Ctrl-C.

In order: PostgreSQL, Kafka, topics and migrations, the identity provider, the four services, the demo county.
"""

import argparse
import asyncio
import errno
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncpg
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from deploy.local import kafka, processes, table, within
from deploy.local.backup import archiving
from deploy.local.environment import environment, home, port, port_variable, url
from deploy.local.faults import DemoNotLoaded, DiskFull, Fault, Unreachable
from deploy.local.identity import Identity
from deploy.local.keys import Keys
from deploy.local.lock import only_run
from deploy.local.postgres import Postgres
from deploy.local.prepare import prepare
from deploy.local.reading import PaperReading
from deploy.local.service import Service
from deploy.local.supervisor import Server, Supervisor
from shared import db
from shared.settings import Settings

_ROOM = 1 << 30
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
console = Console()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until stopped; 0 after Ctrl-C, 1 when the system could not start."""
    options = _parser().parse_args(arguments)
    for signum in _STOPPING:
        signal.signal(signum, _interrupt)
    try:
        with only_run(home()), ExitStack() as stack:
            try:
                _run(stack, options)
            finally:
                _stop_listening()
    except KeyboardInterrupt:
        console.print("已停止 · Stopped")
        return 0
    except Fault as fault:
        _tell(fault)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _tell(_disk_full())
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.run", description=__doc__)
    parser.add_argument("--no-demo", action="store_true", help="load no demo county")
    parser.add_argument("--ready-file", type=Path, help="written once all is up and loaded")
    return parser


def _run(stack: ExitStack, options: argparse.Namespace) -> None:
    _demand_room()
    own_identity = "OIDC_ISSUER" not in os.environ
    for name in ("identity", *db.SCHEMAS) if own_identity else db.SCHEMAS:
        processes.demand_free(port(name), name, port_variable(name))
    keys = Keys.of(home())
    servers: list[Server] = []
    database_url = os.environ.get("DATABASE_URL") or _start_postgres(stack, servers)
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or _start_kafka(stack, servers)
    env = environment(keys, database_url=database_url, kafka=bootstrap)
    with _step("主题与数据库结构 · topics and tables"):
        asyncio.run(_prepare(_settings(env)))
    if own_identity:
        _start_identity(stack, servers, keys)
    _start_services(stack, servers, env)
    if not options.no_demo:
        _load_demo(env)
    within.share(env)
    if options.ready_file:
        options.ready_file.write_text(url("approval"), encoding="utf-8")
    console.print(table.ready(demo=not options.no_demo))
    Supervisor(servers, console.print).watch()


def _start_postgres(stack: ExitStack, servers: list[Server]) -> str:
    server = Postgres(home() / "postgres", tuning=archiving(home() / "backups"))
    stack.callback(server.stop)
    with _step("PostgreSQL"):
        address = server.start()
    servers.append(server)
    return address


def _start_kafka(stack: ExitStack, servers: list[Server]) -> str:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task("Kafka", total=sum(jar.size for jar in kafka.locked()))
        kafka.fetch(lambda size: bars.advance(bar, size))
    server = kafka.Kafka(home() / "kafka")
    stack.callback(server.stop)
    with _step("Kafka"):
        bootstrap = server.start()
    servers.append(server)
    return bootstrap


def _start_identity(stack: ExitStack, servers: list[Server], keys: Keys) -> None:
    server = Identity(home() / "identity", keys, port("identity"))
    stack.callback(server.stop)
    with _step("统一登录 Canaille · sign-in"):
        server.start()
    servers.append(server)


def _start_services(stack: ExitStack, servers: list[Server], env: dict[str, str]) -> None:
    services = [Service(name, env, home() / "logs") for name in db.SCHEMAS]
    with _step("四个服务 · the four services"):
        for service in services:
            stack.callback(service.stop)
            service.start()
        for service in services:
            service.await_ready()
    reading = PaperReading(env, home() / "logs")
    stack.callback(reading.stop)
    reading.start()
    servers.extend((*services, reading))


async def _prepare(settings: Settings) -> None:
    try:
        await prepare(settings)
    except KafkaError as error:
        raise Unreachable(
            f"Kafka({settings.kafka_bootstrap_servers})不可用:请检查 KAFKA_BOOTSTRAP_SERVERS:{error}",
            f"Kafka at {settings.kafka_bootstrap_servers} can't be used, check KAFKA_BOOTSTRAP_SERVERS: {error}",
        ) from error
    except (ConnectionError, TimeoutError, asyncpg.PostgresError) as error:
        raise Unreachable(
            f"数据库不可用:请检查 DATABASE_URL 及其账号能否建角色:{error}",
            f"The database can't be used, check DATABASE_URL and that its role may create roles: {error}",
        ) from error


def _settings(env: dict[str, str]) -> Settings:
    values = {name: env[name.upper()] for name in Settings.model_fields if name.upper() in env}
    return Settings.model_validate(values)


def _load_demo(env: dict[str, str]) -> None:
    loaded = home() / "demo.loaded"
    if loaded.exists():
        return
    if processes.run([sys.executable, "-m", "deploy.demo.load", "--demo"], env=env) != 0:
        raise DemoNotLoaded(
            f"演示数据没有载入:原因见上,日志在 {home() / 'logs'};可用 make clean 后重试",
            f"The demo county was not loaded: the reason stands above, logs are in {home() / 'logs'}; "
            "`make clean` and try again",
        )
    loaded.touch()


def _demand_room() -> None:
    home().mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(home()).free < _ROOM:
        raise _disk_full()


def _disk_full() -> DiskFull:
    return DiskFull(
        f"磁盘空间不足:{home()} 所在的盘至少要有 1 GB,请清理或用 YUNJING_HOME 换一个位置",
        f"The disk of {home()} is full: free at least 1 GB there, or choose another place by YUNJING_HOME",
    )


@contextmanager
def _step(name: str) -> Iterator[None]:
    started = time.monotonic()
    with console.status(name):
        yield
    console.print(f"[green]✓[/] {name} [dim]{time.monotonic() - started:.1f} s[/]")


def _tell(fault: Fault) -> None:
    console.print(f"[red]✗[/] {fault.zh}", soft_wrap=True, highlight=False)
    console.print(f"[red]✗[/] {fault.en}", soft_wrap=True, highlight=False)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _stop_listening() -> None:
    """A second Ctrl-C must not leave the stopping half done."""
    for signum in _STOPPING:
        signal.signal(signum, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
