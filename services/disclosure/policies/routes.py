"""Policies as open data under /v1: for anybody, without an account."""

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from services.disclosure import errors
from services.disclosure.answers import answer
from services.disclosure.policies import reading
from services.disclosure.policies.errors import NoSuchPolicy
from services.disclosure.policies.schemas import PolicyHistory, PolicyPage
from services.disclosure.reader import public
from shared.openapi import problems
from shared.workdays import SHANGHAI

router = APIRouter(prefix="/v1", tags=["惠民政策 policies"])
_JSON = "application/json"


@router.get(
    "/villages/{code}/policies",
    summary="在本村有效的惠民政策 / List policies in force",
    responses=problems(errors.BadVillageCode, errors.NoSuchVillage) | {200: {"model": PolicyPage}},
)
async def list_policies(
    request: Request,
    code: Annotated[str, Path(description="12 位村代码 / the village's code", examples=["330421107201"])],
    group: Annotated[str, Query(max_length=30, description="面向的人群 / a group of people")] = "",
    q: Annotated[str, Query(max_length=100, description="含有的文字 / words it holds")] = "",
    after: Annotated[str | None, Query(max_length=300, description="上一页的 next / `next` of a page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 30,
) -> Response:
    """Those of the village, its town and its county that hold today, the latest published first."""
    async with public(request) as conn:
        held = await reading.Held.of(conn, code)
    found = reading.page(held, datetime.now(SHANGHAI).date(), group=group, q=q, after=after, limit=limit)
    return answer(request, found.model_dump_json().encode(), _JSON)


@router.get(
    "/policies", summary="全县有效的惠民政策 / List all policies in force", responses={200: {"model": PolicyPage}}
)
async def list_all_policies(
    request: Request,
    after: Annotated[str | None, Query(max_length=300, description="上一页的 next / `next` of a page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 30,
) -> Response:
    """Those of the county, its towns and villages that hold today, the latest published first."""
    async with public(request) as conn:
        held = await reading.Held.everywhere(conn)
    found = reading.page(held, datetime.now(SHANGHAI).date(), after=after, limit=limit)
    return answer(request, found.model_dump_json().encode(), _JSON)


@router.get(
    "/policies/{policy_id}",
    summary="一项惠民政策 / Read a policy",
    responses=problems(NoSuchPolicy) | {200: {"model": PolicyHistory}},
)
async def show_policy(
    request: Request, policy_id: Annotated[uuid.UUID, Path(description="政策的编号 / the policy's id")]
) -> Response:
    """All its published versions with their dates, the latest first; withdrawn ones with the reason."""
    async with public(request) as conn:
        found = await reading.history(conn, policy_id, datetime.now(SHANGHAI).date())
    return answer(request, found.model_dump_json().encode(), _JSON)
