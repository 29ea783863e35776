"""Child processes that never outlive us, each with its log."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from deploy.local.faults import PortTaken, ServerFailed

HOST = "127.0.0.1"
_PR_SET_PDEATHSIG = 1
# A machine that others load starts a service in a minute; one that has ended is noticed at once.
_PATIENCE_SECONDS = 180


def start(
    argv: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None, user: str | None = None
) -> subprocess.Popen[bytes]:
    """Start a program that is killed with us, its output appended to `log`; `user` is whom root runs it as."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        return subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            user=user,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )


def run(argv: Sequence[str | Path], *, env: Mapping[str, str]) -> int:
    """Run a program in our terminal, killed with us; returns its exit code."""
    done = subprocess.run(
        [str(part) for part in argv],
        env=dict(env),
        check=False,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )
    return done.returncode


def stop(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM, within: float = 20.0) -> None:
    """End a process and all it started: asked first, killed after `within` seconds."""
    if process.poll() is None:
        process.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(within)
    kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of a process and all it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def await_ready(process: subprocess.Popen[bytes], look: Callable[[], bool], *, name: str, log: Path) -> None:
    """Wait until `look` is true; raises `ServerFailed` with the log's place when it ends or takes 180 s."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not look():
        if process.poll() is not None or time.monotonic() > deadline:
            raise ServerFailed(f"{name} 没有启动成功,详见 {log}", f"{name} did not start, see {log}")
        time.sleep(0.05)


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


def demand_free(port: int, name: str, variable: str) -> None:
    """Raise `PortTaken` when somebody listens there."""
    if listening(port):
        raise PortTaken(
            f"端口 {port}({name})已被占用:请关闭占用它的程序,或设置 {variable} 换一个端口",
            f"Port {port} ({name}) is taken: stop the program that holds it, or choose another by {variable}",
        )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
