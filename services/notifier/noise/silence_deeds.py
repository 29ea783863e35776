"""What a person does with a silence, start to end: load, decide, save."""

import uuid
from datetime import UTC, datetime
from uuid import UUID

from services.notifier.errors import IdempotencyKeyReused
from services.notifier.noise import noise, silence_store, silences
from services.notifier.noise.silence_schemas import MatchersRequest, Preview, SilenceDetail, SilenceRequest, SilenceView
from services.notifier.noise.silences import Silence
from shared import audit
from shared.db import Connection, Database, Scope
from shared.principals import Principal


async def propose(db: Database, caller: Principal, wanted: SilenceRequest, request_key: str | None) -> SilenceView:
    """Propose a silence; raises what `silences.propose` raises. A repeated request makes none anew."""
    now = datetime.now(UTC)
    made = silences.propose(
        uuid.uuid4(), wanted.matchers(), wanted.reason, wanted.ends_at, caller, now, noise.book().silences
    )
    async with db.begin(Scope.of(caller)) as conn:
        if request_key and (kept := await silence_store.under_key(conn, caller.subject, request_key)):
            return SilenceView.of(_same(kept, made), now)
        await silence_store.add(conn, made, caller, request_key)
        await _audit(conn, caller, made, "silence.proposed")
    return SilenceView.of(made, now)


async def approve(db: Database, caller: Principal, silence_id: UUID, note: str) -> SilenceDetail:
    """Bring a silence into force; raises `NoSuchSilence` and what `Silence.approved_by` raises."""
    now = datetime.now(UTC)
    async with db.begin(Scope.of(caller)) as conn:
        held = await silence_store.get(conn, silence_id, lock=True)
        approved = held.approved_by(caller, now, noise.book().silences)
        await silence_store.decide(conn, approved, "approved", caller, now, note.strip())
        await _audit(conn, caller, approved, "silence.approved")
        return await _detail(conn, approved, now)


async def end(db: Database, caller: Principal, silence_id: UUID, note: str) -> SilenceDetail:
    """End a silence, or take back or refuse its proposal; raises `NoSuchSilence` and what `Silence.ended_by` raises."""
    now = datetime.now(UTC)
    async with db.begin(Scope.of(caller)) as conn:
        held = await silence_store.get(conn, silence_id, lock=True)
        ended = held.ended_by(caller, now, noise.book().silences)
        await silence_store.decide(conn, ended, "ended", caller, now, note.strip())
        await _audit(conn, caller, ended, "silence.ended")
        return await _detail(conn, ended, now)


async def show(db: Database, caller: Principal, silence_id: UUID) -> SilenceDetail:
    """A silence with its history and what it would have kept quiet; raises `NoSuchSilence`."""
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        return await _detail(conn, await silence_store.get(conn, silence_id), datetime.now(UTC))


async def preview(db: Database, caller: Principal, wanted: MatchersRequest) -> Preview:
    """What such a silence would have kept quiet of what the caller may read."""
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        return await silence_store.preview(conn, wanted.matchers(), datetime.now(UTC))


def _same(kept: Silence, made: Silence) -> Silence:
    if (kept.matchers, kept.reason, kept.ends_at) != (made.matchers, made.reason, made.ends_at):
        raise IdempotencyKeyReused(
            "这个 Idempotency-Key 已用于另一条静默,请换一个新的",
            "This Idempotency-Key was used for another silence, choose a new one",
        )
    return kept


async def _detail(conn: Connection, silence: Silence, now: datetime) -> SilenceDetail:
    return SilenceDetail(
        **SilenceView.of(silence, now).model_dump(),
        history=await silence_store.history(conn, silence.id),
        preview=await silence_store.preview(conn, silence.matchers, now),
    )


async def _audit(conn: Connection, caller: Principal, silence: Silence, action: str) -> None:
    region = silence.matchers.region_code
    await audit.record(
        conn, caller, action, f"silence:{silence.id}", {"grades": sorted(silence.matchers.grades)}, region=region
    )
