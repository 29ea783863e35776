"""Appeals of residents as records of the register `appeals`, beside those that the county uploads. Pure.

An event tells all of its appeal, so the last one replaces the record: the same log leaves the same register.
"""

from services.detector.reference import RecordChange
from shared.bus.envelope import Envelope
from shared.contracts.appeals import EVENTS, AppealEvent
from shared.contracts.reference import Appeal

_EVENTS: dict[str, type[AppealEvent]] = {event.TYPE: event for event in EVENTS}  # type: ignore[attr-defined]


def appeal_of(event: Envelope) -> RecordChange | None:
    """The record of an appeal about a case; none of other appeals and types. Raises pydantic's error on a bad event."""
    contract = _EVENTS.get(event.type)
    told = contract.model_validate(event.data) if contract else None
    if told is None or told.case_no is None or told.kind == "report":
        return None
    record = Appeal(
        id=told.appeal_id,
        village_code=told.village_code,
        case_no=told.case_no,
        kind=told.kind,
        filed_at=told.filed_at,
        accepted_at=told.accepted_at,
        answered_at=told.answered_at,
        redone_at=told.redone_at,
        unsatisfied=told.unsatisfied,
    )
    return RecordChange(Appeal.DATASET, record.id, record)
