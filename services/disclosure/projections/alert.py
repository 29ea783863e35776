"""Alerts, for nothing but their number: for the system alone, without their case, rule or content."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from shared.contracts.alerts import Alert, AlertWithdrawn
from shared.db import Connection

_PROMPT = "prompt"
_SAVE = """
INSERT INTO alerts (alert_id, village_code, revision, counts)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[], $4::boolean[])
ON CONFLICT (alert_id) DO UPDATE
SET village_code = excluded.village_code, revision = excluded.revision, counts = excluded.counts
"""


@dataclass(frozen=True)
class Tally:
    """Whether an alert counts, and where."""

    village_code: str
    revision: int
    counts: bool

    @classmethod
    def of(cls, event: Alert | AlertWithdrawn) -> "Tally":
        """What an event says. A prompt to the person at work is no alert about the village."""
        counts = isinstance(event, Alert) and event.grade != _PROMPT
        return cls(event.village_code, event.revision, counts)


async def load(conn: Connection, alert_ids: Iterable[str]) -> dict[str, Tally]:
    """The alerts of these ids as they are counted now."""
    rows = await conn.fetch(
        "SELECT alert_id, village_code, revision, counts FROM alerts WHERE alert_id = ANY($1::uuid[])",
        sorted(set(alert_ids)),
    )
    return {str(row["alert_id"]): Tally(row["village_code"], row["revision"], row["counts"]) for row in rows}


async def save(conn: Connection, tallies: Mapping[str, Tally]) -> None:
    """Write how alerts are counted."""
    await conn.execute(
        _SAVE,
        [UUID(alert_id) for alert_id in tallies],
        [tally.village_code for tally in tallies.values()],
        [tally.revision for tally in tallies.values()],
        [tally.counts for tally in tallies.values()],
    )


async def count(conn: Connection, villages: Iterable[str]) -> dict[str, int]:
    """How many alerts stand in each of these villages."""
    wanted = sorted(set(villages))
    rows = await conn.fetch(
        "SELECT village_code, count(*) FROM alerts WHERE village_code = ANY($1) AND counts GROUP BY village_code",
        wanted,
    )
    return dict.fromkeys(wanted, 0) | {row["village_code"]: row["count"] for row in rows}
