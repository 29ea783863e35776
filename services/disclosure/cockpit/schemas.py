"""The cockpit as others read it: figures and tables of a period in a region. Money is fen, times UTC."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field

from services.disclosure.cockpit.plan import Unit
from services.disclosure.schemas import Bilingual, Named


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Span(_Frozen):
    """A period: its days, both included."""

    name: str = Field(examples=["2026-02"])
    zh: str
    first: date
    last: date


class Figure(_Frozen):
    """One number. A share is 0 to 1, hours are working hours; `of` is what it is taken of, `few` when that is few.

    `before` is that of the period it is compared with.
    """

    key: str
    unit: Unit
    value: float | None
    before: float | None
    of: int | None = None
    few: bool = False


class Group(_Frozen):
    """Alerts of one matter, rule or place. `per_hundred` are red and yellow ones for each 100 cases opened there."""

    code: str
    name: Bilingual
    red: int
    yellow: int
    process: int
    closed: int
    overdue: int
    at_stake_fen: int
    cases: int | None = None
    per_hundred: float | None = None
    few: bool = False

    @property
    def alerts(self) -> int:
        """Red and yellow."""
        return self.red + self.yellow


class Slot(_Frozen):
    """Alerts that happened from `first` to `last`."""

    first: date
    last: date
    red: int
    yellow: int
    process: int


class Outcome(_Frozen):
    """What was decided on how many alerts."""

    code: str
    name: Bilingual
    alerts: int
    recovered_fen: int
    people: int


class Node(_Frozen):
    """How long one node took: days are working days."""

    node: str
    flow: str
    name: Bilingual
    flow_name: Bilingual
    steps: int
    median_days: float | None
    p90_days: float | None
    late: int
    with_term: int
    late_share: float | None
    few: bool


class Contractor(_Frozen):
    """What one contractor got. `alerts` are red and yellow alerts of the period on cases of his."""

    key: str
    name: str
    works: int
    fen: int
    share: float | None
    villages: int
    alerts: int


class Concentration(_Frozen):
    """How the contracted money of one place is spread."""

    code: str
    name: Bilingual
    contractors: int
    works: int
    fen: int
    largest: str
    largest_share: float | None
    hhi: float | None
    few: bool


class GapPlace(_Frozen):
    """One institution in one place: its alerts, and the proposals made on it so far."""

    code: str
    name: Bilingual
    alerts: int
    made: int
    answered: int
    adopted: int
    gap: bool


class Gap(_Frozen):
    """One institution: alerts of the rules that ask for it, proposals made on it so far, and where it is missing."""

    code: str
    name: Bilingual
    rules: tuple[str, ...]
    alerts: int
    made: int
    answered: int
    adopted: int
    places: tuple[GapPlace, ...]

    @property
    def missing(self) -> tuple[GapPlace, ...]:
        """The places with a gap."""
        return tuple(place for place in self.places if place.gap)


class Overview(_Frozen):
    """All of the cockpit. `compared` is the period that figures are compared with."""

    region: Named
    period: Span
    compared: Span
    as_of: datetime
    figures: tuple[Figure, ...]
    by_matter: tuple[Group, ...]
    by_rule: tuple[Group, ...]
    by_place: tuple[Group, ...]
    by_time: tuple[Slot, ...]
    outcomes: tuple[Outcome, ...]
    nodes: tuple[Node, ...]
    contractors: tuple[Contractor, ...]
    places_contracting: tuple[Concentration, ...]
    gaps: tuple[Gap, ...]

    def figure(self, key: str) -> Figure:
        """One of the figures."""
        return next(one for one in self.figures if one.key == key)


class Explained(_Frozen):
    """How a figure or table is counted."""

    key: str
    name: Bilingual
    how: Bilingual
    unit: Unit | None = None


class Definitions(_Frozen):
    """How everything is counted."""

    small_sample: int
    figures: tuple[Explained, ...]
    tables: tuple[Explained, ...]


class ListedAlert(_Frozen):
    """An alert in a list; `link` leads to the notifier's page of it, `case_nos` number its `case_ids`."""

    alert_id: str
    rule_id: str
    title: Bilingual
    grade: str
    matter: str | None
    village: Named
    town: Named
    happened_at: datetime
    delivered_at: datetime | None
    acknowledged_at: datetime | None
    closed_at: datetime | None
    due_at: datetime | None
    overdue: bool
    withdrawn: bool
    reopened: int
    outcome: str | None
    recovered_fen: int
    case_ids: tuple[str, ...]
    case_nos: tuple[str, ...] = ()
    link: str


class ListedCase(_Frozen):
    """A case in a list; `link` leads to its page."""

    case_id: str
    case_no: str
    flow: str
    flow_name: Bilingual
    matter: str
    village: Named
    town: Named
    state: str
    opened_at: datetime
    closed_at: datetime | None
    node: str | None
    due_at: datetime | None
    amount_fen: int | None
    amount_kind: str | None
    contractor: str | None
    alerts: int
    link: str


class ListedStep(_Frozen):
    """A handling of a node in a list."""

    case_id: str
    sequence: int
    node: str
    name: Bilingual
    flow: str
    village: Named
    town: Named
    started_at: datetime | None
    due_at: datetime | None
    done_at: datetime
    days: float | None
    late: bool | None
    returned: bool
    backfilled: bool
    link: str


class ListedProposal(_Frozen):
    """A supervision proposal in a list; `link` leads to the notifier's page of it.

    `adopted` is what became of it; `alerts_before` and `alerts_after` those of its rule in equal spans of
    `compared_days` before and after serving, once it was followed up.
    """

    proposal_id: str
    rule_id: str
    institution: Bilingual
    region: Named
    issued_by: Named
    alerts: int
    served_at: datetime
    answered_at: datetime | None
    adopted: str | None
    overdue: bool
    alerts_before: int | None
    alerts_after: int | None
    compared_days: int | None
    link: str


class AlertPage(_Frozen):
    """A page of alerts, the latest first, and the cursor of the next."""

    items: tuple[ListedAlert, ...]
    next: str | None


class CasePage(_Frozen):
    """A page of cases, the latest opened first, and the cursor of the next."""

    items: tuple[ListedCase, ...]
    next: str | None


class StepPage(_Frozen):
    """A page of handlings, the latest first, and the cursor of the next."""

    items: tuple[ListedStep, ...]
    next: str | None


class ProposalPage(_Frozen):
    """A page of proposals, the latest served first, and the cursor of the next."""

    items: tuple[ListedProposal, ...]
    next: str | None
