"""Supervision proposals (监察建议书) under /v1/proposals."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.notifier import errors
from services.notifier.idempotency import RequestKey
from services.notifier.proposals import proposal_deeds, proposal_store
from services.notifier.proposals.proposal_schemas import (
    ContentForm,
    NewProposal,
    ProposalFilter,
    ProposalMove,
    ProposalPage,
    ProposalView,
)
from shared.auth import Caller
from shared.db import Scope
from shared.openapi import problems
from shared.web import db_of

router = APIRouter(prefix="/v1/proposals", tags=["监察建议书 proposals"])
_CHANGING = problems(*errors.PROPOSING)


@router.get("", summary="建议书列表 / List proposals", responses=problems(errors.BadCursor))
async def list_proposals(request: Request, caller: Caller, wanted: Annotated[ProposalFilter, Query()]) -> ProposalPage:
    """What was written at the caller's desks, or below them, the newest first."""
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        items, following = await proposal_store.search(conn, wanted, datetime.now(UTC))
    return ProposalPage(items=items, next=following)


@router.post("", status_code=201, summary="起草建议书 / Draft a proposal", responses=_CHANGING)
async def write_proposal(
    request: Request, response: Response, caller: Caller, body: NewProposal, key: RequestKey = None
) -> ProposalView:
    """Draft a proposal to an institution from an alert, an inquiry, or many alerts of one rule."""
    made = await proposal_deeds.write(db_of(request), caller, body, key)
    response.headers["location"] = f"/v1/proposals/{made.proposal_id}"
    return made


@router.get(
    "/{proposal_id}",
    summary="建议书详情 / Read a proposal",
    responses=problems(errors.NoSuchProposal),
)
async def show_proposal(request: Request, caller: Caller, proposal_id: UUID) -> ProposalView:
    """One proposal with its text, its record, and what the caller may do now."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        return await proposal_deeds.read(conn, caller, proposal_id)


@router.put("/{proposal_id}", summary="修改草稿 / Change a draft", responses=_CHANGING)
async def rewrite_proposal(
    request: Request, caller: Caller, proposal_id: UUID, body: ContentForm, key: RequestKey = None
) -> ProposalView:
    """Change what a draft says."""
    return await proposal_deeds.rewrite(db_of(request), caller, proposal_id, body, key)


@router.post("/{proposal_id}/moves", summary="办理建议书 / Move a proposal", responses=_CHANGING)
async def move_proposal(
    request: Request, caller: Caller, proposal_id: UUID, body: ProposalMove, key: RequestKey = None
) -> ProposalView:
    """Serve it, record the reply, judge that, follow it up, close it."""
    return await proposal_deeds.move(db_of(request), caller, proposal_id, body, key)
