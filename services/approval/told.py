"""What a case's forms say now: the last word of its opening and of each node, put right where it was amended. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.contracts.power import CaseAmended, CaseOpened, NodeCompleted, NodeFields


@dataclass(frozen=True)
class Told:
    """A form as it stands: number and time of the event that filed it, and when it was last amended."""

    sequence: int
    done_at: datetime
    fields: NodeFields
    amended_at: datetime | None = None


def told_now(log: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str | None, Told]:
    """The forms by node, the opening's under None, of a case's events as type and data, in their order."""
    forms: dict[str | None, Told] = {}
    for type_, data in log:
        if type_ not in (CaseOpened.TYPE, NodeCompleted.TYPE, CaseAmended.TYPE):
            continue
        at, when = data.get("node"), datetime.fromisoformat(data["occurred_at"])
        fields = NodeFields.model_validate(data.get("fields", {}))
        if type_ != CaseAmended.TYPE:
            forms[at] = Told(data["sequence"], when, fields)
        elif at in forms and forms[at].sequence == data["supersedes"]:
            forms[at] = replace(forms[at], fields=fields, amended_at=when)
    return forms
