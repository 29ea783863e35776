"""A person's move or other deed, start to end: load, decide, save. A repeated request has one effect."""

import hashlib
import json
import random
from dataclasses import asdict, replace
from datetime import UTC, datetime
from uuid import UUID

from asyncpg import Record

from services.notifier import inbox, standing
from services.notifier.errors import IdempotencyKeyReused
from services.notifier.handling import colleagues, deeds
from services.notifier.handling.deeds import Deed
from services.notifier.handling.lifecycle import Actor, Move
from services.notifier.noise import groups
from services.notifier.routing import routing
from services.notifier.schemas import AlertView
from services.notifier.standing import Change, Standing
from shared import audit
from shared.db import Connection, Database, Scope
from shared.principals import Principal

_DICE = random.SystemRandom()


async def make(
    db: Database, caller: Principal, alert_id: UUID, wish: Move | Deed, request_key: str | None
) -> AlertView:
    """Move an alert on the caller's desk, or do another deed to it.

    Raises the errors of `lifecycle.change`, `deeds.decide` and `inbox.lock`.
    """
    async with db.begin(Scope.of(caller)) as conn:
        held = await inbox.lock(conn, alert_id)
        actor, request = standing.actor_at(held, caller), _digest(wish)
        if not await _done_before(conn, alert_id, caller, request, request_key):
            change = await _decide(conn, held, wish, actor)
            await inbox.mark_read(conn, held, caller)
            await inbox.save(conn, [replace(change, request=request, request_key=request_key)])
            held = change.standing
            await _note(conn, caller, change)
        return await seen(conn, held, caller)


async def seen(conn: Connection, held: Standing, caller: Principal) -> AlertView:
    """The alert as the caller sees it now."""
    delivery = await inbox.delivery(conn, UUID(held.alert.alert_id))
    view = AlertView.seen_by(held, standing.actor_at(held, caller), delivery, datetime.now(UTC))
    return (await groups.fill(conn, [view]))[0]


async def _note(conn: Connection, caller: Principal, change: Change) -> None:
    held = change.standing
    told = {"kind": change.kind, "from": change.state_from, "to": held.state, "outcome": change.outcome}
    where = routing.audited_at(held.alert)
    await audit.record(conn, caller, "alert.moved", f"alert:{held.alert.alert_id}", told, region=where)


async def _decide(conn: Connection, held: Standing, wish: Move | Deed, actor: Actor) -> Change:
    now = datetime.now(UTC)
    if isinstance(wish, Move):
        return standing.move(held, wish, actor, now, draw=_DICE.random())
    return deeds.decide(held, wish, actor, now, await colleagues.at(conn, held.desks))


async def _done_before(
    conn: Connection, alert_id: UUID, caller: Principal, request: str, request_key: str | None
) -> bool:
    """Whether this was done under the same key, or, without one, whether it is what the caller has just done."""
    if request_key and (kept := await inbox.move_under_key(conn, caller.subject, request_key)):
        _same(kept, alert_id, request)
        return True
    last = await inbox.last_move(conn, alert_id)
    return last is not None and (last["by_subject"], last["request"]) == (caller.subject, request)


def _same(kept: Record, alert_id: UUID, request: str) -> None:
    if (kept["alert_id"], kept["request"]) != (alert_id, request):
        raise IdempotencyKeyReused(
            "这个 Idempotency-Key 已用于另一次办理,请换一个新的",
            "This Idempotency-Key was used for another move, choose a new one",
        )


def _digest(wish: Move | Deed) -> str:
    told = {name: value.strip() if isinstance(value, str) else value for name, value in asdict(wish).items()}
    text = json.dumps([type(wish).__name__, told], sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
