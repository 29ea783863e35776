"""Drafts of policies for programs of those who write them, under /v1/policy-drafts; each look is in the audit log."""

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request

from services.disclosure.policies import store
from services.disclosure.policies.errors import NoSuchPolicy
from services.disclosure.policies.plan import plan
from services.disclosure.policies.schemas import PolicyHistory, PolicyView
from shared import audit
from shared.auth import Caller, require
from shared.db import Scope
from shared.openapi import problems
from shared.problems import NotAllowed, NotSignedIn
from shared.web import db_of
from shared.workdays import SHANGHAI

router = APIRouter(prefix="/v1/policy-drafts", tags=["惠民政策 policies"], responses=problems(NotSignedIn, NotAllowed))


@router.get("", summary="待发布的政策草稿 / List drafts of policies")
async def list_drafts(request: Request, caller: Caller) -> list[PolicyView]:
    """The drafts that the caller's posts write or publish, the latest written first."""
    require(caller, *plan().writers)
    async with db_of(request).begin(Scope.of(caller)) as conn:
        found = await store.held(conn, caller)
        await audit.record(conn, caller, "policy.drafts_listed", "policies", hourly=True)
    today = datetime.now(SHANGHAI).date()
    return [PolicyView.of(each, [each], today) for each in found if each.published_at is None]


@router.get("/{policy_id}", summary="一项政策及其草稿 / Read a policy with its draft", responses=problems(NoSuchPolicy))
async def show_draft(
    request: Request, caller: Caller, policy_id: Annotated[uuid.UUID, Path(description="政策的编号 / the policy's id")]
) -> PolicyHistory:
    """All its versions, the draft among them, the latest first."""
    require(caller, *plan().writers)
    async with db_of(request).begin(Scope.of(caller)) as conn:
        found = await store.versions(conn, policy_id)
        about, region = f"policy:{policy_id}", found[0].region
        require(caller, *plan().writers, region=region)
        await audit.record(conn, caller, "policy.draft_viewed", about, region=region, hourly=True)
    today = datetime.now(SHANGHAI).date()
    return PolicyHistory(versions=tuple(PolicyView.of(each, found, today) for each in found))
