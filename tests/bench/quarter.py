"""`python -m tests.bench.quarter`: how long the cards of a quarter of 840 villages take to count, and to seal."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.local.postgres import Postgres
from services.disclosure.evaluation import store
from services.disclosure.evaluation.quarters import Quarter
from services.disclosure.evaluation.reckoner import reckoned
from shared import db
from shared.settings import Settings

VILLAGES = 840
COUNTY = "330421000000"
QUARTER = Quarter(2026, 1)
_NOW = datetime(2026, 5, 20, tzinfo=UTC)
_PLACES = """
CREATE TEMP TABLE places AS
SELECT '330421' || (101 + n / 12) || '000' AS town, '330421' || (101 + n / 12) || (201 + n % 12) AS village, n
FROM generate_series(0, $1::int - 1) AS n
"""
# A village's quarter: 30 cases of 7 steps, 8 alerts of two years, 6 appeals.
_FILL = (
    """
INSERT INTO supervised_cases (case_id, case_no, flow, flow_version, matter, village_code, town_code, state, opened_at,
    closed_at, returns, told)
SELECT village || '-' || c, 'n' || c, (ARRAY['PR1', 'PR2', 'EN2'])[1 + c % 3], 1, 'PR', village, town,
    CASE WHEN c % 3 = 0 THEN 'closed' ELSE 'running' END, '2026-01-02'::timestamptz + c * interval '2 days',
    CASE WHEN c % 3 = 0 THEN '2026-01-20'::timestamptz + c * interval '2 days' END, 0,
    jsonb_build_object('dues', CASE WHEN c % 9 = 1 THEN '{"PR2-07": "2026-03-02T00:00:00+00:00"}'::jsonb ELSE '{}' END)
FROM places, generate_series(1, 30) AS c
""",
    """
INSERT INTO supervised_steps (case_id, sequence, flow, matter, node, village_code, town_code, due_at, done_at, late,
    returned, backfilled, required, filed, body, members_due, present, votes_for, paid_fen, in_cash)
SELECT village || '-' || c, s, 'PR2', 'PR', 'PR2-0' || s, village, town, at + interval '1 day',
    at + interval '2 days' * late, late = 1, false, false, '{contract,minutes}',
    CASE WHEN (c + s + n) % 7 = 0 THEN '{minutes}'::text[] ELSE '{contract,minutes}' END,
    CASE s WHEN 2 THEN 'rep_meeting' END, 30, 18 + (c + n) % 12, 15 + n % 3,
    CASE s WHEN 7 THEN 100000 * c END, CASE s WHEN 7 THEN c % 11 = 0 END
FROM places, generate_series(1, 30) AS c, generate_series(1, 7) AS s,
    LATERAL (SELECT '2026-01-02'::timestamptz + (2 * c + s) * interval '1 day' AS at,
                    ((c * 7 + s * 3 + n * 5) % 37 < n % 11)::int AS late) AS x
""",
    """
INSERT INTO supervised_alerts (alert_id, rule_id, grade, village_code, town_code, happened_at, closed_at, state,
    outcome, overdue, title_zh, title_en)
SELECT village || '-a' || a, 'A00' || a % 4, CASE WHEN a % 3 = 0 THEN 'red' ELSE 'yellow' END, village, town, at, at,
    CASE WHEN (a + n) % 4 = 0 THEN 'no_action' ELSE 'closed_rectified' END, 'rectified',
    ((a + n) % 5 = 0)::int, '样例', 'x'
FROM places, generate_series(1, 8) AS a,
    LATERAL (SELECT '2026-03-20'::timestamptz - (a - 1) * interval '60 days' AS at) AS x WHERE (a + n) % 3 <> 1
""",
    """
INSERT INTO supervised_appeals (appeal_id, revision, village_code, desk, kind, state, filed_at, answered_at, closed_at,
    unsatisfied, satisfied, reopened, overdue)
SELECT village || '-p' || p, 1, village, town, 'complaint', 'closed', at, at + interval '3 days',
    at + interval '5 days', 0, (p + n) % 4 > 0, false, (p * n) % 9 = 1
FROM places, generate_series(1, 6) AS p, LATERAL (SELECT '2026-01-05'::timestamptz + p * interval '9 days' AS at) AS x
""",
)


async def fill(conn: db.Connection, villages: int) -> None:
    """A quarter of so many invented villages, twelve a town."""
    await conn.execute(_PLACES, villages)
    for query in _FILL:
        await conn.execute(query)
    await conn.execute("DROP TABLE places")


async def _measured(settings: Settings) -> None:
    database = db.Database(settings, "disclosure")
    await database.open()
    try:
        async with database.begin(db.Scope.system()) as conn:
            await fill(conn, VILLAGES)
            await conn.execute("ANALYZE supervised_cases, supervised_steps, supervised_alerts, supervised_appeals")
        async with database.begin(db.Scope.system()) as conn:
            began = time.perf_counter()
            made = await reckoned(conn, COUNTY, QUARTER, _NOW)
            counted = time.perf_counter()
            await store.propose(conn, made, 1, "", "bench")
            kept = time.perf_counter()
            await conn.execute("UPDATE evaluation_seals SET state = 'sealed', decided_by = 'x', decided_at = now()")
            await store.sealed(conn, COUNTY, QUARTER)
            read = time.perf_counter()
            steps = await conn.fetchval("SELECT count(*) FROM supervised_steps")
    finally:
        await database.close()
    print(f"{len(made.cards)} cards, {steps} steps: counted {counted - began:.2f} s, kept {kept - counted:.2f} s, "
          f"read sealed {read - kept:.2f} s")  # fmt: skip


def main() -> None:
    """Measure on a PostgreSQL of its own."""
    with TemporaryDirectory(prefix="yunjing-quarter-", ignore_cleanup_errors=True) as folder:
        postgres = Postgres(Path(folder) / "postgres")
        settings = Settings(
            database_url=postgres.start(), kafka_bootstrap_servers="127.0.0.1:1",
            identity_secret="identity-secret-of-the-bench",
            session_secret="session-secret-of-the-bench", paper_log_key="be" * 32,
            oidc_issuer="http://127.0.0.1:1", oidc_client_id="bench",
        )  # fmt: skip
        try:
            asyncio.run(_prepared(settings))
        finally:
            postgres.stop()


async def _prepared(settings: Settings) -> None:
    await db.provision(settings)
    await db.migrate(settings, "disclosure")
    await _measured(settings)


if __name__ == "__main__":
    main()
