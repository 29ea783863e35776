"""What the reader asks for: a period, a region of his own, and of a list its filters."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from services.disclosure.cockpit.errors import BadRegion, NotYourRegion
from services.disclosure.cockpit.period import Period
from services.disclosure.cockpit.plan import Plan
from shared import regions
from shared.auth import require
from shared.db import region_prefix
from shared.principals import Principal
from shared.problems import FieldError

_WIDEST = ("city", "county", "town", "village")
_CODE = r"^\d{12}$"
Word = Annotated[str, Field(max_length=80)]


class PeriodChoice(BaseModel):
    """A period in a region: `period`, or `from` and `to`; the month that runs and all of one's own without them."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    period: Annotated[str | None, Field(max_length=10, examples=["2026-02", "2026-Q1", "2026"])] = None
    since: Annotated[date | None, Field(alias="from", description="起始日 / first day")] = None
    until: Annotated[date | None, Field(alias="to", description="截止日 / last day")] = None
    region: Annotated[str | None, Field(max_length=12, examples=["330421107000"])] = None

    def asked(self, today: date) -> Period:
        """The period; raises `BadPeriod`."""
        return Period.of(self.period or None, self.since, self.until, today)


class ListChoice(PeriodChoice):
    """A page of a list."""

    after: Annotated[str | None, Field(max_length=300, description="上一页的 next / `next` of the page before")] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50

    def filters(self) -> dict[str, Any]:
        """What narrows the list, as a link says it."""
        beside = {*PeriodChoice.model_fields, "after", "limit"}
        return {
            name: value for name, value in self.model_dump(exclude=beside).items() if value not in (None, "", False)
        }


class AlertChoice(ListChoice):
    """Alerts. `graded` are red and yellow; `judged` those judged in the period, whenever they happened."""

    grade: Literal["", "graded", "red", "yellow", "prompt"] = ""
    state: Literal["", "acknowledged", "open", "overdue", "closed", "reopened", "withdrawn", "judged", "recovered"] = ""
    matter: Word = ""
    rule: Word = ""
    institution: Word = ""
    outcome: Word = ""
    contractor: Word = ""
    case: Word = ""


class CaseChoice(ListChoice):
    """Cases opened, completed or contracted in the period, or those that its alerts are about."""

    which: Literal["opened", "closed", "contracted", "at_stake"] = "opened"
    matter: Word = ""
    flow: Word = ""
    contractor: Word = ""


class StepChoice(ListChoice):
    """Handlings of nodes in the period."""

    flow: Word = ""
    node: Word = ""
    late: bool = False


class ProposalChoice(ListChoice):
    """Supervision proposals served in the period; `so_far` also those before it, as the gaps count them."""

    which: Literal["served", "so_far"] = "served"
    state: Literal["", "answered", "adopted"] = ""
    institution: Word = ""


class Seat(BaseModel):
    """Where the reader looks: one region of his own. `within` is its LIKE pattern."""

    model_config = ConfigDict(frozen=True)

    region: str
    within: str

    @classmethod
    def of(cls, caller: Principal, region: str | None, plan: Plan) -> Self:
        """The region asked for, else the reader's widest; raises `NotAllowed`, `BadRegion`, `NotYourRegion`."""
        require(caller, *plan.readers)
        own = sorted(
            (grant for grant in caller.grants if grant.role in plan.readers),
            key=lambda grant: (_WIDEST.index(regions.level_of(grant.region)), grant.region),
        )
        if not region:
            return cls(region=own[0].region, within=region_prefix(own[0].region))
        if len(region) != 12 or not (region.isascii() and region.isdigit()):
            field = FieldError("query.region", "应为 12 位地区代码", "A code of 12 digits is needed")
            raise BadRegion("请按提示修改", "Please mend the named field", [field])
        if not any(grant.covers(region) for grant in own):
            raise NotYourRegion("只能查看本人地区及其下级", "Only your own region and those below it are shown")
        return cls(region=region, within=region_prefix(region))
