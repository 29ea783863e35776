"""A rule tried in a process of its own, with bounds on its time and memory: what may not end must not stop anybody.

python -m services.detector.trial [--custom] NAME < rule.yaml    # prints the faults as JSON
"""

import argparse
import asyncio
import os
import resource
import sys
from dataclasses import asdict
from pathlib import Path

import orjson

from services.detector.authoring import LARGEST, RuleFault, faults_of
from shared.db import ROOT

_CPU_SECONDS = 10
_WALL_SECONDS = 20.0
_MEMORY = 1 << 30
_AT_ONCE = asyncio.Semaphore(2)
_TOO_MUCH = RuleFault(
    1,
    1,
    f"规则的检查超出限制(计算 {_CPU_SECONDS} 秒、内存 1 GB),已中止",
    f"Trying the rule took more than is allowed ({_CPU_SECONDS} s of computing, 1 GB of memory); it was ended",
)


async def try_out(text: str, *, name: str = "rule.yaml", custom: bool = True) -> list[RuleFault]:
    """What is to be mended in a rule, its tests run; an empty list when it may be taken."""
    if len(text.encode()) > LARGEST:
        return list(faults_of(text, Path(name), custom=custom))
    arguments = ["-m", "services.detector.trial", *(["--custom"] if custom else []), name]
    async with _AT_ONCE:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=ROOT,
            # None of the service's secrets: the rule is a stranger yet.
            env={name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ},
        )
        try:
            told, _ = await asyncio.wait_for(process.communicate(text.encode()), _WALL_SECONDS)
        except TimeoutError:
            return [_TOO_MUCH]
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode != 0:
        return [_TOO_MUCH]
    return [RuleFault(**fault) for fault in orjson.loads(told)]


def main() -> None:
    """Try the rule on the standard input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--custom", action="store_true")
    parser.add_argument("name")
    options = parser.parse_args()
    text = sys.stdin.buffer.read().decode()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    faults = faults_of(text, Path(options.name), custom=options.custom)
    sys.stdout.buffer.write(orjson.dumps([asdict(fault) for fault in faults]))


if __name__ == "__main__":
    main()
