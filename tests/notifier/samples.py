"""One alert of each kind that the notifier's tests need."""

import uuid
from datetime import UTC, datetime
from typing import Any

from shared.contracts.alerts import About, Alert, AlertRaised, AlertWithdrawn, Bilingual, Evidence

VILLAGE = "330421107201"
TOWN = "330421107000"
OTHER_TOWN = "330421105000"
COUNTY = "330421000000"
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)


def alert(**changed: Any) -> Alert:
    """A red alert of the village."""
    values: dict[str, Any] = {
        "alert_id": str(uuid.uuid4()),
        "rule_id": "split-purchase",
        "rule_version": "1",
        "title": Bilingual(zh="疑似化整为零", en="Split purchase"),
        "grade": "red",
        "matter": "PR",
        "village_code": VILLAGE,
        "town_code": TOWN,
        "case_nos": ("CG-2026-001",),
        "dedupe_key": "village|supplier",
        "explanation": Bilingual(
            zh="同一供应商三次采购合计超过限额", en="Three purchases from one supplier exceed the limit"
        ),
        "evidence": (
            Evidence(label=Bilingual(zh="合计", en="Total"), value="52000 元", source="event-1", occurred_at=NOW),
        ),
        "params": {"limit_fen": 5_000_000},
        "basis": ("村级小额采购管理办法第八条",),
        "innocent_explanations": (Bilingual(zh="应急抢修", en="Emergency repair"),),
        "occurred_at": NOW,
    }
    return Alert(**values | changed)


def raised(of: Alert, **changed: Any) -> AlertRaised:
    """The event that raises an alert."""
    return AlertRaised(**of.model_dump() | changed)


def withdrawn(of: Alert, revision: int = 2) -> AlertWithdrawn:
    """The event that takes an alert back."""
    return AlertWithdrawn(
        alert_id=of.alert_id,
        revision=revision,
        rule_id=of.rule_id,
        village_code=of.village_code,
        town_code=of.town_code,
        reason=Bilingual(zh="登记更正后不再成立", en="No longer true after a correction"),
        occurred_at=NOW,
    )


def about(level: str, region: str, person_key: str = "someone") -> About:
    """An official whom an alert concerns."""
    return About(person_key=person_key, name="某某", level=level, region_code=region)
