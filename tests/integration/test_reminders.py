"""A term of an inquiry or proposal that passes in silence reaches the people at its desks, once a term."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.notifier.channels import content
from services.notifier.folders import folder_clock
from services.notifier.inquiries import inquiry_deeds
from services.notifier.inquiries.inquiry_schemas import NewInquiry
from services.notifier.inquiries.inquiry_standing import Wish
from services.notifier.proposals import proposal_deeds
from services.notifier.proposals.proposal_schemas import NewProposal, ProposalMove, Source
from shared.db import Database, Scope
from shared.principals import Grant, Principal
from shared.settings import Settings
from tests.integration.test_channels import reach
from tests.integration.test_notifier import deliver
from tests.notifier.samples import OTHER_TOWN, TOWN, VILLAGE, about, alert, raised

pytestmark = pytest.mark.without_broker
Open = Callable[[str], Awaitable[Database]]
SECRETARY = Principal("wang", "王书记", "wang-key", frozenset({Grant("town_secretary", TOWN)}))
ADDRESS = json.dumps({"endpoint": "https://push.example/1", "keys": {"p256dh": "x", "auth": "y"}})


@pytest.fixture
async def db(database: Open) -> Database:
    """No service runs: what is queued stays where it can be seen."""
    return await database("notifier")


async def queued(db: Database) -> list[tuple[UUID, str]]:
    """Who is reminded of what, in order."""
    async with db.begin(Scope.system()) as conn:
        rows = await conn.fetch(
            "SELECT subscription_id, body FROM deliveries WHERE kind = 'reminder' ORDER BY delivery_id"
        )
    return [(row["subscription_id"], content.reminder(row["body"], "https://home").line) for row in rows]


async def test_a_term_that_passed_is_told_once_to_its_desk_and_to_nobody_whom_it_is_about(
    settings: Settings, db: Database
) -> None:
    concerned = about("village", VILLAGE, "zhang-key").model_copy(update={"kin": ("wife-key",)})
    found = [alert(about=(concerned,)) for _ in range(3)]
    await deliver(db, *(raised(one) for one in found))
    mine = await reach(db, settings, "web_push", ADDRESS)
    for subject, key, desk in [("z", "wife-key", None), ("y", "", f"town_secretary@{OTHER_TOWN}")]:
        more = {"desk": desk} if desk else {}
        await reach(db, settings, "web_push", ADDRESS, subject=subject, person_key=key, **more)
    alerts = [UUID(one.alert_id) for one in found[:2]]
    opened = await inquiry_deeds.open_inquiry(db, SECRETARY, NewInquiry(title="系列采购", alerts=alerts), None)
    moving = inquiry_deeds.moving(Wish("under_inquiry"))
    await inquiry_deeds.change(db, SECRETARY, opened.inquiry_id, (), moving, None)
    draft = NewProposal(
        addressee="village",
        addressee_name="村民委员会",
        problem="拆分报批",
        asks=["公开结果"],
        source=Source(alert_id=UUID(found[2].alert_id)),
    )
    made = await proposal_deeds.write(db, SECRETARY, draft, None)
    served = await proposal_deeds.move(db, SECRETARY, made.proposal_id, ProposalMove(to="served"), None)
    late = datetime.now(UTC) + timedelta(days=200)
    for _ in range(2):
        await folder_clock.look(db, late)
    assert await queued(db) == [
        (mine, f"云睛线索 {opened.number} 已过办理期限,请登录办理 https://home/inquiries/{opened.inquiry_id}"),
        (mine, f"云睛监察建议书 {served.number} 已过期限,请登录办理 https://home/proposals/{made.proposal_id}"),
    ]
    await proposal_deeds.move(db, SECRETARY, made.proposal_id, ProposalMove(to="replied", note="已清理"), None)
    await proposal_deeds.move(db, SECRETARY, made.proposal_id, ProposalMove(to="adopted", note="可"), None)
    await folder_clock.look(db, late + timedelta(days=200))
    assert len(await queued(db)) == 3
