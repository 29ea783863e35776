"""Pages of routes and roster: versions of the tree and their approval, 路由试算, and who holds which post."""

import re
from datetime import UTC, datetime
from pathlib import Path as File
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from services.notifier.errors import BadRoster, BadRoutes, RosterChanged
from services.notifier.routing import route_deeds, route_store
from services.notifier.routing.roster import Entry
from services.notifier.routing.route_deeds import KEEPERS, READERS
from services.notifier.routing.route_roster_form import Line, entries_of, lines_of
from services.notifier.routing.route_schemas import DESK, NewRoutes, PostRoster, Question, Sample
from services.notifier.routing.routing import Desk
from services.notifier.vocabulary import vocabulary
from shared import regions, web
from shared.auth import Caller, require
from shared.contracts.alerts import About, Grade
from shared.contracts.base import RegionCode
from shared.contracts.power import Matter
from shared.db import Scope
from shared.principals import Principal
from shared.problems import FieldError
from shared.regions import COUNTY
from shared.web import db_of
from shared.workdays import SHANGHAI

router = APIRouter(include_in_schema=False)
_templates = web.templates(File(__file__).parent.parent)
_templates.env.globals["desk_name"] = lambda address: _desk_name(Desk.at(address))
_ROLES = ("town_secretary", "town_inspector", "county_secretary", "supervisory_committee", "handler")
Level = Annotated[str, Query(pattern="^(village|town|county)?$")]


@router.get("/routes")
async def show_routes(request: Request, caller: Caller) -> Response:
    """All versions of the tree, and a form to draft another."""
    return await _routes(request, caller)


@router.post("/routes")
async def draft_routes(
    request: Request,
    caller: Caller,
    tree: Annotated[str, Form(max_length=200_000)],
    reason: Annotated[str, Form(min_length=2, max_length=1000)],
) -> Response:
    """Keep a draft and show it; with faults the form again, each beside its line."""
    text = tree.replace("\r\n", "\n")
    try:
        made = await route_deeds.draft(db_of(request), caller, NewRoutes(tree=text, reason=reason))
    except BadRoutes as problem:
        return await _routes(request, caller, tree=text, reason=reason, errors=problem.errors)
    return RedirectResponse(f"/routes/{made.version}", status_code=303)


