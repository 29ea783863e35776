"""A rule's own test cases: short notations of events and records, judged by the rule alone. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from itertools import count
from typing import Any

from services.detector.detection import Finding, detect, needs_of
from services.detector.distil import Fact, facts_of
from services.detector.registers import Reference
from services.detector.rules import Example, Rule, Rulebook
from shared.bus.envelope import Envelope
from shared.contracts.power import TOPIC, Actor, CaseEvent, CaseOpened, CaseWithdrawn, NodeCompleted, NodeReturned
from shared.contracts.reference import DATASETS, Record
from shared.workdays import SHANGHAI

_VILLAGE = "330421107201"
_ACTOR = Actor(person_key="p-handler", name="经办人", role="handler")
_PAPER = {"sha256": "0" * 64, "name": "paper.pdf", "size": 1}
_NOON = time(12, tzinfo=SHANGHAI)


def findings_of(rule: Rule, example: Example) -> list[Finding]:
    """What the rule finds in an example; a fault is raised as `AssertionError`."""
    rulebook = Rulebook([replace(rule, params={**rule.params, **example.params})])
    records = [_record(row) for row in example.records]
    events = list(events_of(example.events))
    now = _moment(example.now) if example.now else max(event.time for event in events)
    return judge_all(rulebook, [fact for event in events for fact in facts_of(event)], records, now)


def judge_all(rulebook: Rulebook, facts: Sequence[Fact], records: Sequence[Record], now: datetime) -> list[Finding]:
    """Every finding on every key of these facts."""
    known = Reference.of(records)
    by_key: dict[str, list[Fact]] = {}
    for fact in facts:
        by_key.setdefault(fact.key, []).append(fact)
    found: dict[str, Finding] = {}
    for key, some in sorted(by_key.items()):
        detection = detect(rulebook, key, some, _asked(key, some, known), now)
        assert not detection.faults, detection.faults
        found.update({finding.alert_id: finding for finding in detection.findings})
    return list(found.values())


def _asked(key: str, facts: Sequence[Fact], known: Reference) -> Reference:
    """Only what the key's needs name, as the service asks for it: a need left out shows here."""
    asked = Reference()
    while True:
        needs = needs_of(key, facts, asked)
        if needs <= asked.found.keys():
            return asked
        asked = Reference({need: known.found.get(need, ()) for need in needs})


def mismatch(rule: Rule, example: Example) -> str | None:
    """What differs from what the example expects, or None."""
    found = sorted(findings_of(rule, example), key=lambda finding: finding.dedupe_key)
    told = [(finding.grade, finding.dedupe_key, finding.case_ids) for finding in found]
    wanted = [(one.grade, one.dedupe, one.cases) for one in example.expect]
    if len(told) != len(wanted):
        return f"{len(wanted)} findings expected, found {told}"
    for (grade, key, cases), (wanted_grade, wanted_key, wanted_cases) in zip(told, wanted, strict=True):
        same = grade == wanted_grade and wanted_key in (None, key) and wanted_cases in (None, cases)
        if not same:
            return f"expected {(wanted_grade, wanted_key, wanted_cases)}, found {(grade, key, cases)}"
    return None


def events_of(rows: Sequence[Mapping[str, Any]]) -> Iterator[Envelope]:
    """The events of a short notation, numbered within their case in the order written."""
    numbers: dict[str, count[int]] = {}
    flows: dict[str, str] = {}
    for row in rows:
        case = row.get("case", "c1")
        flow = flows.setdefault(case, row.get("flow") or row["node"].rsplit("-", 1)[0])
        number = row.get("sequence") or next(numbers.setdefault(case, count(1)))
        event = _event(row, case, flow, number)
        yield Envelope.of(
            event,
            source="/approval",
            topic=TOPIC,
            key=event.village_code,
            time=event.occurred_at,
            id=f"{case}#{number}",
        )


def _event(row: Mapping[str, Any], case: str, flow: str, number: int) -> CaseEvent:
    village = row.get("village", _VILLAGE)
    common: dict[str, Any] = {
        "case_id": case,
        "case_no": row.get("no", case.upper()),
        "title": row.get("title", case),
        "matter": flow[:2],
        "flow": flow,
        "village_code": village,
        "town_code": village[:9] + "000",
        "sequence": number,
        "occurred_at": _moment(row["at"]),
        "actor": _ACTOR,
        "fields": row.get("fields", {}),
        "next_node": row.get("next"),
        "next_due_at": _moment(row["next_due"]) if "next_due" in row else None,
    }
    if "node" not in row:
        return CaseOpened(**{**common, "next_node": row.get("next", f"{flow}-01")})
    if "back_to" in row:
        return NodeReturned(**common, node=row["node"], to_node=row["back_to"], reason="退回补正")
    if row.get("withdrawn"):
        return CaseWithdrawn(**common, node=row["node"], reason="撤回")
    return NodeCompleted(
        **common,
        node=row["node"],
        documents=tuple({"kind": kind, **_PAPER} for kind in row.get("papers", ())),
        required_documents=tuple(row.get("required", row.get("papers", ()))),
        notice_ends_at=_moment(row["notice_ends"]) if "notice_ends" in row else None,
        due_at=_moment(row["due"]) if "due" in row else None,
        expected_node=row.get("expected"),
        backfilled="expected" in row,
    )


def _record(row: Mapping[str, Any]) -> Record:
    model = DATASETS[row["register"]]
    return model.model_validate({"id": row.get("id", "r"), **{name: row[name] for name in row if name != "register"}})


def _moment(told: Any) -> datetime:
    """A day (noon in Shanghai) or a moment."""
    if isinstance(told, datetime):
        return told if told.tzinfo else told.replace(tzinfo=SHANGHAI)
    if isinstance(told, date):
        return datetime.combine(told, _NOON)
    return datetime.combine(date.fromisoformat(told), _NOON) if len(told) == 10 else datetime.fromisoformat(told)
