"""What was read on the papers of cases: published by approval on `power.events` beside the events of the cases.

Key: the village code. It was read by a machine and may be misread; nobody has to have confirmed it. No numbers of
persons, accounts or telephones; of parties only what the name of a firm or body tells it to be one.
"""

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field

from shared.contracts.base import Contract, Fen, RegionCode, Sha256, UtcTime
from shared.contracts.power import Matter


class PaperTwin(Contract):
    """Another paper of the county that seems to be the same one, and where it was filed.

    `how`: the same `file`, the same `invoice` number and amount, the same `text`, or the same `look`.
    """

    sha256: Sha256
    how: Literal["file", "invoice", "text", "look"]
    likeness: float = Field(ge=0, le=1)
    case_id: str
    case_no: str
    village_code: RegionCode


class PaperRead(Contract):
    """A paper filed at a node was read. `differs` names the fields of the node's form that the paper contradicts.

    `filed_sequence` is the number of the case's event that filed it, at `filed_at`; this one has no number in the case.
    """

    TYPE: ClassVar[str] = "case.paper_read.v1"
    case_id: str
    case_no: str
    title: str
    matter: Matter
    flow: str
    flow_version: int = 1
    village_code: RegionCode
    town_code: RegionCode
    node: str
    filed_sequence: int = Field(ge=1)
    filed_at: UtcTime
    occurred_at: UtcTime
    kind: str
    sha256: Sha256
    amounts_fen: tuple[Fen, ...] = ()
    totals_fen: tuple[Fen, ...] = ()
    dates: tuple[date, ...] = ()
    parties: tuple[str, ...] = ()
    credit_codes: tuple[str, ...] = ()
    invoice_nos: tuple[str, ...] = ()
    agrees: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    twins: tuple[PaperTwin, ...] = ()
