"""One line of time out of history, desks, readings and messages."""

from datetime import timedelta

from services.notifier.channels.channel_schemas import Receipt
from services.notifier.handling.history_schemas import HistoryDetails, HistoryEntry
from services.notifier.schemas import DeskView, Named, Reading
from services.notifier.workbench import timeline
from tests.notifier.samples import COUNTY, NOW, TOWN


def named(code: str) -> Named:
    return Named(code=code, zh=code, en=code)


def after(minutes: int) -> timedelta:
    return timedelta(minutes=minutes)


RAISED = HistoryEntry(
    at=NOW,
    kind=named("raised"),
    revision=1,
    state_from=named("not_pushed"),
    state_to=named("pushed"),
    by_name="",
    by_role=named("system"),
    note="",
    outcome=None,
    reason=None,
    details=HistoryDetails(),
)
READ = Reading(name="王书记", at=NOW + after(9))
DESK = DeskView.of(f"town_secretary@{TOWN}", "routed", NOW, NOW + after(60), [READ])
AUDITOR = DeskView.of(f"auditor@{COUNTY}", "audit", NOW + after(20), None, [Reading(name="何清", at=NOW + after(20))])


def message(**changed: object) -> Receipt:
    values = {"channel": named("sms"), "recipient": "139****0001", "desks": [], "kind": named("raised")}
    values |= {"state": "delivered", "queued_at": NOW + after(1), "attempted_at": NOW + after(2), "next_at": None}
    values |= {"delivered_at": NOW + after(3), "attempts": 1, "status": 200, "provider_id": None, "error": None}
    return Receipt.model_validate(values | changed)


def test_all_that_happened_stands_in_its_order() -> None:
    moments = timeline.merged([RAISED], [DESK, AUDITOR], [message()])
    assert [(m.kind, (m.at - NOW).seconds // 60) for m in moments] == [
        ("entry", 0),
        ("arrived", 0),
        ("sent", 1),
        ("taken", 3),
        ("read", 9),
        ("read", 20),
        ("left", 60),
    ]


def test_what_could_not_be_delivered_is_told_when_it_was_given_up() -> None:
    moments = timeline.merged([], [], [message(state="given_up", delivered_at=None)])
    assert [m.kind for m in moments] == ["sent", "given_up"]
    waiting = timeline.merged([], [], [message(state="waiting", delivered_at=None)])
    assert [m.kind for m in waiting] == ["sent"]
