"""What the detector's REST interface answers."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.contracts.alerts import About, Bilingual, Evidence, Grade
from shared.contracts.power import Matter


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Accepted(_View):
    """What was taken; it takes effect once it has come back from the bus, in moments."""

    dataset: str
    accepted: int


class RecordPage(_View):
    """Records of a register by id; ask again with `after=next` while there is one."""

    records: list[dict[str, Any]]
    next: str | None


class WouldRaise(_View):
    """One finding that the intended step would bring about."""

    alert_id: str
    rule_id: str
    rule_version: str
    title: Bilingual
    grade: Grade
    matter: Matter
    node: str | None
    explanation: Bilingual
    evidence: tuple[Evidence, ...]
    basis: tuple[str, ...]
    innocent_explanations: tuple[Bilingual, ...]
    about: tuple[About, ...]


class Evaluation(_View):
    """What the intended step would raise, the gravest first; empty when nothing speaks against it."""

    findings: list[WouldRaise]


class FaultView(_View):
    """A rule that failed on some keys: how often, on how many, and what was last said."""

    rule_id: str
    times: int
    keys: int
    last_at: datetime
    message: str
