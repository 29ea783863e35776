"""Events of `alerts.raised` (detector) and `alerts.lifecycle` (notifier).

Key of both: the alert id. An alert over several towns may change its town, and its revisions must stay in order.
"""

from typing import ClassVar, Literal

from pydantic import Field

from shared.contracts.base import Contract, Fen, RegionCode, UtcTime
from shared.contracts.power import Matter

RAISED_TOPIC = "alerts.raised"
LIFECYCLE_TOPIC = "alerts.lifecycle"
Grade = Literal["red", "yellow", "prompt"]


class Bilingual(Contract):
    """One sentence in Chinese and in English."""

    zh: str
    en: str


class Evidence(Contract):
    """One value or record that made the rule fire. `source` names the event or record it came from."""

    label: Bilingual
    value: str
    source: str | None = None
    occurred_at: UtcTime | None = None


class Parameter(Contract):
    """A parameter of the rule as it was in force, told for people; `unit` is in Chinese and English, `天/day`."""

    name: str
    label: Bilingual
    value: str
    unit: str = ""


class About(Contract):
    """An official the alert is about: an alert about a town's official must not land on his own town's desk.

    `kin` are the keys of his kin up to two steps, as the kinship register had them: it must not come to them either.
    """

    person_key: str
    name: str
    level: Literal["village", "town", "county"]
    region_code: RegionCode
    kin: tuple[str, ...] = ()


class Party(Contract):
    """One whom the finding is about, to group alerts by and to draw ties. A person's name is empty unless the
    evidence shows it; `key` is a credit code, a person's or an account's key."""

    kind: Literal["company", "person", "account"]
    key: str
    name: str = ""


class Alert(Contract):
    """A finding of one rule about one subject, with everything a reader needs to judge it.

    `alert_id` is UUIDv5 of (rule id, dedupe key); `revision` counts its changes from 1; `occurred_at` is event time.
    """

    alert_id: str
    revision: int = 1
    rule_id: str
    rule_version: str
    title: Bilingual
    grade: Grade
    matter: Matter
    village_code: RegionCode
    town_code: RegionCode
    case_ids: tuple[str, ...] = ()
    case_nos: tuple[str, ...] = ()
    node: str | None = None
    dedupe_key: str
    explanation: Bilingual
    evidence: tuple[Evidence, ...] = ()
    params: dict[str, float | int | str] = Field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    basis: tuple[str, ...] = ()
    innocent_explanations: tuple[Bilingual, ...] = ()
    about: tuple[About, ...] = ()
    parties: tuple[Party, ...] = ()
    village_visible: bool = False
    occurred_at: UtcTime


class AlertRaised(Alert):
    """A rule fired for the first time on this subject."""

    TYPE: ClassVar[str] = "alert.raised.v1"


class AlertUpdated(Alert):
    """The same finding, with more or other evidence."""

    TYPE: ClassVar[str] = "alert.updated.v1"


class AlertWithdrawn(Contract):
    """What is known now no longer supports the finding; it stays on record with this reason."""

    TYPE: ClassVar[str] = "alert.withdrawn.v1"
    alert_id: str
    revision: int
    rule_id: str
    village_code: RegionCode
    town_code: RegionCode
    reason: Bilingual
    occurred_at: UtcTime


class AlertStateChanged(Contract):
    """The notifier moved an alert along its life cycle.

    A judgement tells its `outcome`, the code of the innocent `explanation` accepted, the money recovered and how many
    `people` were held to account. `due_by` is when it must leave its new state; a term that was extended is told with
    `state_from` and `state_to` the same.
    """

    TYPE: ClassVar[str] = "alert.state_changed.v1"
    alert_id: str
    rule_id: str
    grade: Grade
    matter: Matter
    village_code: RegionCode
    town_code: RegionCode
    state_from: str
    state_to: str
    by_role: str | None = None
    outcome: str | None = None
    explanation: str | None = None
    recovered_fen: Fen | None = None
    people: int | None = None
    due_by: UtcTime | None = None
    occurred_at: UtcTime
