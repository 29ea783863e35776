"""What a person does with a supervision proposal, start to end: load, decide, save."""

import uuid
from datetime import UTC, datetime
from uuid import UUID

from services.notifier import idempotency, inbox, standing
from services.notifier.handling.lifecycle import Actor
from services.notifier.inquiries import inquiry_store
from services.notifier.proposals import proposal_store, proposal_text, proposals
from services.notifier.proposals.proposal_schemas import (
    ContentForm,
    NewProposal,
    ProposalMove,
    ProposalView,
    Source,
)
from services.notifier.proposals.proposal_standing import Content, Grounds, Proposal
from services.notifier.standing import Standing
from shared import audit
from shared.contracts.proposals import Origin
from shared.db import Connection, Database, Scope
from shared.principals import Principal

_COMPARED = frozenset({"served", "replied", "adopted", "partly_adopted", "refused"})


async def suggest(conn: Connection, caller: Principal, source: Source) -> tuple[Grounds, Content]:
    """What a form over this source starts with; raises the errors of looking it up."""
    alerts = await _alerts(conn, source)
    found = proposals.grounds(_origin(source), alerts, _inquiry_id(source))
    return found, proposals.suggestion(found)


async def write(db: Database, caller: Principal, wanted: NewProposal, key: str | None) -> ProposalView:
    """Draft one; raises `NoSuchAlert`, `NoSuchInquiry`, and the errors of `proposals.draft`."""
    async with db.begin(Scope.of(caller)) as conn:
        made = await idempotency.done_before(conn, caller, key, ["write", wanted.model_dump(mode="json")])
        if made is None:
            alerts = await _alerts(conn, wanted.source)
            found = proposals.grounds(_origin(wanted.source), alerts, _inquiry_id(wanted.source))
            made = uuid.uuid4()
            content, now = wanted.content(), datetime.now(UTC)
            step = proposals.draft(str(made), found, content, alerts, _writer(alerts, caller), now)
            await proposal_store.save(conn, step, new=alerts)
            await idempotency.keep(conn, caller, key, made)
            await _note(conn, caller, "proposal.written", step.proposal)
        return await view(conn, caller, made)


async def rewrite(
    db: Database, caller: Principal, proposal_id: UUID, wanted: ContentForm, key: str | None
) -> ProposalView:
    """Change a draft."""
    request = [str(proposal_id), "rewrite", wanted.model_dump(mode="json")]
    async with db.begin(Scope.of(caller)) as conn:
        if not await idempotency.done_before(conn, caller, key, request):
            held = await proposal_store.lock(conn, proposal_id)
            now = datetime.now(UTC)
            step = proposals.rewrite(held, wanted.content(), actor_at(held, caller), now)
            await proposal_store.save(conn, step)
            await idempotency.keep(conn, caller, key, proposal_id)
            await _note(conn, caller, "proposal.changed", held)
        return await view(conn, caller, proposal_id)


async def move(db: Database, caller: Principal, proposal_id: UUID, wish: ProposalMove, key: str | None) -> ProposalView:
    """Bring it into another state: serving takes the office's next number, a follow-up counts the alerts."""
    request = [str(proposal_id), "move", wish.model_dump()]
    async with db.begin(Scope.of(caller)) as conn:
        if not await idempotency.done_before(conn, caller, key, request):
            held = await proposal_store.lock(conn, proposal_id)
            actor, now = actor_at(held, caller), datetime.now(UTC)
            found = proposals.check(held, wish.to, wish.note, actor)
            serial, comparison = 0, None
            if found.to == "served":
                year = proposal_text.year_of(now)
                serial = await inquiry_store.take_serial(conn, "proposal", held.issued_by, year)
            if found.compares:
                comparison = await proposal_store.compare(conn, held, now)
            step = proposals.move(held, found, wish.note, actor, now, serial=serial, comparison=comparison)
            await proposal_store.save(conn, step)
            await idempotency.keep(conn, caller, key, proposal_id)
            await _note(conn, caller, "proposal.moved", step.proposal)
        return await view(conn, caller, proposal_id)


async def read(conn: Connection, caller: Principal, proposal_id: UUID) -> ProposalView:
    """The proposal as the caller may see it, and the record that he looked at it; raises `NoSuchProposal`."""
    found = await view(conn, caller, proposal_id)
    await audit.record(
        conn, caller, "proposal.viewed", f"proposal:{proposal_id}", region=found.issued_by.code, hourly=True
    )
    return found


async def view(conn: Connection, caller: Principal, proposal_id: UUID) -> ProposalView:
    """The proposal as the caller may see it; raises `NoSuchProposal`."""
    held, now = await proposal_store.find(conn, proposal_id), datetime.now(UTC)
    comparison = held.comparison
    if held.state in _COMPARED:
        comparison = await proposal_store.compare(conn, held, now)
    past = await proposal_store.history(conn, proposal_id)
    return ProposalView.seen_by(held, actor_at(held, caller), comparison, past, now)


def actor_at(held: Proposal, caller: Principal) -> Actor:
    """The caller at a proposal."""
    person = Actor(frozenset(), standing.person_key_of(caller), caller.subject, caller.name)
    return proposals.actor_at(held, person, caller.grants)


def _writer(alerts: list[Standing], caller: Principal) -> Actor:
    """The caller in the roles in which he has each of the alerts on his desk."""
    actors = [standing.actor_at(one, caller) for one in alerts]
    shared = frozenset.intersection(*(actor.roles for actor in actors)) if actors else frozenset[str]()
    return Actor(shared, standing.person_key_of(caller), caller.subject, caller.name)


async def _alerts(conn: Connection, source: Source) -> list[Standing]:
    if source.pattern:
        return await proposal_store.of_pattern(conn, source.pattern, datetime.now(UTC))
    if source.inquiry_id:
        return await inquiry_store.alerts_of(conn, await inquiry_store.find(conn, source.inquiry_id))
    assert source.alert_id
    return [await inbox.find(conn, source.alert_id)]


def _origin(source: Source) -> Origin:
    return "pattern" if source.pattern else "inquiry" if source.inquiry_id else "alert"


def _inquiry_id(source: Source) -> str | None:
    return str(source.inquiry_id) if source.inquiry_id else None


async def _note(conn: Connection, caller: Principal, action: str, held: Proposal) -> None:
    about = f"proposal:{held.proposal_id}"
    await audit.record(conn, caller, action, about, {"state": held.state}, region=held.issued_by)
