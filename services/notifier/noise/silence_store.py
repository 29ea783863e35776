"""Silences in PostgreSQL, each with its history; and what one would have kept quiet."""

from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

from asyncpg import Record

from services.notifier.errors import NoSuchSilence
from services.notifier.noise import noise
from services.notifier.noise.silence_schemas import Preview, PreviewAlert, SilenceAct, SilencesShown
from services.notifier.noise.silences import Act, Matchers, Silence
from services.notifier.routing.routing import Desk
from services.notifier.schemas import Named
from services.notifier.vocabulary import vocabulary
from shared.contracts.alerts import Alert, Bilingual
from shared.db import Connection, region_prefix
from shared.principals import Principal

PREVIEWED = timedelta(days=30)
_EXAMPLES = 10
_LISTED = 200
_COLUMNS = """silence_id, region_code, grades, rule_id, matter, case_no, party, reason, ends_at, state, proposed_by,
proposed_name, proposed_at, people, approved_name, approved_role"""
_SHOWN: dict[SilencesShown, str] = {
    "current": "state <> 'ended' AND ends_at > $1",
    "past": "(state = 'ended' OR ends_at <= $1)",
    "all": "$1::timestamptz IS NOT NULL",
}


async def active(conn: Connection, now: datetime) -> list[Silence]:
    """All silences in force."""
    rows = await conn.fetch(f"SELECT {_COLUMNS} FROM silences WHERE state = 'approved' AND ends_at > $1", now)
    return [_silence(row) for row in rows]


async def page(conn: Connection, shown: SilencesShown, now: datetime) -> list[Silence]:
    """The caller's silences: what awaits approval first, then the latest first; at most two hundred."""
    rows = await conn.fetch(
        f"SELECT {_COLUMNS} FROM silences WHERE {_SHOWN[shown]}"
        f" ORDER BY state = 'proposed' DESC, proposed_at DESC, silence_id LIMIT {_LISTED}",
        now,
    )
    return [_silence(row) for row in rows]


async def get(conn: Connection, silence_id: UUID, *, lock: bool = False) -> Silence:
    """One silence of the caller's regions; raises `NoSuchSilence`."""
    row = await conn.fetchrow(
        f"SELECT {_COLUMNS} FROM silences WHERE silence_id = $1{' FOR UPDATE' if lock else ''}", silence_id
    )
    if row is None:
        raise NoSuchSilence("没有这条静默,或不属于您的地区", "There is no such silence, or it is not of your region")
    return _silence(row)


async def under_key(conn: Connection, subject: str, key: str) -> Silence | None:
    """The silence that a person proposed under an Idempotency-Key."""
    row = await conn.fetchrow(
        f"SELECT {_COLUMNS} FROM silences WHERE proposed_by = $1 AND request_key = $2", subject, key
    )
    return _silence(row) if row else None


async def add(conn: Connection, silence: Silence, caller: Principal, request_key: str | None) -> None:
    """Keep a silence just proposed."""
    fit = silence.matchers
    await conn.execute(
        f"INSERT INTO silences ({_COLUMNS}, readers, request_key)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        silence.id,
        fit.region_code,
        sorted(fit.grades),
        fit.rule_id,
        fit.matter,
        fit.case,
        fit.party,
        silence.reason,
        silence.ends_at,
        silence.state,
        silence.proposed_by,
        silence.proposed_name,
        silence.proposed_at,
        sorted(silence.people),
        silence.approved_name,
        silence.approved_role,
        sorted({g for role in noise.book().silences.readers for g in Desk(role, fit.region_code).holders} | {"system"}),
        request_key,
    )
    await _note(conn, silence, "proposed", caller, silence.proposed_at, silence.reason)


async def decide(conn: Connection, silence: Silence, act: Act, caller: Principal, at: datetime, note: str) -> None:
    """Keep an approval or an end."""
    await conn.execute(
        "UPDATE silences SET state = $2, people = $3, approved_name = $4, approved_role = $5 WHERE silence_id = $1",
        silence.id,
        silence.state,
        sorted(silence.people),
        silence.approved_name,
        silence.approved_role,
    )
    await _note(conn, silence, act, caller, at, note)


async def history(conn: Connection, silence_id: UUID) -> list[SilenceAct]:
    """All that was done with a silence, the oldest first."""
    rows = await conn.fetch(
        "SELECT at, act, by_name, note FROM silence_history WHERE silence_id = $1 ORDER BY id", silence_id
    )
    return [SilenceAct(**dict(row)) for row in rows]


async def preview(conn: Connection, matchers: Matchers, now: datetime) -> Preview:
    """What of the last thirty days' alerts that the caller may read they would have kept quiet."""
    looked, found = 0, []
    async for row in conn.cursor(
        "SELECT alert_id, grade, raised_at, body FROM alerts"
        " WHERE village_code LIKE $1 AND raised_at > $2 ORDER BY raised_at DESC, alert_id",
        region_prefix(matchers.region_code),
        now - PREVIEWED,
    ):
        looked += 1
        if matchers.fit(Alert.model_validate(row["body"]), row["grade"]):
            found.append(row)
    return _preview(looked, found)


def _preview(looked: int, found: list[Record]) -> Preview:
    words, by_grade = vocabulary().grades, Counter(row["grade"] for row in found)
    return Preview(
        days=PREVIEWED.days,
        looked_at=looked,
        muted=len(found),
        by_grade={grade: by_grade[grade] for grade in words},
        examples=[
            PreviewAlert(
                alert_id=row["alert_id"],
                title=Bilingual.model_validate(row["body"]["title"]),
                grade=Named.of(row["grade"], words[row["grade"]]),
                raised_at=row["raised_at"],
            )
            for row in found[:_EXAMPLES]
        ],
    )


async def _note(conn: Connection, silence: Silence, act: Act, caller: Principal, at: datetime, note: str) -> None:
    await conn.execute(
        "INSERT INTO silence_history (silence_id, at, act, by_subject, by_name, note) VALUES ($1, $2, $3, $4, $5, $6)",
        silence.id,
        at,
        act,
        caller.subject,
        caller.name,
        note,
    )


def _silence(row: Record) -> Silence:
    return Silence(
        id=row["silence_id"],
        matchers=Matchers(
            region_code=row["region_code"],
            grades=frozenset(row["grades"]),
            rule_id=row["rule_id"],
            matter=row["matter"],
            case=row["case_no"],
            party=row["party"],
        ),
        reason=row["reason"],
        ends_at=row["ends_at"],
        state=row["state"],
        proposed_by=row["proposed_by"],
        proposed_name=row["proposed_name"],
        proposed_at=row["proposed_at"],
        people=frozenset(row["people"]),
        approved_name=row["approved_name"],
        approved_role=row["approved_role"],
    )
