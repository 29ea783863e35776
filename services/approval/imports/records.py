"""What an import is made of: rows of existing records, and what must be mended in them. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from services.approval.flows import Flow, Node
from shared.contracts.power import NodeFields


@dataclass(frozen=True, slots=True)
class RowFault:
    """What must be mended: sheet, line, column (letter and header, empty for the whole line), in both languages.

    `value` is what the cell holds, numbers of persons and accounts masked. One that isn't `grave` is only told of: the
    line was left out, or read, as `zh` says. `header` when it holds for the whole sheet.
    """

    sheet: str
    line: int
    column: str
    zh: str
    en: str
    value: str = ""
    grave: bool = True
    header: bool = False


@dataclass(frozen=True, slots=True)
class PaperMention:
    """A paper as a row names it: its kind, and the file by digest or by name."""

    kind: str
    file: str


@dataclass(frozen=True, slots=True)
class Record:
    """One node of one existing case, as a row tells it. Without a node it tells of the opening only."""

    sheet: str
    line: int
    village: str
    case_no: str
    flow: Flow
    node: Node | None
    occurred_at: datetime
    title: str
    actor_name: str
    actor_key: str | None
    fields: NodeFields
    papers: tuple[PaperMention, ...]
    digest: bytes

    @property
    def case(self) -> tuple[str, str]:
        """What the case is known by: its village and its number."""
        return self.village, self.case_no

    @property
    def order(self) -> tuple[str, str, datetime, int, str, int]:
        """Where a row comes in: by case, then by time."""
        return (*self.case, self.occurred_at, self.node.order if self.node else 0, self.sheet, self.line)


@dataclass(frozen=True)
class Reading:
    """A file as read: the good rows, all faults, and what is only told of."""

    records: list[Record] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)
    notices: list[RowFault] = field(default_factory=list)


def digest_of(
    case_no: str,
    flow: Flow,
    node: Node | None,
    occurred_at: datetime,
    actor: Sequence[str | None],
    fields: NodeFields,
    papers: Sequence[PaperMention],
) -> bytes:
    """Of all that a row says, so that the same row has one effect."""
    says = [
        case_no,
        flow.code,
        node.code if node else None,
        occurred_at,
        *actor,
        fields.model_dump(mode="json", exclude_defaults=True),
        [(paper.kind, paper.file) for paper in papers],
    ]
    return hashlib.sha256(orjson.dumps(says, option=orjson.OPT_SORT_KEYS)).digest()
