"""How the day's work goes, as `work.yaml` says it: reminders, deputies, batches, drafts. Pure."""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from services.approval.flows import Node
from services.approval.rest import PageSize
from shared.principals import Grant
from shared.regions import level_of

_FILE = Path(__file__).with_name("work.yaml")
Count = Annotated[int, Field(ge=1)]


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reminder(_Told):
    """For terms of up to `term_days`: told as near `days_before` working days before the last day."""

    term_days: Count
    days_before: Annotated[int, Field(ge=0)]


class Batch(_Told):
    """How many cases at once, and what a batch may ask once for all of them."""

    most: Count
    fields: frozenset[str]
    papers: frozenset[str]


class Plan(_Told):
    """All of it."""

    reminders: Annotated[tuple[Reminder, ...], Field(min_length=1)]
    deputies: dict[str, tuple[str, ...]]
    approvers: dict[Literal["village", "town", "county"], tuple[str, ...]]
    approvers_of_role: dict[str, tuple[str, ...]]
    longest_absence_days: Count
    batch: Batch
    draft_days: Count
    mention_days: Count
    reminders_a_page: PageSize

    def days_before(self, node: Node) -> int:
        """How many working days before its last day the node's term is told as near."""
        days = node.term.days if node.term else 0
        return next((each for each in self.reminders if days <= each.term_days), self.reminders[-1]).days_before

    def may_stand_in(self, held: frozenset[str], role: str) -> bool:
        """Whether somebody who holds these roles in a place may stand in for this role there."""
        return not held.isdisjoint(self.deputies.get(role, ()))

    def approvers_of(self, grant: Grant) -> tuple[str, ...]:
        """The roles that approve of a deputy for this grant; none above the county."""
        level = level_of(grant.region)
        return () if level == "city" else self.approvers_of_role.get(grant.role, self.approvers[level])

    def in_batches(self, node: Node) -> bool:
        """Whether a node can be done for several cases at once: a decision that asks nothing of each case's own.

        A paper that can't be shared is taken from the case's earlier steps. Each case has votes of its own.
        """
        return (
            node.decision
            and not node.by_ballot
            and {use.name for use in node.form if use.required} <= self.batch.fields
        )


@cache
def plan() -> Plan:
    """The file, checked; raises pydantic's `ValidationError` for an unsound one."""
    return Plan.model_validate(yaml.safe_load(_FILE.read_text(encoding="utf-8")))
