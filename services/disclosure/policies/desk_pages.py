"""The pages of those who write policies: the list, one with its versions, and the forms of what they may do."""

import uuid
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.disclosure.free_text import scrub
from services.disclosure.pages import rendered
from services.disclosure.policies import store
from services.disclosure.policies.plan import plan
from services.disclosure.policies.policy import Version
from services.disclosure.policies.schemas import PolicyView
from services.disclosure.policies.typed import as_typed, content_of
from shared.auth import Caller, require
from shared.db import Scope
from shared.lengths import check_length
from shared.principals import Principal
from shared.problems import FieldError, InvalidInput, NotFound, Problem
from shared.web import db_of
from shared.workdays import SHANGHAI

router = APIRouter(prefix="/desk/policies", include_in_schema=False)
_PRIVATE = {"cache-control": "private, no-store"}
_LONGEST_FORM = 200_000
_NOT_A_REGION = FieldError("region", "请选择您负责的地区", "Choose a region of yours")
_NO_REASON = FieldError(
    "because", "请写明理由,最多 500 字,村民看得到", "Say why in 500 characters; the public reads it"
)


@router.get("")
async def show_policies(request: Request, caller: Caller) -> Response:
    """All policies that the caller's posts write, the latest written first."""
    require(caller, *plan().writers)
    return await _list(request, caller)


@router.post("")
async def draft(request: Request, caller: Caller) -> Response:
    """A new policy as a draft; the list again, with what must be mended if anything."""
    require(caller, *plan().writers)
    typed = await _typed(request)
    try:
        content = content_of(typed)
        if typed.get("region") not in {each.code for each in store.regions_of(caller)}:
            raise InvalidInput("请按提示修改", "Please mend the named fields", [_NOT_A_REGION])
        async with db_of(request).begin(Scope.of(caller)) as conn:
            made = await store.draft(conn, caller, typed["region"], content, datetime.now(UTC))
    except InvalidInput as problem:
        return await _list(request, caller, typed=typed, errors=problem.errors, status=problem.status)
    return RedirectResponse(f"/desk/policies/{made}", status_code=303)


@router.get("/{policy_id}")
async def show_policy(request: Request, caller: Caller, policy_id: uuid.UUID) -> Response:
    """One policy with all its versions, and what may be done with it."""
    require(caller, *plan().writers)
    return await _show(request, caller, policy_id)


@router.post("/{policy_id}/{deed}")
async def do(request: Request, caller: Caller, policy_id: uuid.UUID, deed: str) -> Response:
    """Change, publish or withdraw it; the policy again, with what must be mended if anything."""
    require(caller, *plan().writers)
    typed = await _typed(request)
    try:
        await _do(request, caller, policy_id, deed, typed)
    except Problem as problem:
        if problem.status in (403, 404):
            raise
        errors = problem.errors or [FieldError("", problem.detail_zh, problem.detail_en)]
        return await _show(request, caller, policy_id, deed=deed, typed=typed, errors=errors, status=problem.status)
    return RedirectResponse(f"/desk/policies/{policy_id}", status_code=303)


async def _do(request: Request, caller: Principal, policy_id: uuid.UUID, deed: str, typed: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    async with db_of(request).begin(Scope.of(caller)) as conn:
        await store.versions(conn, policy_id)
        if deed == "change":
            return await store.change(conn, caller, policy_id, content_of(typed), now)
        if deed == "publish":
            return await store.publish(conn, caller, policy_id, now)
        if deed == "withdraw":
            because = scrub(typed.get("because", "").strip())
            if not 1 <= len(because) <= 500:
                raise InvalidInput("请按提示修改", "Please mend the named fields", [_NO_REASON])
            return await store.withdraw(conn, caller, policy_id, because, now)
    raise NotFound("没有这个页面", "No such page")


async def _typed(request: Request) -> dict[str, Any]:
    """What the form says: texts, and the groups as a list."""
    check_length(request, _LONGEST_FORM)
    form = await request.form(max_files=0)
    texts = {name: value.strip() for name, value in form.items() if isinstance(value, str) and name != "groups"}
    return texts | {"groups": [group for group in form.getlist("groups") if isinstance(group, str)]}


async def _list(
    request: Request,
    caller: Principal,
    *,
    typed: dict[str, Any] | None = None,
    errors: list[FieldError] | None = None,
    status: int = 200,
) -> Response:
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        found = await store.held(conn, caller)
    today = datetime.now(SHANGHAI).date()
    by_policy: dict[uuid.UUID, list[Version]] = {}
    for each in found:
        by_policy.setdefault(each.policy_id, []).append(each)
    newest = [max(of, key=lambda one: one.version) for of in by_policy.values()]
    return _page(
        "policy_desk_list.html",
        status,
        caller=caller,
        policies=[PolicyView.of(each, by_policy[each.policy_id], today) for each in newest],
        regions=store.regions_of(caller),
        typed=typed or {},
        errors=errors or [],
        deed="",
        **_words(),
    )


async def _show(
    request: Request,
    caller: Principal,
    policy_id: uuid.UUID,
    *,
    deed: str = "",
    typed: dict[str, Any] | None = None,
    errors: list[FieldError] | None = None,
    status: int = 200,
) -> Response:
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        found = await store.versions(conn, policy_id)
    today = datetime.now(SHANGHAI).date()
    return _page(
        "policy_desk.html",
        status,
        caller=caller,
        versions=[PolicyView.of(each, found, today) for each in found],
        typed=typed if typed and deed == "change" else as_typed(found[0]),
        because=(typed or {}).get("because", ""),
        errors=errors or [],
        deed=deed,
        **_words(),
    )


def _words() -> dict[str, Any]:
    return {"groups": plan().groups, "units": plan().units, "flows": plan().flows()}


def _page(name: str, status: int, **values: Any) -> Response:
    return HTMLResponse(rendered(name, **values), status, _PRIVATE)
