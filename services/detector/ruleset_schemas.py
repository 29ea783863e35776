"""What the interface of rule sets takes and answers."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from services.detector.backtesting import Kind
from services.detector.backtesting import State as BacktestState
from services.detector.drafts import Act, State
from services.detector.rules import Rule
from shared.contracts.alerts import Bilingual, Grade
from shared.contracts.base import RegionCode, UtcTime
from shared.contracts.rulesets import ParamValue, RuleChanged

Reason = Annotated[str, Field(min_length=4, max_length=1000, examples=["本镇工程少,三项以上才算拆分"])]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class NewDraft(_Body):
    """A change of a rule for a region and a period. It replaces the region's earlier change of the rule, whole.

    Nothing set (`params`, `grade`, `enabled`) means "as the wider region has it". Without `effective_from` it holds
    from its approval on.
    """

    rule_id: Annotated[str, Field(pattern=r"^[AC]\d{3}$", examples=["A075"])]
    region_code: Annotated[RegionCode, Field(examples=["330421107000"])]
    params: dict[str, ParamValue] = Field(default_factory=dict, max_length=50, examples=[{"min_parts": 3}])
    grade: Grade | None = None
    enabled: bool | None = None
    effective_from: UtcTime | None = None
    effective_until: UtcTime | None = None
    reason: Reason


class NewRule(_Body):
    """A rule of the county's own in the rulebook's format, numbered C001 onwards, for a region and a period."""

    definition: Annotated[str, Field(max_length=64 * 1024, description="规则全文(YAML)/ the rule as YAML")]
    region_code: Annotated[RegionCode, Field(examples=["330421000000"])]
    effective_from: UtcTime | None = None
    effective_until: UtcTime | None = None
    reason: Reason


class Approval(_Body):
    """Why a change is approved, and why without a back-test where none was done."""

    reason: Reason
    without_backtest: Annotated[str, Field(min_length=4, max_length=1000)] | None = None


class Rejection(_Body):
    """Why a change is rejected."""

    reason: Reason


class BacktestView(_View):
    """A run of a draft over the whole history.

    `judged` of `keys` (cases, companies, ...) tells how far it is; the counts are those of alerts, once it is done.
    """

    id: uuid.UUID
    state: BacktestState
    keys: int
    judged: int
    before: int
    after: int
    more: int
    fewer: int
    regraded: int
    faults: int
    message: str
    started_at: datetime
    ended_at: datetime | None


class DifferenceView(_View):
    """One alert that the change adds, takes away or grades otherwise."""

    kind: Kind
    alert_id: str
    grade_before: Grade | None
    grade_after: Grade | None
    village_code: str
    case_nos: tuple[str, ...]
    explanation: Bilingual


class DifferencePage(_View):
    """Differences; ask again with `after=next` while there is one."""

    differences: list[DifferenceView]
    next: int | None


class ActView(_View):
    """Who did what with a draft, when and why."""

    position: int
    draft_id: uuid.UUID
    rule_id: str
    region_code: str
    act: Act
    name: str
    reason: str
    at: datetime


class History(_View):
    """Acts in turn; ask again with `after=next` while there is one."""

    acts: list[ActView]
    next: int | None


class DraftView(_View):
    """A drafted change as it stands. `number` is the change's, once approved."""

    id: uuid.UUID
    rule_id: str
    number: int | None
    region_code: str
    state: State
    params: dict[str, ParamValue]
    grade: Grade | None
    enabled: bool | None
    definition: str | None
    effective_from: datetime | None
    effective_until: datetime | None
    reason: str
    name: str
    drafted_at: datetime


class DraftPage(_View):
    """Drafts, the latest first; ask again with `after=next` while there is one."""

    drafts: list[DraftView]
    next: str | None


class DraftDetail(DraftView):
    """A drafted change with its history and its last back-test."""

    acts: list[ActView]
    backtest: BacktestView | None


class ChangeView(_View):
    """One change that is part of what is in force."""

    change_id: str
    number: int
    region_code: str
    effective_from: datetime
    effective_until: datetime | None
    reason: str


class SettingView(_View):
    """A rule as it is in force for the region and moment asked, and by which changes, the widest region's first."""

    rule_id: str
    version: str
    title: Bilingual
    grade: Grade
    enabled: bool
    params: dict[str, Any]
    changes: list[ChangeView]

    @classmethod
    def of(cls, rule: Rule, changes: Sequence[RuleChanged]) -> "SettingView":
        """A variant of a rule, and what made it."""
        return cls(
            rule_id=rule.id,
            version=rule.spec.version,
            title=rule.spec.title,
            grade=rule.spec.grade,
            enabled=rule.enabled,
            params=dict(rule.params),
            changes=[ChangeView.model_validate(change) for change in changes],
        )


class InForce(_View):
    """What is in force for a region at a moment."""

    region_code: str
    at: datetime
    rules: list[SettingView]
