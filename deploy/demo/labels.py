"""What the simulator planted, kept apart from all that the system sees."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class Label:
    """One planted violation: the rules that must fire on its cases, and those that may.

    A violation without cases of its own is about a `person` or a `company` in a `village`.
    """

    violation: str
    kind: str
    rules: tuple[str, ...]
    case_ids: tuple[str, ...] = ()
    village: str | None = None
    company: str | None = None
    person: str | None = None
    may: tuple[str, ...] = ()


_LABEL = TypeAdapter(Label)


def write(path: Path, labels: Iterable[Label]) -> None:
    """One label a line, as JSON."""
    path.write_bytes(b"".join(orjson.dumps(asdict(label)) + b"\n" for label in labels))


def read(path: Path) -> list[Label]:
    """The labels of a file."""
    return [_LABEL.validate_json(line) for line in path.read_bytes().splitlines()]
