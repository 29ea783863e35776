"""A person's move, start to end: load, decide, save. A repeated request has one effect."""

from datetime import UTC, datetime
from uuid import UUID

from asyncpg import Record

from services.notifier import inbox, standing
from services.notifier.errors import IdempotencyKeyReused
from services.notifier.lifecycle import Move
from services.notifier.schemas import AlertView
from services.notifier.standing import Standing
from shared.db import Database, Scope
from shared.principals import Principal


async def make(db: Database, caller: Principal, alert_id: UUID, wish: Move, request_key: str | None) -> AlertView:
    """Move an alert on the caller's desk; raises the errors of `lifecycle.change` and of `inbox.lock`."""
    async with db.begin(Scope.of(caller)) as conn:
        held = await inbox.lock(conn, alert_id)
        actor = standing.actor_at(held, caller)
        kept = await inbox.move_under_key(conn, caller.subject, request_key) if request_key else None
        if kept is not None:
            _same(kept, alert_id, wish)
        elif not _repeats(await inbox.last_move(conn, alert_id), held, caller, wish):
            change = standing.move(held, wish, actor, datetime.now(UTC), request_key)
            await inbox.mark_read(conn, held, caller)
            await inbox.save(conn, [change])
            held = change.standing
        return AlertView.seen_by(held, actor, await inbox.delivery(conn, alert_id))


def _same(kept: Record, alert_id: UUID, wish: Move) -> None:
    if (kept["alert_id"], kept["state_to"], kept["note"], kept["outcome"]) != (
        alert_id,
        wish.to,
        wish.note.strip(),
        wish.outcome,
    ):
        raise IdempotencyKeyReused(
            "这个 Idempotency-Key 已用于另一次办理,请换一个新的",
            "This Idempotency-Key was used for another move, choose a new one",
        )


def _repeats(last: Record | None, held: Standing, caller: Principal, wish: Move) -> bool:
    """Whether the caller asks again, without a key, for what he himself has just done."""
    return (
        last is not None
        and held.state == wish.to
        and (last["by_subject"], last["state_to"], last["note"], last["outcome"])
        == (caller.subject, wish.to, wish.note.strip(), wish.outcome)
    )
