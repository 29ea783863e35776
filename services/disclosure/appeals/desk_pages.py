"""The pages of those who handle appeals: the list, one of them, and the forms of what its desk may do."""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.disclosure.appeals import deeds, lifecycle, opinions, pictures, routing, store
from services.disclosure.appeals.deeds import Decide
from services.disclosure.appeals.lifecycle import Reply
from services.disclosure.appeals.plan import plan
from services.disclosure.pages import rendered
from services.disclosure.schemas import Named
from services.disclosure.vocabulary import vocabulary
from shared import audit, cursor
from shared.auth import Caller, require
from shared.db import Scope
from shared.documents import DOWNLOAD_HEADERS
from shared.principals import Principal
from shared.problems import FieldError, NotFound, Problem
from shared.web import db_of, settings_of

router = APIRouter(prefix="/appeals", include_in_schema=False)
_PAGE = 30
_SHOWS = ("open", "overdue", "answered", "closed", "all")
_PRIVATE = {"cache-control": "private, no-store"}
Text = Annotated[str, Form(max_length=10_000)]


@router.get("")
async def show_appeals(
    request: Request,
    caller: Caller,
    show: Annotated[str, Query(max_length=20)] = "open",
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The appeals that the caller may read, the latest first."""
    require(caller, *_posts())
    show = show if show in _SHOWS else "open"
    secret = settings_of(request).identity_secret
    async with db_of(request).begin(Scope.of(caller)) as conn:
        found, more = await deeds.listed(conn, caller, show, cursor.read_moment(after), _PAGE, secret)
    last = found[-1].appeal if found and more else None
    return _page(
        "appeals.html",
        caller=caller,
        items=found,
        show=show,
        next=cursor.write(last.filed_at.isoformat(), last.appeal_id) if last else None,
        region=Named.region,
        now=datetime.now(UTC),
        plan=plan(),
    )


@router.get("/{appeal_id}")
async def show_appeal(request: Request, caller: Caller, appeal_id: uuid.UUID) -> Response:
    """One appeal with its history, and what its desk may do."""
    return await _show(request, caller, appeal_id)


@router.get("/{appeal_id}/pictures/{picture_id}")
async def show_picture(request: Request, caller: Caller, appeal_id: uuid.UUID, picture_id: uuid.UUID) -> Response:
    """A picture of an appeal."""
    content = await deeds.give_picture(db_of(request), settings_of(request), caller, appeal_id, picture_id)
    return Response(content, media_type=pictures.MEDIA_TYPE, headers=DOWNLOAD_HEADERS)


@router.post("/{appeal_id}/identity")
async def show_identity(
    request: Request, caller: Caller, appeal_id: uuid.UUID, reason: Text = "", text: Text = ""
) -> Response:
    """The appeal with its author's name, this once."""
    try:
        who = await deeds.show_identity(db_of(request), settings_of(request), caller, appeal_id, reason, text)
    except Problem as problem:
        return await _again(request, caller, appeal_id, "identity", problem, {"text": text})
    return await _show(request, caller, appeal_id, who=who)


@router.post("/{appeal_id}/{deed}")
async def do(
    request: Request,
    caller: Caller,
    appeal_id: uuid.UUID,
    deed: str,
    text: Text = "",
    about: Text = "",
    public: Annotated[str, Form(max_length=10)] = "",
    to: Annotated[str, Form(max_length=12)] = "",
) -> Response:
    """A deed of its desk; the appeal again, with what must be mended if anything."""
    try:
        await _do(request, caller, appeal_id, deed, {"text": text, "about": about, "public": public, "to": to})
    except Problem as problem:
        if problem.status in (403, 404):
            raise
        return await _again(request, caller, appeal_id, deed, problem, {"text": text, "about": about, "public": public})
    return RedirectResponse(f"/appeals/{appeal_id}", status_code=303)


async def _do(request: Request, caller: Principal, appeal_id: uuid.UUID, deed: str, typed: dict[str, str]) -> None:
    db, settings, text = db_of(request), settings_of(request), typed["text"].replace("\r\n", "\n")
    if deed == "reply":
        reply = Reply(text, typed["public"] == "yes", typed["about"])
        return await deeds.answer(db, settings, caller, appeal_id, reply)
    if deed == "withdraw":
        return await deeds.withdraw_opinion(db, settings, caller, appeal_id, text)
    decisions: dict[str, Decide] = {
        "take_up": lifecycle.take_up,
        "forward": lambda one, post, now: lifecycle.forward(one, typed["to"], text, post, now, plan()),
        "extend": lambda one, post, now: lifecycle.extend(one, text, post, now, plan()),
        "close": lifecycle.close,
    }
    if deed not in decisions:
        raise NotFound("没有这个页面", "No such page")
    await deeds.handle(db, settings, caller, appeal_id, decisions[deed])


async def _again(
    request: Request, caller: Principal, appeal_id: uuid.UUID, deed: str, problem: Problem, typed: dict[str, str]
) -> Response:
    errors = problem.errors or [FieldError("", problem.detail_zh, problem.detail_en)]
    return await _show(request, caller, appeal_id, deed=deed, errors=errors, typed=typed, status=problem.status)


async def _show(
    request: Request,
    caller: Principal,
    appeal_id: uuid.UUID,
    *,
    who: store.Identity | None = None,
    deed: str = "",
    errors: list[FieldError] | None = None,
    typed: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    async with db_of(request).begin(Scope.of(caller)) as conn:
        held, entries = await deeds.read(conn, caller, appeal_id, settings_of(request).identity_secret)
        about, one = f"appeal:{appeal_id}", held.appeal
        await audit.record(conn, caller, "appeal.viewed", about, region=one.desk, hourly=True)
        values: dict[str, Any] = {
            "pictures": await store.pictures(conn, one.appeal_id),
            "named": await store.is_named(conn, one.appeal_id),
            "published": await opinions.published(conn, one.appeal_id),
        }
    mine = routing.holds(caller, held.handlers)
    return _page(
        "appeal.html",
        status,
        caller=caller,
        held=held,
        appeal=one,
        entries=entries,
        village=Named.region(one.village_code),
        desk=Named.region(one.desk),
        open=lifecycle.open_deeds(one) if mine else frozenset(),
        mine=mine,
        targets=[Named.region(desk) for desk in lifecycle.targets(one)],
        may_see=routing.holds(caller, held.identity_readers),
        who=who,
        deed=deed,
        errors=errors or [],
        typed={"text": "", "about": "", "public": ""} | (typed or {}),
        now=datetime.now(UTC),
        plan=plan(),
        roles=vocabulary().roles,
        **values,
    )


def _posts() -> set[str]:
    return {role for posts in plan().desks.values() for role in posts}


def _page(name: str, status: int = 200, **values: Any) -> Response:
    return HTMLResponse(rendered(name, **values), status, _PRIVATE)
