"""A term of an inquiry or proposal that ran out, told to people at its desks on the channels that they chose.

Whoever it is about, and their kin, hears nothing. It names a number and the page, which every channel is cleared for.
"""

from collections.abc import Iterable

from services.notifier.channels import delivery_queue
from services.notifier.inquiries.inquiry_standing import Inquiry
from services.notifier.proposals.proposal_standing import Proposal
from services.notifier.routing import routing
from services.notifier.routing.routing import Desk
from services.notifier.standing import Standing
from shared.contracts.alerts import Bilingual
from shared.db import Connection

_REACHED = """
SELECT subscription_id FROM subscriptions
WHERE desks && $1::text[] AND person_key <> ALL ($2::text[]) AND kind <> 'webhook' AND verified_at IS NOT NULL
  AND NOT paused AND removed_at IS NULL AND expires_at > now()
"""


async def of_inquiry(conn: Connection, held: Inquiry, alerts: Iterable[Standing]) -> None:
    """Tell the desks that have each of its alerts, and the county if it oversees, that its term has run out."""
    shared = [frozenset(one.desks) for one in alerts]
    desks = {*(frozenset.intersection(*shared) if shared else ()), *map(Desk.at, held.overseers)}
    text = Bilingual(
        zh=f"线索 {held.number} 已过办理期限,请登录办理", en=f"Inquiry {held.number} is past its term; sign in"
    )
    await _tell(conn, desks, held.barred, text, f"/inquiries/{held.inquiry_id}")


async def of_proposal(conn: Connection, held: Proposal) -> None:
    """Tell its desks that the reply, or the follow-up, is overdue."""
    text = Bilingual(
        zh=f"监察建议书 {held.number or ''} 已过期限,请登录办理",
        en=f"Supervision proposal {held.number or ''} is past its term; sign in",
    )
    await _tell(conn, held.desks, held.barred, text, f"/proposals/{held.proposal_id}")


async def _tell(conn: Connection, desks: Iterable[Desk], barred: frozenset[str], text: Bilingual, page: str) -> None:
    rows = await conn.fetch(_REACHED, routing.holders(tuple(desks)), sorted(barred))
    for row in rows:
        await delivery_queue.enqueue(
            conn, row["subscription_id"], "reminder", {"text": text.model_dump(), "page": page}
        )
