"""Many open alert streams on one notifier: how many stand, how fast a red alert is at all of them, memory of each."""

import asyncio
import resource
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.alerts import publish
from tests.bench.figures import Figure
from tests.bench.ground import Ground
from tests.notifier.samples import COUNTY, TOWN, VILLAGE, alert

_SPARE_FILES = 500
_PATIENCE_SECONDS = 900.0
_SETTLE_SECONDS = 2.0
_PEOPLE = 400
# All of them read a red alert of the village; what else they are makes sets of grants, each read for apart.
_READERS = (f"town_secretary@{TOWN}", f"town_secretary@{COUNTY}", f"auditor@{VILLAGE}", f"auditor@{TOWN}")
_SETS = [(reader, f"handler@{int(VILLAGE) + number}") for number in range(10) for reader in _READERS]


async def measure(ground: Ground, wanted: int) -> list[Figure]:
    """Open the streams, raise one red alert through the broker, wait until it stood on all."""
    allowed = allow_files(wanted + _SPARE_FILES)
    count = min(wanted, allowed - _SPARE_FILES)
    await ground.run("notifier")
    server = ground.system.pid("notifier")
    before = rss_kb(server)
    async with _listeners(ground, count) as client:
        open_, opening = await _answer(client, "open")
        await asyncio.sleep(_SETTLE_SECONDS)
        began = time.monotonic()
        await publish(ground, [alert()])
        seen, last = await _answer(client, "seen")
        after = rss_kb(server)
        _say(client, "count")
        still, twice = await _answer(client, "count")
    how = f"{len(_SETS)} sets of grants, {_PEOPLE} people, opened in {opening:.0f} s by a client on the same machine; "
    how += f"{still:.0f} open at the end, {twice:.0f} told twice"
    if count < wanted:
        how += f"; the limit of {allowed} open files forbids {wanted}"
    fanned = f"from before the broker had the alert to the last of {seen:.0f} streams"
    memory = "the notifier's resident memory with them, after an alert, less before the first"
    return [
        Figure("streams_open", int(min(open_, seen)), "streams", 10_000, how),
        Figure("streams_fanout_s", round(last - began, 3), "s", 1, fanned),
        Figure("stream_kb", round((after - before) / max(open_, 1), 1), "KB", 50, memory),
    ]


@asynccontextmanager
async def _listeners(ground: Ground, count: int) -> AsyncIterator[Process]:
    """The client, told whose streams to open."""
    args = ("-m", "tests.bench.listeners", str(ground.system.port("notifier")), str(count))
    client = await asyncio.create_subprocess_exec(sys.executable, *args, stdin=PIPE, stdout=PIPE)
    try:
        people = (ground.token(*_SETS[n % len(_SETS)], subject=f"listener-{n}") for n in range(_PEOPLE))
        _say(client, " ".join(people))
        yield client
    finally:
        if client.returncode is None:
            client.kill()
        await client.wait()


def _say(client: Process, line: str) -> None:
    assert client.stdin
    client.stdin.write(f"{line}\n".encode())


async def _answer(client: Process, what: str) -> tuple[float, float]:
    """The two numbers that the client tells of something."""
    assert client.stdout
    async with asyncio.timeout(_PATIENCE_SECONDS):
        told = (await client.stdout.readline()).decode().split()
    if not told or told[0] != what:
        raise RuntimeError(f"the client told {told}, not {what}")
    return float(told[1]), float(told[2])


def allow_files(wanted: int) -> int:
    """Let this process and those that it starts open so many files; how many the machine allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = max(soft, min(wanted, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


def rss_kb(pid: int) -> int:
    """The resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
