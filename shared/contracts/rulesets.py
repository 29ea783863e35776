"""Events of `rules.changes` (detector): a county's own settings of a rule, and rules of its own. Key: the rule id.

A change was drafted by one person and approved by another. It holds from `effective_from`, never before its approval,
and until `effective_until`. A region's changes of a rule don't add up: the one that began last counts, whole; one that
sets nothing says "as the wider region has it". Over it, a narrower region's change counts for what it sets.
"""

from typing import ClassVar

from pydantic import Field

from shared.contracts.alerts import Grade
from shared.contracts.base import Contract, RegionCode, UtcTime

TOPIC = "rules.changes"
ParamValue = bool | int | float | str | list[str] | list[int]


class Keeper(Contract):
    """Who answers for a change."""

    person_key: str
    name: str


class RuleChanged(Contract):
    """A rule's settings were changed for a region and a period; a county's own rule brings its `definition` (YAML).

    `number` counts the changes of a rule from 1. `grade` replaces the rule's grade and its conditional ones.
    """

    TYPE: ClassVar[str] = "rule.changed.v1"
    change_id: str
    rule_id: str
    number: int
    region_code: RegionCode
    params: dict[str, ParamValue] = Field(default_factory=dict)
    grade: Grade | None = None
    enabled: bool | None = None
    definition: str | None = None
    effective_from: UtcTime
    effective_until: UtcTime | None = None
    reason: str
    drafted_by: Keeper
    approved_by: Keeper
    approved_at: UtcTime
    without_backtest: str | None = None
