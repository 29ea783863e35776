"""Silences: what one person proposes to keep quiet for a time, and another approves. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.notifier.errors import BadSilence, OwnSilence, SilenceDecided, SilenceNotYours, SilenceOver
from shared.contracts.alerts import Alert, Grade
from shared.principals import Grant, Principal
from shared.problems import FieldError

State = Literal["proposed", "approved", "ended"]
Act = Literal["proposed", "approved", "ended"]


class SilenceTerms(BaseModel):
    """Who may propose, approve and read silences, and for how many days at most one may last: from `noise.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    longest_days: int = Field(ge=1, le=366)
    proposers: tuple[str, ...]
    approvers: tuple[str, ...]
    red_approvers: tuple[str, ...]
    readers: tuple[str, ...]


@dataclass(frozen=True)
class Matchers:
    """What falls silent: alerts of these grades in a region, that fit all of the others that are given.

    `case` is a case's number or id, `party` the key of a company, person or account.
    """

    region_code: str
    grades: frozenset[Grade]
    rule_id: str | None = None
    matter: str | None = None
    case: str | None = None
    party: str | None = None

    def fit(self, alert: Alert, grade: Grade) -> bool:
        """Whether an alert, of this grade as it stands, is one of them."""
        return (
            grade in self.grades
            and Grant("", self.region_code).covers(alert.village_code)
            and self.rule_id in (None, alert.rule_id)
            and self.matter in (None, alert.matter)
            and (self.case is None or self.case in (*alert.case_ids, *alert.case_nos))
            and (self.party is None or any(self.party == party.key for party in alert.parties))
        )


@dataclass(frozen=True)
class Silence:
    """One silence. `people` are the person keys of who proposed and who approved it; times are UTC."""

    id: UUID
    matchers: Matchers
    reason: str
    ends_at: datetime
    state: State
    proposed_by: str
    proposed_name: str
    proposed_at: datetime
    people: frozenset[str]
    approved_name: str = ""
    approved_role: str = ""

    def active(self, now: datetime) -> bool:
        """Whether it keeps anything quiet now."""
        return self.state == "approved" and now < self.ends_at

    def mutes(self, alert: Alert, grade: Grade, now: datetime) -> bool:
        """Whether it keeps this alert quiet.

        Never what is about those who made it or their kin; and what is about an official of a town or the county,
        which passes over the town, only when the county approved.
        """
        if not self.active(now) or not self.matchers.fit(alert, grade):
            return False
        if self.people & {key for person in alert.about for key in (person.person_key, *person.kin)}:
            return False
        return self.approved_role == "county_secretary" or all(person.level == "village" for person in alert.about)

    def approved_by(self, caller: Principal, now: datetime, terms: SilenceTerms) -> "Silence":
        """It, in force; raises `SilenceDecided`, `SilenceOver`, `OwnSilence`, `SilenceNotYours`."""
        if self.state != "proposed":
            raise SilenceDecided("这条静默已经批准或结束", "This silence has been approved or ended already")
        if now >= self.ends_at:
            raise SilenceOver("截止时间已过,请重新申请", "Its end has passed: propose it anew")
        if caller.subject == self.proposed_by or caller.person_key in self.people:
            raise OwnSilence(
                "申请人不能批准自己的静默,须由另一人批准", "Another person than its proposer must approve it"
            )
        wanted = terms.red_approvers if "red" in self.matchers.grades else terms.approvers
        role = _role(caller, wanted, self.matchers.region_code)
        return replace(
            self,
            state="approved",
            people=self.people | {caller.person_key},
            approved_name=caller.name,
            approved_role=role,
        )

    def ended_by(self, caller: Principal, now: datetime, terms: SilenceTerms) -> "Silence":
        """It, ended before its time, or its proposal taken back or refused; raises `SilenceDecided`,
        `SilenceNotYours`."""
        if self.state == "ended" or now >= self.ends_at:
            raise SilenceDecided("这条静默已经结束", "This silence has ended already")
        if caller.subject != self.proposed_by:
            _role(caller, terms.approvers, self.matchers.region_code)
        return replace(self, state="ended")


def propose(
    id: UUID, matchers: Matchers, reason: str, ends_at: datetime, caller: Principal, now: datetime, terms: SilenceTerms
) -> Silence:
    """A silence as proposed; raises `BadSilence`, which names the fields, or `SilenceNotYours`."""
    if faults := list(_faults(matchers, reason, ends_at, now, terms)):
        raise BadSilence("请按提示修改", "Please mend the named fields", faults)
    _role(caller, terms.proposers, matchers.region_code)
    return Silence(
        id=id,
        matchers=matchers,
        reason=reason.strip(),
        ends_at=ends_at,
        state="proposed",
        proposed_by=caller.subject,
        proposed_name=caller.name,
        proposed_at=now,
        people=frozenset({caller.person_key}),
    )


def _faults(
    matchers: Matchers, reason: str, ends_at: datetime, now: datetime, terms: SilenceTerms
) -> Iterator[FieldError]:
    if not matchers.grades:
        yield FieldError("grades", "请至少选择一个等级", "Choose at least one grade")
    if not (matchers.rule_id or matchers.matter or matchers.case or matchers.party):
        yield FieldError(
            "rule_id",
            "规则、事项、案件、主体至少填一项,不能静默整个地区",
            "Name a rule, matter, case or party: a whole region can't be silenced",
        )
    if not reason.strip():
        yield FieldError("reason", "请写明理由", "Say why")
    if ends_at <= now:
        yield FieldError("ends_at", "截止时间须晚于现在", "The end must lie in the future")
    elif ends_at > now + timedelta(days=terms.longest_days):
        yield FieldError(
            "ends_at", f"最长 {terms.longest_days} 天", f"It may last {terms.longest_days} days at the longest"
        )


def _role(caller: Principal, wanted: tuple[str, ...], region: str) -> str:
    """The role under which the caller may do this there."""
    roles = caller.roles_in(region)
    if found := next((role for role in wanted if role in roles), None):
        return found
    raise SilenceNotYours(
        f"须由本地区以下岗位之一办理:{'、'.join(wanted)}",
        f"One of these posts for the region is needed: {', '.join(wanted)}",
    )
