"""What a person does with an inquiry, start to end: load, decide, save. A repeated request has one effect."""

import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.notifier import idempotency, inbox, standing
from services.notifier.errors import RECUSED, MoveNotYours, NoSuchAlert
from services.notifier.handling.lifecycle import Actor
from services.notifier.inquiries import inquiries, inquiry_store
from services.notifier.inquiries.inquiries import FIRST
from services.notifier.inquiries.inquiry_schemas import InquiryView, NewInquiry
from services.notifier.inquiries.inquiry_standing import Inquiry, Step, Wish
from services.notifier.schemas import Named
from services.notifier.standing import Standing
from shared import audit
from shared.db import Connection, Database, Scope
from shared.principals import Principal


@dataclass(frozen=True)
class Hand:
    """A caller at an inquiry: what he holds of it, as whom over all of it, and as whom over each of its alerts."""

    held: Inquiry
    alerts: Sequence[Standing]
    actor: Actor
    actors: Sequence[Actor]
    now: datetime


Deed = Callable[[Hand], Step]


async def open_inquiry(db: Database, caller: Principal, wanted: NewInquiry, key: str | None) -> InquiryView:
    """Merge alerts of the caller's desk into a new inquiry; raises the errors of `inquiries.open_`."""
    async with db.begin(Scope.of(caller)) as conn:
        done = await idempotency.done_before(conn, caller, key, ["open", wanted.model_dump(mode="json")])
        if done:
            return await view(conn, caller, done)
        alerts = await _alerts(conn, wanted.alerts)
        await _unbound(conn, wanted.alerts)
        actor = inquiries.opener(alerts, [standing.actor_at(one, caller) for one in alerts])
        county, now = inquiries.county_of(alerts), datetime.now(UTC)
        year = inquiries.year_of(now)
        number = inquiries.number(year, await inquiry_store.take_serial(conn, "inquiry", county, year))
        step = inquiries.open_(_new(wanted, number, county, alerts, now), alerts, actor)
        await inquiry_store.save(conn, step, new=True)
        made = UUID(step.inquiry.inquiry_id)
        await idempotency.keep(conn, caller, key, made)
        await _note(conn, caller, "inquiry.opened", step)
        return await view(conn, caller, made)


async def change(
    db: Database, caller: Principal, inquiry_id: UUID, request: Sequence[Any], deed: Deed, key: str | None
) -> InquiryView:
    """Do something with an inquiry; raises what `deed` raises. `request` says what, for the repeated key."""
    async with db.begin(Scope.of(caller)) as conn:
        if not await idempotency.done_before(conn, caller, key, [str(inquiry_id), *request]):
            held = await inquiry_store.lock(conn, inquiry_id)
            alerts = await inquiry_store.alerts_of(conn, held, lock=True)
            step = deed(hand_of(held, alerts, caller))
            await inquiry_store.save(conn, step)
            await idempotency.keep(conn, caller, key, inquiry_id)
            await _note(conn, caller, "inquiry.moved" if step.kind == "moved" else "inquiry.changed", step)
        return await view(conn, caller, inquiry_id)


async def add_alert(db: Database, caller: Principal, inquiry_id: UUID, alert_id: UUID, key: str | None) -> InquiryView:
    """Merge one more alert of the caller's desk."""
    async with db.begin(Scope.of(caller)) as conn:
        if not await idempotency.done_before(conn, caller, key, [str(inquiry_id), "add", str(alert_id)]):
            held = await inquiry_store.lock(conn, inquiry_id)
            alerts = await inquiry_store.alerts_of(conn, held, lock=True)
            if str(alert_id) not in held.alert_ids:
                (alert,) = await _alerts(conn, [alert_id])
                await _unbound(conn, [alert_id])
                hand = hand_of(held, [*alerts, alert], caller)
                step = inquiries.add(held, alert, alerts, hand.actor, hand.now)
                await inquiry_store.save(conn, step)
                await _note(conn, caller, "inquiry.changed", step)
            await idempotency.keep(conn, caller, key, inquiry_id)
        return await view(conn, caller, inquiry_id)


async def read(conn: Connection, caller: Principal, inquiry_id: UUID) -> InquiryView:
    """The inquiry as the caller may see it, and the record that he looked at it; raises `NoSuchInquiry`."""
    found = await view(conn, caller, inquiry_id)
    await audit.record(conn, caller, "inquiry.viewed", f"inquiry:{inquiry_id}", region=found.county.code, hourly=True)
    return found


