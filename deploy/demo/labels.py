"""What the simulator planted, kept apart from all that the system sees."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import orjson
from pydantic import TypeAdapter

from services.approval.cases import Case
from shared.workdays import add_working_days


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


@dataclass(frozen=True, slots=True)
class Quiet:
    """One innocent pattern that was planted beside the violations: nothing may fire on its cases, least of all these.

    `rules` are those that it looks like a case for.
    """

    kind: str
    rules: tuple[str, ...]
    case_ids: tuple[str, ...]


_LABEL = TypeAdapter(Label)


def reminder(case: Case, until: datetime) -> Label | None:
    """Of a case that waits in good order: a prompt is due where its step ends today, and may come the day before."""
    if case.status != "open" or case.due_at is None or not until < case.due_at <= add_working_days(until, 1):
        return None
    today = case.due_at <= add_working_days(until, 0)
    return Label(
        violation=f"due-{case.case_no}",
        kind="due_soon",
        rules=("A015",) if today else (),
        case_ids=(case.case_id,),
        village=case.village_code,
        may=("A015",),
    )


def write(path: Path, labels: Iterable[Label]) -> None:
    """One label a line, as JSON."""
    path.write_bytes(b"".join(orjson.dumps(asdict(label)) + b"\n" for label in labels))


def read(path: Path) -> list[Label]:
    """The labels of a file."""
    return [_LABEL.validate_json(line) for line in path.read_bytes().splitlines()]
