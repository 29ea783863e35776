"""Withdrawals that came before their alerts, kept until these arrive: what they take back must not be delivered."""

from collections.abc import Iterable, Mapping

from services.notifier.standing import EarlyWithdrawal
from shared.contracts.alerts import Bilingual
from shared.db import Connection

_KEEP = """
INSERT INTO early_withdrawals AS e (alert_id, revision, reason) VALUES ($1, $2, $3)
ON CONFLICT (alert_id) DO UPDATE SET revision = excluded.revision, reason = excluded.reason
WHERE e.revision < excluded.revision
"""


async def load(conn: Connection, alert_ids: Iterable[str]) -> dict[str, EarlyWithdrawal]:
    """What was withdrawn ahead of these alerts, by alert, locked until the commit."""
    rows = await conn.fetch(
        "SELECT alert_id, revision, reason FROM early_withdrawals WHERE alert_id = ANY($1::uuid[])"
        " ORDER BY alert_id FOR UPDATE",
        sorted(set(alert_ids)),
    )
    return {
        str(row["alert_id"]): EarlyWithdrawal(row["revision"], Bilingual.model_validate(row["reason"])) for row in rows
    }


async def save(conn: Connection, early: Mapping[str, EarlyWithdrawal], *, arrived: Iterable[str]) -> None:
    """Keep these withdrawals, and forget those whose alerts have arrived: from then on the alert knows its revision."""
    await conn.executemany(_KEEP, [(key, one.revision, one.reason.model_dump()) for key, one in sorted(early.items())])
    if gone := sorted(arrived):
        await conn.execute("DELETE FROM early_withdrawals WHERE alert_id = ANY($1::uuid[])", gone)
