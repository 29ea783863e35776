"""Changes of registers on their way to the bus: who may make them, and the events that say them."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from services.detector.uploads import region_of
from shared.auth import require
from shared.bus.envelope import Envelope
from shared.contracts.reference import RECORD_DELETED, RECORD_SET, Record, topic
from shared.db import Connection
from shared.principals import Principal
from shared.regions import COUNTY
from shared.telemetry import current_traceparent

WRITERS = ("machine", "county_secretary")
_SOURCE = "/detector/reference"


def record_set(record: Record, now: datetime) -> Envelope:
    """The event of a record as it is from now on."""
    body = record.model_dump(mode="json", exclude_defaults=True)
    body.setdefault("recorded_at", now.isoformat())
    return _envelope(record.DATASET, record.id, RECORD_SET, body, now)


def record_deleted(dataset: str, id: str, now: datetime) -> Envelope:
    """The tombstone of a record."""
    return _envelope(dataset, id, RECORD_DELETED, None, now)


async def require_writer(
    conn: Connection, caller: Principal, dataset: str, ids: Sequence[str], records: Sequence[Record] = ()
) -> None:
    """Refuse whoever may not write in the regions of these records, as they are and as they shall be.

    `conn` sees all regions, or a record of another town could be overwritten unseen.
    """
    rows = await conn.fetch(
        "SELECT id, region_code FROM reference_records WHERE dataset = $1 AND id = ANY($2::text[])", dataset, list(ids)
    )
    present = {row["id"]: row["region_code"] for row in rows}
    coming = {record.id: region_of(record.model_dump(mode="json"), COUNTY) for record in records}
    regions = {*present.values(), *coming.values()}
    if any(id not in present and id not in coming for id in ids):
        regions.add(COUNTY)
    for region in sorted(regions):
        require(caller, *WRITERS, region=region)


def _envelope(dataset: str, id: str, type: str, data: Mapping[str, object] | None, now: datetime) -> Envelope:
    return Envelope(
        id=str(uuid.uuid4()),
        source=_SOURCE,
        type=type,
        time=now.astimezone(UTC),
        key=id,
        topic=topic(dataset),
        data=None if data is None else dict(data),
        subject=id,
        traceparent=current_traceparent(),
    )
