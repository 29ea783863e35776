"""What people have heard of alerts, in PostgreSQL: judged and kept in the transaction that changes the alerts, under
the stream's lock, so that each judgement sees all before it; and told to readers as far as they may know."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from asyncpg import Record

from services.notifier.handling import lifecycle
from services.notifier.noise import noise, silence_store
from services.notifier.noise.noise import Cause, Heard, Muted, Verdict
from services.notifier.schemas import Hearing
from services.notifier.standing import Change
from shared.contracts.alerts import Bilingual
from shared.db import Connection

# Alerts that a judgement may depend on: the changed ones, those on the same facts, and those told lately in a group.
_NEAR = """
WITH near AS (
    SELECT alert_id FROM unnest($1::uuid[]) AS alert_id
    UNION SELECT alert_id FROM alert_groups WHERE key = ANY($2::text[])
    UNION SELECT g.alert_id FROM alert_groups g JOIN heard h USING (alert_id)
          WHERE g.key = ANY($3::text[]) AND h.told_at > $4)
SELECT h.*, a.grade, a.desks, a.state <> ALL($5::text[]) AS open,
       ARRAY(SELECT key FROM alert_groups g WHERE g.alert_id = h.alert_id) AS keys
FROM near JOIN heard h USING (alert_id) {alerts}
WHERE a.state <> ALL($5::text[]) OR h.alert_id = ANY($1::uuid[])
"""
_NEAR_MANY = _NEAR.format(alerts="JOIN alerts a USING (alert_id)")
# To plan this takes PostgreSQL longer than to run it for a few: they are looked up by a plan that is kept, and by
# indexes, however small the tables were when it was made. OFFSET 0: each by its id. By who may read them, which is
# guessed to be few, this transaction would get all alerts.
_FEW = 20
_NEAR_FEW = _NEAR.format(
    alerts="""
CROSS JOIN LATERAL (SELECT grade, desks, state FROM alerts WHERE alert_id = near.alert_id OFFSET 0) a"""
)
_BY_KEPT_PLAN = """
SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)
"""
_KEEP = """
INSERT INTO heard AS h (alert_id, told_at, loudness, muted_by, cause_kind, cause_id, rang_at, rang_grade, rang_desks)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (alert_id) DO UPDATE SET
    turn = CASE WHEN $10 THEN nextval('heard_turn') ELSE h.turn END, told_at = excluded.told_at,
    loudness = excluded.loudness, muted_by = excluded.muted_by, cause_kind = excluded.cause_kind,
    cause_id = excluded.cause_id, rang_at = excluded.rang_at, rang_grade = excluded.rang_grade,
    rang_desks = excluded.rang_desks
"""
_LEAVE = "DELETE FROM alert_groups WHERE alert_id = $1 AND key <> ALL($2::text[])"
_JOIN = """
INSERT INTO alert_groups (key, alert_id) SELECT * FROM unnest($1::text[], $2::uuid[]) ON CONFLICT DO NOTHING
"""
# What keeps it quiet is joined under the reader's own rights: a silence or a red alert that he can't read is not there.
_HEARD = """
SELECT h.alert_id, h.loudness, h.muted_by, h.cause_kind,
       CASE h.cause_kind WHEN 'red' THEN r.alert_id ELSE s.silence_id END AS cause_id,
       s.reason AS silence_reason, s.ends_at AS silence_ends_at, r.body -> 'title' ->> 'zh' AS red_title
FROM heard h
LEFT JOIN alerts r ON h.cause_kind = 'red' AND r.alert_id = h.cause_id
LEFT JOIN silences s ON h.cause_kind = 'silence' AND s.silence_id = h.cause_id
WHERE h.alert_id = ANY($1::uuid[])
"""


@dataclass(frozen=True)
class Judged:
    """A change beside how loud it is."""

    change: Change
    verdict: Verdict


async def settle(conn: Connection, changes: Sequence[Change]) -> list[Judged]:
    """Judge these changes in their order and keep what has been heard. The caller holds the stream's lock."""
    known = await _near(conn, changes)
    judged = any(noise.treatment(change) == "judged" for change in changes)
    silences = await silence_store.active(conn, changes[0].at) if judged else []
    touched, verdicts = noise.hear_all(changes, known, silences)
    told = {
        change.standing.alert.alert_id
        for change in changes
        if noise.treatment(change) != "quiet" or change.standing.alert.alert_id not in known
    }
    await conn.executemany(
        _KEEP,
        [
            (*_row(heard), key in told)
            for key, heard in touched.items()
            if key in told or _row(heard) != _row(known[key])
        ],
    )
    await _leave_groups(conn, [one for key, one in touched.items() if key in known and _moved(one, known[key])])
    await _join_groups(conn, [one for key, one in touched.items() if key not in known or _moved(one, known[key])])
    return [Judged(change, verdict) for change, verdict in zip(changes, verdicts, strict=True)]


