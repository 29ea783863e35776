"""The inquiries and proposals of an alert, for its page."""

from dataclasses import dataclass
from uuid import UUID

from services.notifier import standing
from services.notifier.handling import lifecycle
from services.notifier.inquiries import inquiry_book, inquiry_store
from services.notifier.inquiries.inquiry_schemas import LinkedInquiry
from services.notifier.proposals import proposal_store
from services.notifier.proposals.proposal_schemas import LinkedProposal
from services.notifier.standing import Standing
from shared.db import Connection
from shared.principals import Principal


@dataclass(frozen=True)
class Folders:
    """What an alert is in or under; `bound` when it is in an inquiry that goes on, `going_on` where it could join."""

    inquiries: list[LinkedInquiry]
    proposals: list[LinkedProposal]
    going_on: list[LinkedInquiry]
    bound: bool
    may_open: bool


async def of_alert(conn: Connection, held: Standing, caller: Principal) -> Folders | None:
    """As far as the caller may read them; None when there is nothing to see and nothing to do."""
    key, actor = UUID(held.alert.alert_id), standing.actor_at(held, caller)
    linked = await inquiry_store.of_alert(conn, key)
    papers = await proposal_store.resting_on(conn, alert_id=key)
    live = not held.finished and not lifecycle.recusal(held.alert, actor)
    may_open = live and bool(actor.roles & inquiry_book.book().groups["inquirer"])
    if not (linked or papers or may_open):
        return None
    bound = bool(await inquiry_store.bound(conn, [key]))
    return Folders(
        linked, papers, await inquiry_store.going_on(conn) if may_open and not bound else [], bound, may_open
    )
