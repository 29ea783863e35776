"""A change of a rule as one person drafts it and another decides on it. Pure."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.detector.errors import AlreadyDecided, BadDraft, NotBacktested, OwnDraft, PeriodOver
from services.detector.params import misfit
from services.detector.rules import Rule
from shared import regions
from shared.contracts.alerts import Grade
from shared.contracts.rulesets import Keeper, ParamValue, RuleChanged
from shared.principals import Principal
from shared.problems import FieldError

KEEPER = "rule_keeper"
State = Literal["drafted", "approved", "rejected"]
Act = Literal["drafted", "approved", "rejected", "backtest_started", "backtest_cancelled"]


@dataclass(frozen=True)
class Draft:
    """What is to be changed, where, from when until when, by whom and why. `number` is given on approval."""

    id: uuid.UUID
    rule_id: str
    number: int | None
    region_code: str
    state: State
    params: Mapping[str, ParamValue]
    grade: Grade | None
    enabled: bool | None
    definition: str | None
    effective_from: datetime | None
    effective_until: datetime | None
    reason: str
    subject: str
    person_key: str
    name: str
    drafted_at: datetime

    def checked(self, rule: Rule, now: datetime) -> "Draft":
        """This draft, if the rule can be judged by it; raises `BadDraft`."""
        if faults := list(self._faults(rule, now)):
            raise BadDraft("请按提示修改", "Please mend the named fields", faults)
        return self

    def decided_by(self, caller: Principal) -> None:
        """Refuse whoever drafted it, and a second decision; raises `OwnDraft`, `AlreadyDecided`."""
        if self.state != "drafted":
            raise AlreadyDecided(f"现为 {self.state}", f"It is {self.state}")
        if caller.subject == self.subject or caller.person_key == self.person_key:
            raise OwnDraft("须由另一人审批", "Another person must decide")

    def approved(
        self, number: int, caller: Principal, now: datetime, *, backtested: bool, without_backtest: str | None
    ) -> RuleChanged:
        """The change, in force from now on or from its later day; raises `NotBacktested`, `PeriodOver`."""
        if not backtested and not without_backtest:
            raise NotBacktested(
                "请先回测,或在 without_backtest 中写明不回测的理由",
                "Back-test it first, or say in `without_backtest` why not",
            )
        effective_from = max(self.effective_from or now, now)
        if self.effective_until and self.effective_until <= effective_from:
            raise PeriodOver("请重新起草", "Draft it anew")
        return RuleChanged(
            change_id=str(self.id),
            rule_id=self.rule_id,
            number=number,
            region_code=self.region_code,
            params=dict(self.params),
            grade=self.grade,
            enabled=self.enabled,
            definition=self.definition,
            effective_from=effective_from,
            effective_until=self.effective_until,
            reason=self.reason,
            drafted_by=Keeper(person_key=self.person_key, name=self.name),
            approved_by=Keeper(person_key=caller.person_key, name=caller.name),
            approved_at=now,
            without_backtest=None if backtested else without_backtest,
        )

    def _faults(self, rule: Rule, now: datetime) -> Iterator[FieldError]:
        for name, value in self.params.items():
            param = rule.spec.params.get(name)
            if param is None:
                known = ", ".join(rule.spec.params) or "-"
                yield FieldError(f"body.params.{name}", f"该规则没有此参数,可用:{known}", f"no such parameter; {known}")
            elif wrong := misfit(param, value):
                yield FieldError(f"body.params.{name}", wrong.zh, wrong.en)
        try:
            regions.region(self.region_code)
        except KeyError:
            yield FieldError("body.region_code", "本县没有这个地区", "no region of this county")
        if self.effective_from and self.effective_from < now:
            yield FieldError("body.effective_from", "不能早于现在", "it can't be in the past")
        if self.effective_until and self.effective_until <= (self.effective_from or now):
            yield FieldError("body.effective_until", "须晚于生效时间", "it must be later than the change begins")