@router.get("/routes/try")
async def try_routes(
    request: Request,
    caller: Caller,
    alert: UUID | None = None,
    grade: Grade = "red",
    matter: Matter = "PR",
    village: Annotated[RegionCode | None, Query()] = None,
    visible: bool = False,
    office: Level = "",
    version: Annotated[int | None, Query(ge=0)] = None,
    at: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Who would get such an alert, or gets this one, and why."""
    require(caller, *READERS)
    place = village or regions.villages()[0].code
    sample = Sample(
        grade=grade, matter=matter, village_code=place, village_visible=visible, about=_official(office, place)
    )
    question = Question(alert_id=alert, sample=None if alert else sample, version=version, at=_moment(at))
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        versions = await route_store.versions(conn, datetime.now(UTC))
    return _page(
        request,
        "routes_try.html",
        caller=caller,
        told=await route_deeds.explained(db_of(request), request.app.state.plans, caller, question),
        versions=versions,
        villages=[(town, regions.villages(town.code)) for town in regions.towns()],
        chosen={
            "alert": alert,
            "grade": grade,
            "matter": matter,
            "village": place,
            "visible": visible,
            "office": office,
            "version": version,
            "at": at,
        },
        words=vocabulary(),
    )


@router.get("/routes/{version}")
async def show_version(request: Request, caller: Caller, version: Annotated[int, Path(ge=0)]) -> Response:
    """One version of the tree, with the forms of a decision for whoever may decide."""
    require(caller, *READERS)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        shown = await route_store.version(conn, version, datetime.now(UTC))
    keeps = any(caller.has(role, COUNTY) for role in KEEPERS)
    return _page(request, "routes_version.html", caller=caller, shown=shown, keeps=keeps)


@router.post("/routes/{version}/decision")
async def decide_routes(
    request: Request,
    caller: Caller,
    version: Annotated[int, Path(ge=1)],
    then: Annotated[str, Form(pattern="^(approve|reject)$")],
    reason: Annotated[str, Form(min_length=2, max_length=1000)],
    effective_from: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Approve or reject another person's draft."""
    state = "approved" if then == "approve" else "rejected"
    await route_deeds.decide(db_of(request), caller, version, state, reason, _moment(effective_from))  # type: ignore[arg-type]
    return RedirectResponse(f"/routes/{version}", status_code=303)


@router.get("/roster")
async def show_roster(request: Request, caller: Caller) -> Response:
    """Who holds which post, as far as it was written."""
    require(caller, *READERS)
    now = datetime.now(UTC)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        posts = await route_store.posts(conn)
    return _page(
        request,
        "roster.html",
        caller=caller,
        posts=[(post, [(entry, _presence(post.entries, entry, now)) for entry in post.entries]) for post in posts],
        keeps=any(caller.has(role) for role in KEEPERS),
        roles=[(role, vocabulary().role(role)) for role in _ROLES],
        places=[(regions.COUNTY, regions.name(COUNTY)), *((one.code, one.zh) for one in regions.towns())],
        villages=[(town, regions.villages(town.code)) for town in regions.towns()],
    )


@router.get("/roster/edit")
async def go_to_post(
    request: Request,
    caller: Caller,
    role: Annotated[str, Query(max_length=60)],
    region: Annotated[RegionCode, Query()],
) -> Response:
    """To the form of a post that was chosen by its role and region."""
    return RedirectResponse(f"/roster/{role}@{region}", status_code=303)


@router.get("/roster/{desk}")
async def show_post(request: Request, caller: Caller, desk: Annotated[str, Path(pattern=DESK)]) -> Response:
    """One post with the form to write it."""
    require(caller, *KEEPERS, region=desk.partition("@")[2])
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        post = await route_store.post(conn, desk)
    return _post(request, caller, desk, lines_of(post.entries if post else []), post.revision if post else 0)


@router.post("/roster/{desk}")
async def write_post(request: Request, caller: Caller, desk: Annotated[str, Path(pattern=DESK)]) -> Response:
    """Write a post; with faults the form again."""
    form = await request.form(max_fields=1000)
    columns = {name: [str(value) for value in form.getlist(name)] for name in Line.model_fields}
    lines = [Line(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=False)]
    revision, reason = _number(str(form.get("revision", ""))), str(form.get("reason", ""))
    try:
        wish = PostRoster(entries=entries_of(lines), revision=revision, reason=reason)
        await route_deeds.write_post(db_of(request), caller, desk, wish)
    except BadRoster as problem:
        return _post(request, caller, desk, lines, revision, reason, problem.errors)
    except RosterChanged as problem:
        fault = FieldError("revision", problem.detail_zh, problem.detail_en)
        return _post(request, caller, desk, lines, revision, reason, [fault])
    except ValidationError:
        fault = FieldError("reason", "请写明依据(两个字以上)", "Say by what decision, in two characters or more")
        return _post(request, caller, desk, lines, revision, reason, [fault])
    return RedirectResponse("/roster", status_code=303)


async def _routes(
    request: Request, caller: Principal, *, tree: str = "", reason: str = "", errors: list[FieldError] | None = None
) -> Response:
    require(caller, *READERS)
    now = datetime.now(UTC)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        versions = await route_store.versions(conn, now)
        current = await route_store.version(conn, next(one.version for one in versions if one.in_force), now)
    return _page(
        request,
        "routes.html",
        status=422 if errors else 200,
        caller=caller,
        versions=versions,
        keeps=any(caller.has(role, COUNTY) for role in KEEPERS),
        tree=tree or current.tree,
        reason=reason,
        errors=errors or [],
    )


def _post(
    request: Request,
    caller: Principal,
    desk: str,
    lines: list[Line],
    revision: int,
    reason: str = "",
    errors: list[FieldError] | None = None,
) -> Response:
    shown = [*lines, Line()] if not errors else lines
    return _page(
        request,
        "roster_post.html",
        status=422 if errors else 200,
        caller=caller,
        desk=desk,
        lines=shown,
        revision=revision,
        reason=reason,
        errors=errors or [],
    )


def _number(text: str) -> int:
    """The revision that a form was made from; 0, of none, when it names none."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0


def _official(office: str, village: str) -> tuple[About, ...]:
    places = {"village": village, "town": regions.town_of(village), "county": regions.county_of(village)}
    if office not in places:
        return ()
    return (About(person_key="someone", name="某某", level=office, region_code=places[office]),)


def _presence(entries: list[Entry], entry: Entry, now: datetime) -> str:
    held = any(one.kind == "holder" and one.presence(now) in ("on_duty", "off_duty") for one in entries)
    return entry.presence(now, held=held)


def _moment(text: str) -> datetime | None:
    """A time of a form, in Shanghai; None when none or no time is given."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC) if text else None
    except (ValueError, OverflowError):
        return None


def _desk_name(desk: Desk) -> str:
    return f"{regions.name(desk.region)} {vocabulary().role(desk.role).zh}"


def _page(request: Request, name: str, *, status: int = 200, **values: Any) -> Response:
    return _templates.TemplateResponse(request, name, values, status_code=status)