async def view(conn: Connection, caller: Principal, inquiry_id: UUID) -> InquiryView:
    """The inquiry as the caller may see it; raises `NoSuchInquiry`."""
    held = await inquiry_store.find(conn, inquiry_id)
    alerts = await inquiry_store.alerts_of(conn, held)
    recusal, actor = None, Actor(frozenset())
    try:
        actor = hand_of(held, alerts, caller).actor
    except RECUSED as why:
        recusal = Named(code=why.code, zh=why.detail_zh, en=why.detail_en)
    past = await inquiry_store.history(conn, inquiry_id)
    return InquiryView.seen_by(held, alerts, actor, recusal, past, datetime.now(UTC))


def moving(wish: Wish) -> Deed:
    """The deed of bringing an inquiry into another state."""

    def move(hand: Hand) -> Step:
        # Not for secrecy: a share of the judgements is drawn for review.
        draws = {one.alert.alert_id: random.random() for one in hand.alerts}  # noqa: S311
        return inquiries.move(hand.held, wish, hand.alerts, hand.actors, hand.actor, hand.now, draws)

    return move


def removing(alert_id: UUID, reason: str) -> Deed:
    """The deed of taking an alert out."""

    def remove(hand: Hand) -> Step:
        key = str(alert_id)
        if key not in hand.held.alert_ids:
            raise NoSuchAlert("此预警不在这条线索中", "This alert is not in the inquiry")
        alert = next((one for one in hand.alerts if one.alert.alert_id == key), None)
        return inquiries.remove(hand.held, key, alert, reason, hand.actor, hand.now)

    return remove


def hand_of(held: Inquiry, alerts: Sequence[Standing], caller: Principal) -> Hand:
    """The caller at an inquiry and each of its alerts; raises why he must stand aside."""
    actors = [standing.actor_at(one, caller) for one in alerts]
    grants = {f"{grant.role}@{grant.region}" for grant in caller.grants}
    if grants.intersection(held.overseers):
        above = Actor(frozenset({"county_secretary"}), standing.person_key_of(caller), caller.subject, caller.name)
        actor = inquiries.overseer(held, above)
    elif len(alerts) < len(held.alert_ids):
        raise MoveNotYours("线索中有预警不在您的岗位", "Some of its alerts are not on your desk")
    else:
        actor = inquiries.actor_over(alerts, actors)
    return Hand(held, alerts, actor, actors, datetime.now(UTC))


async def _alerts(conn: Connection, alert_ids: Sequence[UUID]) -> list[Standing]:
    """Alerts on the caller's own desk, locked in one order; raises `NoSuchAlert`, or `MoveNotYours` for a reader."""
    found = await inbox.load(conn, (str(key) for key in alert_ids))
    for key in alert_ids:
        if str(key) not in found:
            await inbox.lock(conn, key)
    return [found[key] for key in dict.fromkeys(str(key) for key in alert_ids)]


async def _note(conn: Connection, caller: Principal, action: str, step: Step) -> None:
    held = step.inquiry
    told = {
        "kind": step.kind,
        "state": held.state,
        "alerts": [change.standing.alert.alert_id for change in step.changes],
    }
    await audit.record(conn, caller, action, f"inquiry:{held.inquiry_id}", told, region=held.county_code)


async def _unbound(conn: Connection, alert_ids: Sequence[UUID]) -> None:
    inquiries.refuse_bound({str(key): number for key, number in (await inquiry_store.bound(conn, alert_ids)).items()})


def _new(wanted: NewInquiry, number: str, county: str, alerts: Sequence[Standing], now: datetime) -> Inquiry:
    return Inquiry(
        inquiry_id=str(uuid.uuid4()),
        number=number,
        county_code=county,
        title=wanted.title.strip(),
        state=FIRST,
        alert_ids=tuple(one.alert.alert_id for one in alerts),
        term=wanted.term,
        opened_at=now,
        updated_at=now,
        due_by=None,
        lead=wanted.lead.strip(),
        helpers=tuple(name for given in wanted.helpers if (name := given.strip())),
        plan=wanted.plan.strip(),
    )
