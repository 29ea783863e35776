"""What the REST API says of the record of rules."""

from pydantic import BaseModel

from services.notifier.schemas import Named
from shared.contracts.alerts import Bilingual


class Cleared(Named):
    """An innocent explanation, and how many alerts of a rule it cleared."""

    count: int


class RuleRecord(BaseModel):
    """What became of a rule's alerts, as far as the caller may read them.

    Each alert counts once: as open, cleared, rectified, accountable or withdrawn. Money is fen; `people` were held to
    account; `median_days` from delivery to judgement, in calendar days.
    """

    rule_id: str
    title: Bilingual
    raised: int
    open: int
    cleared: int
    cleared_by: list[Cleared]
    rectified: int
    accountable: int
    withdrawn: int
    recovered_fen: int
    people: int
    median_days: float | None


class RuleRecords(BaseModel):
    """The record of each rule with alerts in the caller's scope, by rule."""

    items: list[RuleRecord]
