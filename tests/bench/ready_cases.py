"""Micro works that wait for their award, and awards that raise a red alert: two rivals with one telephone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from deploy.demo.cases import Draft, paper, record, sample
from deploy.demo.county import County
from deploy.demo.drafting import Drafter
from deploy.demo.schedule import at_office, local_day
from services.approval import documents
from services.approval.changes import CaseChange, waits_for
from services.approval.store import save
from shared import regions
from shared.contracts.power import NodeCompleted, NodeFields
from shared.db import Database, Scope
from shared.documents import receive
from tests.bench.ground import Ground

AWARD = "EN1-04"
_SEED = 4_711
_OPENED_DAYS_AGO = 20
_BATCH = 200
_OUTBOX_LOOKS = 2_000


async def prepare(ground: Ground, count: int, *, part: int) -> list[Draft]:
    """So many open cases, over all villages, that wait at the award in approval's tables; `part` keeps calls apart."""
    rng = Random(f"{_SEED} {part}")
    drafter = Drafter(County(rng, ground.settings.identity_secret), _SEED + part, rng)
    now = datetime.now(UTC)
    opened = at_office(local_day(now) - timedelta(days=_OPENED_DAYS_AGO), rng)
    villages = [village.code for village in regions.villages()]
    drafts = [drafter.draft("EN1", villages[number % len(villages)], opened) for number in range(count)]
    db = Database(ground.settings, "approval")
    await db.open()
    try:
        for kind in sorted({kind for step in drafts[0].steps for kind in step.papers}):
            stored = await receive(documents.shelf(ground.settings), _chunks(sample(kind)), f"{kind}.pdf")
            async with db.begin(Scope.system()) as conn:
                await documents.register(conn, stored, "bench")
        for first in range(0, count, _BATCH):
            async with db.begin(Scope.system()) as conn:
                await save(conn, [_change(draft, now, part) for draft in drafts[first : first + _BATCH]])
    finally:
        await db.close()
    await _published(ground)
    await ground.drained("detector")
    return drafts


def award(draft: Draft) -> dict[str, Any]:
    """The request that completes the award."""
    step = draft.step(AWARD)
    bids = [bid.model_dump(mode="json") for bid in step.fields["bids"]]
    bids[1]["contact_phone_key"] = bids[0]["contact_phone_key"]
    fields = NodeFields(**{name: value for name, value in step.fields.items() if name != "bids"})
    return {
        "node": AWARD,
        "fields": fields.model_dump(mode="json", exclude_unset=True) | {"bids": bids},
        "documents": [{"kind": kind, "sha256": paper(kind).sha256} for kind in step.papers],
    }


def intended(draft: Draft) -> dict[str, Any]:
    """The same award as a question to the detector."""
    whole = record(draft, datetime.now(UTC) + timedelta(days=400))
    event = next(event for event in whole.events if isinstance(event, NodeCompleted) and event.node == AWARD)
    phone = {"contact_phone_key": event.fields.bids[0].contact_phone_key}
    bids = [bid.model_copy(update=phone) for bid in event.fields.bids]
    fields = event.fields.model_copy(update={"bids": tuple(bids)})
    return event.model_copy(update={"fields": fields, "occurred_at": datetime.now(UTC)}).model_dump(mode="json")


def _change(draft: Draft, now: datetime, part: int) -> CaseChange:
    waiting = Draft(**{**vars(draft), "steps": draft.steps[:3], "case_no": f"{draft.case_no}-{part}"})
    done = record(waiting, max(now, draft.steps[2].at))
    return CaseChange(done.case, done.events, waits_for(draft.flow, done.case))


async def _published(ground: Ground) -> None:
    """Wait until approval's outbox is empty."""
    conn = await Database(ground.settings, "approval").dedicated()
    try:
        for _ in range(_OUTBOX_LOOKS):
            if not await conn.fetchval("SELECT EXISTS (SELECT 1 FROM outbox)"):
                return
            await asyncio.sleep(0.05)
    finally:
        await conn.close()
    raise TimeoutError("approval's outbox did not empty")


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content
