"""Esper as a process of its own: jars by `engine.lock` and the broker's, our adapter compiled by the locked ecj."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

from deploy.local import kafka, processes
from services.detector.rules import Rulebook
from shared.contracts import power

_HERE = Path(__file__).parent
LOCK = _HERE / "engine.lock"
_READY = b"READY"
_COMPILER = "org.eclipse.jdt.internal.compiler.batch.Main"
_COMPILED = ("-nowarn", "-source", "17", "-target", "17", "-encoding", "UTF-8")
_HEAP = ("-Xms512m", "-Xmx2g", "-XX:+UseG1GC")


class Esper:
    """One engine over one broker and database, its files in `folder`."""

    def __init__(self, folder: Path, brokers: str, database_url: str, rulebook: Rulebook) -> None:
        self._folder = folder
        self._log = folder / "engine.log"
        self._brokers = brokers
        self._url = database_url
        self._rulebook = rulebook
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process, while it runs."""
        assert self._process, "start() first"
        return self._process.pid

    def start(self) -> None:
        """Compile adapter and questions, wait until it reads; raises a `Fault`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        jars = [*kafka.fetch(lock=LOCK), *kafka.fetch()]
        classes = os.pathsep.join(str(path) for path in (*jars, self._folder))
        java = [str(kafka.java()), "-cp", classes]
        sources = sorted(_HERE.glob("*.java"))
        subprocess.run(
            [*java, _COMPILER, *_COMPILED, "-cp", classes, "-d", str(self._folder), *map(str, sources)],
            check=True,
        )
        questions = self._folder / "questions.epl"
        questions.write_text(asked(self._rulebook), encoding="utf-8")
        works, brinks = (self._rulebook.rule(id).params for id in ("A075", "A078"))
        given = [
            *(self._brokers, _jdbc(self._url), power.TOPIC, str(questions)),
            ",".join(str(int(yuan) * 100) for yuan in works["limits_yuan"]),
            ",".join(works["flows"]),
            ",".join(f"{flow}={int(yuan) * 100}" for flow, yuan in _limits(brinks)),
        ]
        self._process = processes.start([java[0], *_HEAP, *java[1:], "Engine", *given], log=self._log)
        processes.await_ready(self._process, self._ready, name="Esper", log=self._log)

    def stop(self) -> None:
        """End it; what it held in memory is gone."""
        if self._process:
            processes.kill(self._process)

    def _ready(self) -> bool:
        return self._log.exists() and _READY in self._log.read_bytes()


def asked(rulebook: Rulebook) -> str:
    """The questions with the rulebook's parameters."""
    of = {rule.id: rule.params for rule in rulebook.rules}
    named: dict[str, Any] = {
        "left_nodes": _quoted(of["A016"]["left_nodes"]),
        "works_nodes": _quoted(of["A016"]["works_nodes"]),
        "split_days": of["A075"]["window_days"],
        "near_pct": of["A078"]["near_pct"],
        "min_hits": of["A078"]["min_hits"],
        "brink_days": of["A078"]["window_days"],
        "lookback_days": of["A090"]["lookback_months"] * 30,
        "window_days": of["A113"]["window_months"] * 30,
        "min_joint": of["A113"]["min_joint"],
        "share_won": of["A113"]["share_won"],
    }
    return Template((_HERE / "questions.epl").read_text(encoding="utf-8")).substitute(named)


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _limits(params: Mapping[str, Any]) -> list[tuple[str, int]]:
    return list(zip(params["flows"], params["limits_yuan"], strict=True))


def _jdbc(url: str) -> str:
    at = urlsplit(url)
    return f"jdbc:postgresql://{at.hostname}:{at.port}{at.path}?user={at.username}&password={at.password}"
