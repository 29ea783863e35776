"""Routes and roster over REST: what is in force, drafts and their approval, who holds which post, what goes where."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request

from services.notifier import errors
from services.notifier.errors import NotInRoster
from services.notifier.routing import route_deeds, route_store
from services.notifier.routing.route_deeds import READERS
from services.notifier.routing.route_explain import Explained
from services.notifier.routing.route_schemas import (
    DESK,
    Approval,
    NewRoutes,
    PostRoster,
    PostView,
    Question,
    Rejection,
    RosterView,
    VersionDetail,
    Versions,
)
from shared.auth import Caller, require
from shared.db import Scope
from shared.openapi import problems
from shared.web import db_of

router = APIRouter(prefix="/v1", tags=["路由与值守 routes and roster"])
Number = Annotated[int, Path(ge=0, description="版本;0 为默认 / the version; 0 is the file's")]
DeskAddress = Annotated[
    str, Path(pattern=DESK, description="岗位@地区 / role@region", examples=["town_secretary@330421107000"])
]


@router.get("/routes", summary="路由版本 / List versions of the routes")
async def list_routes(request: Request, caller: Caller) -> Versions:
    """All versions of the tree of routes, the latest first, and which is in force now."""
    require(caller, *READERS)
    now = datetime.now(UTC)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        items = await route_store.versions(conn, now)
    return Versions(in_force=next(one.version for one in items if one.in_force), items=items)


@router.get("/routes/{version}", summary="路由版本详情 / Read a version", responses=problems(errors.NoSuchRoutes))
async def show_routes(request: Request, caller: Caller, version: Number) -> VersionDetail:
    """One version with its text."""
    require(caller, *READERS)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        return await route_store.version(conn, version, datetime.now(UTC))


@router.post("/routes/drafts", status_code=201, summary="起草路由 / Draft routes", responses=problems(errors.BadRoutes))
async def draft_routes(request: Request, caller: Caller, body: NewRoutes) -> VersionDetail:
    """Draft the county's own tree. It changes nothing until another person approves it; faults name line and column."""
    return await route_deeds.draft(db_of(request), caller, body)


@router.post(
    "/routes/{version}/approve",
    summary="批准路由 / Approve routes",
    responses=problems(errors.NoSuchRoutes, errors.OwnRoutes, errors.RoutesDecided, errors.BadRoutes),
)
async def approve_routes(request: Request, caller: Caller, version: Number, body: Approval) -> VersionDetail:
    """Bring a draft into force from a time on (now, when none or a past one is given), by another than drafted it."""
    return await route_deeds.decide(db_of(request), caller, version, "approved", body.reason, body.effective_from)


@router.post(
    "/routes/{version}/reject",
    summary="驳回路由 / Reject routes",
    responses=problems(errors.NoSuchRoutes, errors.OwnRoutes, errors.RoutesDecided),
)
async def reject_routes(request: Request, caller: Caller, version: Number, body: Rejection) -> VersionDetail:
    """Reject a draft, by another than drafted it."""
    return await route_deeds.decide(db_of(request), caller, version, "rejected", body.reason)


@router.post(
    "/routes/explain",
    summary="路由试算 / Explain who gets an alert",
    responses=problems(errors.NoSuchAlert, errors.NoSuchRoutes, errors.BadRoutes, *errors.RECUSED),
)
async def explain_route(request: Request, caller: Caller, body: Question) -> Explained:
    """Who gets an alert and why: the way through the tree, who is at each desk, and when which step comes."""
    return await route_deeds.explained(db_of(request), request.app.state.plans, caller, body)


@router.get("/roster", summary="值守表 / Read the roster")
async def show_roster(request: Request, caller: Caller) -> RosterView:
    """Who holds which post of the caller's own region."""
    require(caller, *READERS)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        return RosterView(items=await route_store.posts(conn))


@router.get("/roster/{desk}", summary="岗位值守 / Read a post", responses=problems(NotInRoster))
async def show_post(request: Request, caller: Caller, desk: DeskAddress) -> PostView:
    """Who holds one post. A post of which nothing was written counts as staffed: the sign-in says who sits there."""
    require(caller, *READERS)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        found = await route_store.post(conn, desk)
    if found is None:
        raise NotInRoster("值守表没有这个岗位,按登录授权视为有人", "Nothing is written of it: it counts as staffed")
    return found


@router.put(
    "/roster/{desk}",
    summary="安排岗位值守 / Write a post",
    responses=problems(errors.BadRoster, errors.RosterChanged),
)
async def write_post(request: Request, caller: Caller, desk: DeskAddress, body: PostRoster) -> PostView:
    """Write who holds a post, who stands in and who is away; what was written before stays on record."""
    return await route_deeds.write_post(db_of(request), caller, desk, body)
