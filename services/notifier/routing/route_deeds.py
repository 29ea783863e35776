"""What the keepers of routes and roster do, start to end; the pages and the REST API share it.

Keepers are the county's discipline commission and its keepers of routes, each for his own region; auditors read.
"""

from datetime import UTC, datetime
from typing import Any

from services.notifier import inbox, standing
from services.notifier.errors import BadRoster
from services.notifier.routing import roster, route_store, route_tree
from services.notifier.routing.plans import Plans
from services.notifier.routing.route_explain import Explained, explain
from services.notifier.routing.route_schemas import NewRoutes, PostRoster, PostView, Question, State, VersionDetail
from services.notifier.routing.routing import Plan
from shared import audit
from shared.auth import require
from shared.db import Database, Scope
from shared.principals import Principal
from shared.regions import COUNTY

KEEPERS = ("county_secretary", "route_keeper")
READERS = (*KEEPERS, "auditor")


async def draft(db: Database, caller: Principal, wish: NewRoutes) -> VersionDetail:
    """Keep a draft of the county's tree; raises `BadRoutes` with the place of each fault."""
    require(caller, *KEEPERS, region=COUNTY)
    route_tree.read(wish.tree)
    now = datetime.now(UTC)
    async with db.begin(Scope.of(caller)) as conn:
        number = await route_store.draft(conn, COUNTY, wish.tree, wish.reason, caller, now)
        await audit.record(conn, caller, "routes.drafted", f"routes:{number}", region=COUNTY)
        return await route_store.version(conn, number, now)


async def decide(
    db: Database, caller: Principal, number: int, state: State, reason: str, effective_from: datetime | None = None
) -> VersionDetail:
    """Approve or reject another's draft. What is approved holds from a time that isn't past."""
    require(caller, *KEEPERS, region=COUNTY)
    now = datetime.now(UTC)
    begins = max(effective_from or now, now) if state == "approved" else None
    async with db.begin(Scope.of(caller)) as conn:
        route_tree.read((await route_store.version(conn, number, now)).tree)
        await route_store.decide(conn, number, state, begins, reason, caller, now)
        begun = {"effective_from": begins.isoformat()} if begins else {}
        deed = "routes.approved" if begins else "routes.rejected"
        await audit.record(conn, caller, deed, f"routes:{number}", begun, region=COUNTY)
        return await route_store.version(conn, number, now)


async def write_post(db: Database, caller: Principal, desk: str, wish: PostRoster) -> PostView:
    """Write who holds a post; raises `BadRoster`, `RosterChanged`, `NotAllowed`."""
    require(caller, *KEEPERS, region=desk.partition("@")[2])
    if faults := list(roster.faults(desk, wish.entries, caller)):
        raise BadRoster("请按提示修改", "Please mend the named fields", faults)
    async with db.begin(Scope.of(caller)) as conn:
        now = datetime.now(UTC)
        written = await route_store.write_post(conn, desk, wish.entries, wish.revision, wish.reason, caller, now)
        told = {"revision": written.revision, "entries": len(written.entries)}
        await audit.record(conn, caller, "roster.written", f"post:{desk}", told, region=desk.partition("@")[2])
        return written


async def explained(db: Database, plans: Plans, caller: Principal, question: Question) -> Explained:
    """Who gets an alert of the caller's, or a sample, and why; raises `NoSuchAlert`, `NoSuchRoutes`, `BadRoutes`.

    Who must stand aside is told of no alert that the caller can't see.
    """
    require(caller, *READERS)
    now = question.at or datetime.now(UTC)
    told: dict[str, Any] = {}
    async with db.begin(Scope.of(caller)) as conn:
        text = question.tree
        if question.version is not None:
            text = (await route_store.version(conn, question.version, now)).tree
        if question.alert_id:
            held = await inbox.find(conn, question.alert_id)
            standing.refuse_recused(held, caller)
            told = {"state": held.state, "due_by": held.due_by, "taken": held.next_step}
            alert = held.alert
            await audit.record(conn, caller, "routes.explained", f"alert:{alert.alert_id}", region=alert.village_code)
        else:
            assert question.sample
            alert = question.sample.alert()
    async with db.begin(Scope.system(), readonly=True) as conn:
        plan = await plans.at(conn, now)
    if text is not None:
        plan = Plan(route_tree.read(text), question.version or 0, plan.roster)
    version = None if question.tree is not None else plan.version
    return explain(alert, plan, now, version=version, **told)