async def hearings(conn: Connection, alert_ids: Iterable[str | UUID]) -> dict[str, Hearing]:
    """How loud these alerts were last and why, as far as the caller may know, by alert."""
    rows = await conn.fetch(_HEARD, [str(one) for one in alert_ids])
    return {str(row["alert_id"]): Hearing(loudness=row["loudness"], muted_by=_muted_for_reader(row)) for row in rows}


async def _near(conn: Connection, changes: Sequence[Change]) -> dict[str, Heard]:
    judged = [change.standing.alert for change in changes if noise.treatment(change) == "judged"]
    few = len(changes) <= _FEW
    if few:
        await conn.execute(_BY_KEPT_PLAN)
    rows = await conn.fetch(
        _NEAR_FEW if few else _NEAR_MANY,
        sorted({change.standing.alert.alert_id for change in changes}),
        sorted({key for alert in judged for key in noise.facts_of(alert)}),
        sorted({key for alert in judged for key in noise.groups_of(alert)}),
        min(change.at for change in changes) - noise.book().longest,
        sorted(lifecycle.finished()),
    )
    return {heard.alert_id: heard for heard in map(_heard, rows)}


async def _leave_groups(conn: Connection, moved: Sequence[Heard]) -> None:
    await conn.executemany(_LEAVE, [(heard.alert_id, sorted(heard.groups | heard.facts)) for heard in moved])


async def _join_groups(conn: Connection, all_heard: Sequence[Heard]) -> None:
    rows = [(key, heard.alert_id) for heard in all_heard for key in sorted(heard.groups | heard.facts)]
    await conn.execute(_JOIN, [key for key, _ in rows], [alert_id for _, alert_id in rows])


def _moved(after: Heard, before: Heard) -> bool:
    return (after.groups, after.facts) != (before.groups, before.facts)


def _heard(row: Record) -> Heard:
    facts = frozenset(key for key in row["keys"] if key.startswith("facts:"))
    return Heard(
        alert_id=str(row["alert_id"]),
        grade=row["grade"],
        open=row["open"],
        desks=frozenset(row["desks"]),
        groups=frozenset(row["keys"]) - facts,
        facts=facts,
        told_at=row["told_at"],
        loudness=row["loudness"],
        muted=Muted.model_validate(row["muted_by"]) if row["muted_by"] else None,
        cause=Cause(row["cause_kind"], str(row["cause_id"])) if row["cause_kind"] else None,
        rang_at=row["rang_at"],
        rang_grade=row["rang_grade"],
        rang_desks=frozenset(row["rang_desks"]),
    )


def _row(heard: Heard) -> tuple[Any, ...]:
    return (
        heard.alert_id,
        heard.told_at,
        heard.loudness,
        heard.muted and heard.muted.model_dump(exclude_none=True),
        heard.cause and heard.cause.kind,
        heard.cause and heard.cause.id,
        heard.rang_at,
        heard.rang_grade,
        sorted(heard.rang_desks),
    )


def _muted_for_reader(row: Record) -> Muted | None:
    if row["muted_by"] is None:
        return None
    told = Muted.model_validate(row["muted_by"])
    if row["cause_id"] is None:
        return told
    return Muted(kind=row["cause_kind"], id=str(row["cause_id"]), reason=_cause_told(row))


def _cause_told(row: Record) -> Bilingual:
    if row["cause_kind"] == "red":
        return Bilingual(
            zh=f"同一事实的红色预警“{row['red_title']}”尚未办结,办结前不响铃",
            en="A red alert on the same facts stands: this one is quiet until that is closed",
        )
    return Bilingual(
        zh=f"已静默:{row['silence_reason']}",
        en="Silenced, with the reason that the silence gives",
    )
