"""Events of `appeals.events` (disclosure): how far a resident's appeal has come. Key: the village code.

Each carries the whole standing of its appeal, so that the last one says all. None says who filed it or what was
written; a report of wrongdoing is told without its case, lest whoever handles that case learns of it.
"""

from typing import ClassVar, Literal

from shared.contracts.base import Contract, RegionCode, UtcTime

TOPIC = "appeals.events"
Kind = Literal["question", "suggestion", "complaint", "report"]
State = Literal["filed", "handling", "answered", "closed"]


class AppealEvent(Contract):
    """How an appeal stands. `revision` counts its changes from 1; `desk` is the town, county or city that handles it.

    `accepted_at` and `answered_at` tell of the first time, `redone_at` of the answer after one that was refused;
    `unsatisfied` counts refusals. `due_by` is when it must leave its state.
    """

    appeal_id: str
    revision: int
    village_code: RegionCode
    desk: RegionCode
    kind: Kind
    case_id: str | None = None
    case_no: str | None = None
    state: State
    filed_at: UtcTime
    accepted_at: UtcTime | None = None
    answered_at: UtcTime | None = None
    redone_at: UtcTime | None = None
    unsatisfied: int = 0
    satisfied: bool | None = None
    reopened: bool = False
    overdue: bool = False
    due_by: UtcTime | None = None
    occurred_at: UtcTime


class AppealFiled(AppealEvent):
    """A resident filed an appeal."""

    TYPE: ClassVar[str] = "appeal.filed.v1"


class AppealAccepted(AppealEvent):
    """Its desk took an appeal up."""

    TYPE: ClassVar[str] = "appeal.accepted.v1"


class AppealForwarded(AppealEvent):
    """An appeal went to another desk."""

    TYPE: ClassVar[str] = "appeal.forwarded.v1"


class AppealExtended(AppealEvent):
    """Its desk took more time to answer an appeal."""

    TYPE: ClassVar[str] = "appeal.extended.v1"


class AppealOverdue(AppealEvent):
    """A term of an appeal ran out in silence; it went a level up, where there is one."""

    TYPE: ClassVar[str] = "appeal.overdue.v1"


class AppealAnswered(AppealEvent):
    """An appeal was answered, or answered again."""

    TYPE: ClassVar[str] = "appeal.answered.v1"


class AppealRated(AppealEvent):
    """Its author said whether the answer satisfies him."""

    TYPE: ClassVar[str] = "appeal.rated.v1"


class AppealReopened(AppealEvent):
    """Its author didn't accept the answer: the appeal is handled once more, a level up."""

    TYPE: ClassVar[str] = "appeal.reopened.v1"


class AppealClosed(AppealEvent):
    """An answered appeal was closed."""

    TYPE: ClassVar[str] = "appeal.closed.v1"


EVENTS: tuple[type[AppealEvent], ...] = (
    AppealFiled,
    AppealAccepted,
    AppealForwarded,
    AppealExtended,
    AppealOverdue,
    AppealAnswered,
    AppealRated,
    AppealReopened,
    AppealClosed,
)
