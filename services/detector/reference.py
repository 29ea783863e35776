"""The county's registers as the detector keeps them: records by what they are looked up by, and who asked."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from services.detector.registers import Need, lookups_of
from services.detector.uploads import region_of
from shared.bus.envelope import Envelope
from shared.contracts.reference import DATASETS, Record, topic
from shared.db import Connection
from shared.regions import COUNTY

TOPICS = tuple(topic(dataset) for dataset in DATASETS)
_LOAD = """
SELECT l.dataset, l.lookup, l.value, r.data
FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (dataset, lookup, value)
JOIN reference_lookups l USING (dataset, lookup, value)
JOIN reference_records r ON r.dataset = l.dataset AND r.id = l.id
ORDER BY r.id
"""
_OLD_LOOKUPS = """
SELECT l.dataset, l.lookup, l.value
FROM unnest($1::text[], $2::text[]) AS changed (dataset, id)
JOIN reference_lookups l USING (dataset, id)
"""
_DELETE = """
DELETE FROM reference_records r USING unnest($1::text[], $2::text[]) AS gone (dataset, id)
WHERE r.dataset = gone.dataset AND r.id = gone.id
"""
_SET = """
INSERT INTO reference_records (dataset, id, region_code, data)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[])
"""
_FILE = """
INSERT INTO reference_lookups (dataset, lookup, value, id)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
"""
_ASKING = """
SELECT DISTINCT k.key
FROM unnest($1::text[], $2::text[], $3::text[]) AS changed (dataset, lookup, value)
JOIN key_references k USING (dataset, lookup, value)
"""
_REMEMBER = """
INSERT INTO key_references (dataset, lookup, value, key)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) ON CONFLICT DO NOTHING
"""

_MOST_HELD = 200_000
Answers = dict[Need, tuple[Record, ...]]


@dataclass(frozen=True)
class RecordChange:
    """A record of a register as it is now; None when it was deleted."""

    dataset: str
    id: str
    record: Record | None

    @classmethod
    def of(cls, envelope: Envelope) -> "RecordChange":
        """What an event of `reference.<dataset>` says; raises pydantic's error when the record doesn't fit."""
        dataset = envelope.topic.removeprefix("reference.")
        if envelope.data is None:
            return cls(dataset, envelope.key, None)
        record = DATASETS[dataset].model_validate(envelope.data)
        if record.id != envelope.key:
            raise ValueError(f"the record's id {record.id!r} is not the message's key {envelope.key!r}")
        return cls(dataset, record.id, record)


class Registers:
    """Answers needs from the tables, and from memory as long as no register has changed."""

    def __init__(self) -> None:
        self._version: uuid.UUID | None = None
        self._held: Answers = {}

    @staticmethod
    async def version(conn: Connection) -> uuid.UUID:
        """The version of the registers (and of the county's changes of rules): another one with every change.

        To write what comes of it the caller must hold the registers' lock.
        """
        version: uuid.UUID = await conn.fetchval("SELECT version FROM registers_version")
        return version

    def answers(self, version: uuid.UUID) -> Answers:
        """What was answered so far and is still true at this version; the caller may `fetch` more into it."""
        if version != self._version or len(self._held) > _MOST_HELD:
            self._version = version
            self._held = {}
        return self._held

    async def fetch(self, conn: Connection, answers: Answers, needs: Iterable[Need]) -> None:
        """Look up what is not answered yet; () where there is no record."""
        found: dict[Need, list[Record]] = {need: [] for need in needs if need not in answers}
        if not found:
            return
        for row in await conn.fetch(_LOAD, *_columns(found)):
            record = DATASETS[row["dataset"]].model_validate(row["data"])
            found[Need(row["dataset"], row["lookup"], row["value"])].append(record)
        answers.update((need, tuple(records)) for need, records in found.items())

    async def apply(self, conn: Connection, changes: Iterable[RecordChange]) -> frozenset[str]:
        """Take changes over, the last of each record, and name the keys whose judgement rested on them.

        The caller holds the registers' lock alone.
        """
        last = {(change.dataset, change.id): change.record for change in changes}
        datasets, ids = [dataset for dataset, _ in last], [id for _, id in last]
        before = {Need(*row) for row in await conn.fetch(_OLD_LOOKUPS, datasets, ids)}
        await conn.execute(_DELETE, datasets, ids)
        records = [record for record in last.values() if record]
        bodies = [record.model_dump(mode="json", exclude_defaults=True) for record in records]
        await conn.execute(
            _SET,
            [record.DATASET for record in records],
            [record.id for record in records],
            [region_of(body, COUNTY) for body in bodies],
            bodies,
        )
        filed = [(need, record.id) for record in records for need in lookups_of(record)]
        await conn.execute(_FILE, *_columns([need for need, _ in filed]), [id for _, id in filed])
        await conn.execute("UPDATE registers_version SET version = gen_random_uuid()")
        touched = before | {need for need, _ in filed}
        return frozenset(row["key"] for row in await conn.fetch(_ASKING, *_columns(touched)))

    async def remember(self, conn: Connection, asked: Mapping[str, Collection[Need]]) -> None:
        """Keep which key asked what, so that a later change there finds it."""
        pairs = [(need, key) for key, needs in asked.items() for need in needs]
        if pairs:
            await conn.execute(_REMEMBER, *_columns([need for need, _ in pairs]), [key for _, key in pairs])


def _columns(needs: Iterable[Need]) -> tuple[list[str], list[str], list[str]]:
    rows = list(needs)
    return [need.dataset for need in rows], [need.lookup for need in rows], [need.value for need in rows]
