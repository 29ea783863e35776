"""Appeals of residents raise A028 in the detector: whatever comes first, in batches of any size."""

import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from shared.bus.envelope import Envelope
from shared.contracts import appeals
from tests.integration.test_detector import (
    MORNING,
    VILLAGE,
    alerts,
    case_id,
    db,
    detector,
    forget,
    meaning,
    opened,
    take,
)

__all__ = ["db"]
TOWN = "330421107000"


def appeal(event: type[appeals.AppealEvent], revision: int, **more: Any) -> Envelope:
    at = MORNING + timedelta(days=more.pop("days"))
    told: dict[str, Any] = {
        "appeal_id": "5b0a0e0e-6f4a-5a39-9d1e-2f1f3a4b5c6d",
        "village_code": VILLAGE,
        "desk": TOWN,
        "kind": "complaint",
        "case_id": case_id(1),
        "case_no": "EN-0001",
        "state": "filed",
        "filed_at": MORNING + timedelta(days=1),
        "occurred_at": at,
    }
    return Envelope.of(
        event(**told | more, revision=revision), source="/disclosure", topic=appeals.TOPIC, key=VILLAGE, time=at
    )


def late() -> list[Envelope]:
    """Filed, taken up, answered after twenty-five days."""
    first = MORNING + timedelta(days=1)
    accepted = {"accepted_at": first, "state": "handling"}
    return [
        appeal(appeals.AppealFiled, 1, days=1),
        appeal(appeals.AppealAccepted, 2, days=1, **accepted),
        appeal(
            appeals.AppealAnswered,
            3,
            days=26,
            **accepted | {"state": "answered"},
            answered_at=first + timedelta(days=25),
        ),
    ]


@pytest.fixture
async def reference_outcome(db: Any) -> Any:
    await take(db, detector(), [opened(1), *late()])
    found = meaning(await alerts(db, rule="A028"))
    await forget(db)
    return found


@pytest.mark.parametrize(("first", "size"), list(itertools.product(("case", "appeal"), (1, 500))))
async def test_an_appeal_answered_late_is_one_red_alert(
    db: Any, reference_outcome: dict[str, Any], first: str, size: int
) -> None:
    events: Sequence[Envelope] = [opened(1), *late()] if first == "case" else [*late(), opened(1)]
    await take(db, detector(), events, size)
    found = await alerts(db, rule="A028")
    assert [alert["grade"] for alert in found.values()] == ["red"]
    assert meaning(found) == reference_outcome


async def test_an_answer_in_time_withdraws_what_silence_raised_and_reports_are_left_out(db: Any) -> None:
    one = detector()
    report = appeal(appeals.AppealFiled, 1, days=1, kind="report", case_no=None, appeal_id=case_id(99))
    other = appeal(appeals.AppealFiled, 1, days=1, case_no=None, appeal_id=case_id(98))
    await take(db, one, [opened(1), report, other, *late()])
    assert len(await alerts(db, rule="A028")) == 1
    corrected = appeal(
        appeals.AppealAnswered,
        4,
        days=27,
        state="answered",
        accepted_at=MORNING + timedelta(days=1),
        answered_at=MORNING + timedelta(days=5),
    )
    await take(db, one, [corrected])
    assert not await alerts(db, rule="A028")
    assert len(await alerts(db, "withdrawn", rule="A028")) == 1
