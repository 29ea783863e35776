"""The public pages of policies: those in force in a village, and one of them with its versions."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.disclosure import village_page
from services.disclosure.answers import answer
from services.disclosure.pages import rendered
from services.disclosure.policies import reading
from services.disclosure.policies.errors import NoSuchPolicy
from services.disclosure.policies.plan import plan
from services.disclosure.policies.schemas import PolicyView
from services.disclosure.reader import public
from services.disclosure.schemas import Named
from shared import regions
from shared.workdays import SHANGHAI

router = APIRouter(include_in_schema=False)


@router.get("/villages/{code}/policies")
async def list_policies(
    request: Request,
    code: str,
    group: Annotated[str, Query(max_length=30)] = "",
    q: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[str | None, Query(max_length=300)] = None,
) -> Response:
    """The policies in force in a village, by group and words."""
    village_page.check(code)
    async with public(request) as conn:
        held = await reading.Held.of(conn, code)
    found = reading.page(held, datetime.now(SHANGHAI).date(), group=group, q=q.strip(), after=after)
    return _page(
        request,
        "policies.html",
        found=found,
        village=Named.region(code),
        town=Named.region(regions.town_of(code)),
        groups=plan().groups,
        chosen={"group": group, "q": q.strip()},
        here=f"/villages/{code}/policies",
    )


@router.get("/policies/{policy_id}")
async def show_policy(
    request: Request, policy_id: uuid.UUID, version: Annotated[int | None, Query(ge=1, le=1_000_000)] = None
) -> Response:
    """One policy, to be read or printed: the version in force, or an older one that is named."""
    async with public(request) as conn:
        history = await reading.history(conn, policy_id, datetime.now(SHANGHAI).date())
    return _page(request, "policy.html", policy=_version(history.versions, version), versions=history.versions)


def _version(versions: tuple[PolicyView, ...], wanted: int | None) -> PolicyView:
    if wanted is None:
        return next((each for each in versions if each.state in ("in_force", "over")), versions[0])
    if named := [each for each in versions if each.version == wanted]:
        return named[0]
    raise NoSuchPolicy("没有这个版本", "There is no such version")


def _page(request: Request, name: str, **values: Any) -> Response:
    return answer(request, rendered(name, **values), "text/html; charset=utf-8")
