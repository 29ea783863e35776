"""Changes of registers on their way to the bus: who may make them, which say anything new, and their events."""

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from services.detector.uploads import Change, region_of
from shared.auth import require
from shared.bus import outbox
from shared.bus.envelope import Envelope
from shared.contracts.reference import RECORD_DELETED, RECORD_SET, topic
from shared.db import Connection
from shared.principals import Principal
from shared.regions import COUNTY
from shared.telemetry import current_traceparent

WRITERS = ("machine", "county_secretary")
_SOURCE = "/detector/reference"
_BATCH = 2000
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('reference'), hashtext($1))"
# What was said last counts before what is kept: that comes back from the bus a moment later.
_STANDING = """
SELECT asked.id, p.id IS NOT NULL AS said, p.digest, p.recorded_at, COALESCE(p.region_code, r.region_code) AS region,
       CASE WHEN p.id IS NULL THEN r.data END AS kept
FROM unnest($2::text[]) AS asked (id)
LEFT JOIN reference_published p ON p.dataset = $1 AND p.id = asked.id
LEFT JOIN reference_records r ON r.dataset = $1 AND r.id = asked.id
"""
_SAID = """
INSERT INTO reference_published AS p (dataset, id, region_code, digest, recorded_at)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bytea[], $5::timestamptz[])
ON CONFLICT (dataset, id) DO UPDATE SET
    region_code = excluded.region_code, digest = excluded.digest, recorded_at = excluded.recorded_at
"""


@dataclass
class Outcome:
    """How many records were set anew, deleted, or stood so already."""

    changed: int = 0
    deleted: int = 0
    unchanged: int = 0


@dataclass(frozen=True)
class _Standing:
    """A record as it was last said to be: where it belongs, its digest (None: not there), and the day of knowing."""

    region: str | None
    digest: bytes | None
    recorded_at: datetime | None


async def publish_changes(
    conn: Connection, caller: Principal, dataset: str, changes: Sequence[Change], now: datetime
) -> Outcome:
    """Publish, within the caller's transaction, those changes that change anything.

    `conn` sees all regions, or a record of another town could be overwritten unseen. Raises `NotAllowed` for a record
    that lies, or shall lie, in a region where the caller may not write.
    """
    await conn.execute(_LOCK, dataset)
    outcome = Outcome()
    for batch in _batches(changes):
        standing = await _standing(conn, dataset, [change.id for change in batch])
        _require_writer(caller, batch, standing)
        telling = [change for change in batch if _changes(change, standing[change.id])]
        await _tell(conn, dataset, telling, standing, now)
        deleted = sum(change.record is None for change in telling)
        outcome.deleted += deleted
        outcome.changed += len(telling) - deleted
        outcome.unchanged += len(batch) - len(telling)
    return outcome


def _batches(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    return (changes[start : start + _BATCH] for start in range(0, len(changes), _BATCH))


async def _standing(conn: Connection, dataset: str, ids: Sequence[str]) -> dict[str, _Standing]:
    found = {}
    for row in await conn.fetch(_STANDING, dataset, list(ids)):
        if row["said"] or row["kept"] is None:
            found[row["id"]] = _Standing(row["region"], row["digest"], row["recorded_at"])
        else:
            found[row["id"]] = _Standing(row["region"], _digest(row["kept"]), _recorded_at(row["kept"]))
    return found


def _require_writer(caller: Principal, changes: Sequence[Change], standing: Mapping[str, _Standing]) -> None:
    """Refuse whoever may not write in the regions of these records, as they are and as they shall be."""
    regions = {region_of(change.body, COUNTY) for change in changes if change.record}
    for change in changes:
        there = standing[change.id]
        if change.record is None or there.digest is not None:
            regions.add(there.region or COUNTY)
    for region in sorted(regions):
        require(caller, *WRITERS, region=region)


def _changes(change: Change, standing: _Standing) -> bool:
    if change.record is None:
        return standing.digest is not None
    recorded_at = change.record.recorded_at
    return standing.digest != _digest(change.body) or (recorded_at or standing.recorded_at) != standing.recorded_at


async def _tell(
    conn: Connection, dataset: str, changes: Sequence[Change], standing: Mapping[str, _Standing], now: datetime
) -> None:
    if not changes:
        return
    await outbox.publish(conn, [_event(dataset, change, now) for change in changes])
    await conn.execute(
        _SAID,
        dataset,
        [change.id for change in changes],
        [region_of(c.body, COUNTY) if c.record else standing[c.id].region for c in changes],
        [_digest(change.body) if change.record else None for change in changes],
        [(change.record.recorded_at or now) if change.record else None for change in changes],
    )


def _digest(body: Mapping[str, Any]) -> bytes:
    said = {name: value for name, value in body.items() if name != "recorded_at"}
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()


def _recorded_at(body: Mapping[str, Any]) -> datetime | None:
    return datetime.fromisoformat(body["recorded_at"]) if body.get("recorded_at") else None


def _event(dataset: str, change: Change, now: datetime) -> Envelope:
    """A record as it is from now on, or its tombstone."""
    return Envelope(
        id=str(uuid.uuid4()),
        source=_SOURCE,
        type=RECORD_SET if change.record else RECORD_DELETED,
        time=now.astimezone(UTC),
        key=change.id,
        topic=topic(dataset),
        data={"recorded_at": now.isoformat()} | dict(change.body) if change.record else None,
        subject=change.id,
        traceparent=current_traceparent(),
    )
