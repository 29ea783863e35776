"""What was read at a node as an event for the detector. `fact_of` is pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from services.approval.recognition import twins
from services.approval.recognition.comparing import compare
from services.approval.recognition.extraction import Found
from services.approval.recognition.twins import Twin
from services.approval.store import SOURCE
from shared.bus.envelope import Envelope
from shared.bus.outbox import publish
from shared.contracts.papers import PaperRead, PaperTwin
from shared.contracts.power import TOPIC
from shared.db import Connection

_MOST = 30
_BODY = re.compile(r"公司|厂|店|行|社|部|院|中心|站|场|队|会|局|所|办|村|镇|县|学校|银行|集团|超市|政府")
_UNTOLD = """
SELECT f.case_id, f.sequence, f.kind, f.sha256, f.village_code, r.state, r.found, e.data
FROM paper_filings f JOIN paper_readings r USING (sha256)
JOIN case_events e ON e.case_id = f.case_id AND e.sequence = f.sequence
WHERE f.told_at IS NULL AND r.state <> 'waiting' ORDER BY r.read_at LIMIT $1 FOR UPDATE OF f SKIP LOCKED
"""
_MARK = """
UPDATE paper_filings SET told_at = now() WHERE case_id = $1 AND sequence = $2 AND kind = $3 AND sha256 = $4
"""


async def tell(conn: Connection, most: int = 20) -> int:
    """Look for twins of papers that were read, and publish what stands on each; how many filings it dealt with."""
    rows = await conn.fetch(_UNTOLD, most)
    now = datetime.now(UTC)
    for row in rows:
        if row["state"] == "read":
            await twins.look_for(conn, row["sha256"], row["village_code"])
            alike = await twins.of_paper(conn, row["sha256"], str(row["case_id"]), row["village_code"])
            fact = fact_of(row["data"], row["kind"], row["sha256"], map(Found.from_row, row["found"]), alike, now)
            await publish(conn, [_envelope(fact)])
        await conn.execute(_MARK, row["case_id"], row["sequence"], row["kind"], row["sha256"])
    return len(rows)


def fact_of(
    event: Mapping[str, Any], kind: str, sha256: str, found: Iterable[Found], alike: Sequence[Twin], now: datetime
) -> PaperRead:
    """The event: what `event` filed, as it was read. A name that tells of no firm or body is a person's: left out."""
    found = tuple(found)
    compared = compare(kind, event.get("fields", {}), found)
    case = {name: event[name] for name in PaperRead.model_fields.keys() & event.keys() - {"occurred_at"}}
    totals = (one for one in found if one.role == "total")
    return PaperRead.model_validate(
        case
        | {
            "filed_sequence": event["sequence"],
            "filed_at": event["occurred_at"],
            "occurred_at": now,
            "kind": kind,
            "sha256": sha256,
            "amounts_fen": _values(found, "amount"),
            "totals_fen": _values(totals, "amount"),
            "dates": _values(found, "date"),
            "parties": [name for name in _values(found, "party") if _BODY.search(name)],
            "credit_codes": _values(found, "credit_code"),
            "invoice_nos": _values(found, "invoice_no"),
            "agrees": [each.field for each in compared if each.outcome == "agrees"],
            "differs": [each.field for each in compared if each.outcome == "differs"],
            "twins": [PaperTwin(**vars(twin)) for twin in alike],
        }
    )


def _values(found: Iterable[Found], kind: str) -> list[str]:
    return list(dict.fromkeys(one.value for one in found if one.kind == kind))[:_MOST]


def _envelope(fact: PaperRead) -> Envelope:
    told = f"{fact.TYPE}|{fact.case_id}|{fact.filed_sequence}|{fact.kind}|{fact.sha256}"
    return Envelope.of(
        fact,
        source=SOURCE,
        topic=TOPIC,
        key=fact.village_code,
        time=fact.occurred_at,
        subject=fact.case_id,
        id=str(uuid5(NAMESPACE_URL, told)),
    )
