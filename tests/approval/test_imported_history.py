"""History enters with its own dates: the detector judges it by when things were done, not when they came in."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.approval import flows
from services.approval.cases import RoleHolder
from services.approval.imports.files import rows_of
from services.approval.imports.plan import Known, plan
from services.approval.imports.rows import RowReader, read_records
from services.approval.store import SOURCE
from services.detector.distil import facts_of
from services.detector.examples import judge_all
from shared.bus.envelope import Envelope
from shared.contracts.power import TOPIC, CaseEvent
from tests.detector.rulebook import RULEBOOK

VILLAGE = "330421103201"
TODAY = datetime(2026, 3, 2, 1, tzinfo=UTC)
KNOWN, IMPORTER = Known(flows.load(), {}, frozenset(), {}), RoleHolder("i", "导入", frozenset())
HEADER = "项目编号,节点,办理日期,工程名称,预计金额,验收结果,支付金额"


def imported(path: Path, *rows: str) -> list[CaseEvent]:
    path.write_text("\n".join((HEADER, *rows)), "utf-8")
    reading = read_records(rows_of(path, path.name, RowReader(flows.load(), "secret", VILLAGE)))
    assert not reading.faults
    records = sorted(reading.records, key=lambda record: record.order)
    made = plan(records, KNOWN, importer=IMPORTER, now=TODAY)
    return [event for change in made.changes for event in change.events]


def judged(rule_id: str, events: list[CaseEvent]) -> list[Any]:
    told = (
        Envelope.of(event, source=SOURCE, topic=TOPIC, key=VILLAGE, time=event.occurred_at, subject=event.case_id)
        for event in events
    )
    facts = [fact for envelope in told for fact in facts_of(envelope)]
    return [found for found in judge_all(RULEBOOK, facts, [], TODAY) if found.rule_id == rule_id]


def test_money_paid_before_the_acceptance_is_seen_by_the_days_of_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "EN1 工程.csv"
    opened, accepted, paid = (
        "G-1,,2024-03-01,修路,30000,,",
        "G-1,EN1-07,2024-05-20,修路,,是,",
        "G-1,EN1-08,2024年5月6日,修路,,,30000",
    )
    (found,) = judged("A002", imported(path, paid, accepted, opened))
    assert found.occurred_at.year == 2024
    assert not judged("A002", imported(path, opened, accepted, paid.replace("5月6日", "6月6日")))


@pytest.mark.parametrize(("months", "joined"), [((2, 4, 6), True), ((2, 14, 26), False)])
def test_works_split_within_a_year_are_seen_by_their_years(
    months: tuple[int, ...], joined: bool, tmp_path: Path
) -> None:
    days = [f"{2022 + (month - 1) // 12}-{(month - 1) % 12 + 1:02}-01" for month in months]
    rows = [f"G-{at},,{day},桥栏杆,45000,," for at, day in enumerate(days)]
    found = judged("A075", imported(tmp_path / "EN1 工程.csv", *rows))
    assert bool(found) is joined
