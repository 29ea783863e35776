"""Silences under /v1/silences: propose, have another approve, end, and see what one would keep quiet."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.notifier import errors
from services.notifier.idempotency import RequestKey
from services.notifier.noise import silence_deeds, silence_store
from services.notifier.noise.silence_schemas import (
    MatchersRequest,
    Preview,
    SilenceDetail,
    SilenceNote,
    SilenceRequest,
    Silences,
    SilencesShown,
    SilenceView,
)
from shared.auth import Caller
from shared.db import Scope
from shared.openapi import problems
from shared.web import db_of

router = APIRouter(prefix="/v1/silences", tags=["静默 silences"])
_DECIDING = problems(errors.NoSuchSilence, errors.SilenceNotYours, errors.SilenceDecided)


@router.get("", summary="静默列表 / List silences")
async def list_silences(
    request: Request,
    caller: Caller,
    show: Annotated[SilencesShown, Query(description="当前、以往或全部 / current, past or all")] = "current",
) -> Silences:
    """Silences of the caller's regions, what awaits approval first; at most two hundred."""
    now = datetime.now(UTC)
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        found = await silence_store.page(conn, show, now)
    return Silences(items=[SilenceView.of(silence, now) for silence in found])


@router.post(
    "",
    status_code=201,
    summary="申请静默 / Propose a silence",
    responses=problems(errors.BadSilence, errors.SilenceNotYours, errors.IdempotencyKeyReused),
)
async def propose_silence(
    request: Request, response: Response, caller: Caller, body: SilenceRequest, key: RequestKey = None
) -> SilenceView:
    """Propose that alerts ring no more until an end, for a reason. It changes nothing until another approves it."""
    made = await silence_deeds.propose(db_of(request), caller, body, key)
    response.headers["location"] = f"/v1/silences/{made.silence_id}"
    return made


@router.post("/preview", summary="静默试算 / Preview a silence")
async def preview_silence(request: Request, caller: Caller, body: MatchersRequest) -> Preview:
    """How many of the last thirty days' alerts that the caller may read it would have kept quiet. It writes nothing."""
    return await silence_deeds.preview(db_of(request), caller, body)


@router.get("/{silence_id}", summary="静默详情 / Read a silence", responses=problems(errors.NoSuchSilence))
async def show_silence(request: Request, caller: Caller, silence_id: UUID) -> SilenceDetail:
    """One silence, all that was done with it, and what it would have kept quiet."""
    return await silence_deeds.show(db_of(request), caller, silence_id)


@router.post(
    "/{silence_id}/approve",
    summary="批准静默 / Approve a silence",
    responses=problems(
        errors.NoSuchSilence, errors.OwnSilence, errors.SilenceNotYours, errors.SilenceDecided, errors.SilenceOver
    ),
)
async def approve_silence(request: Request, caller: Caller, silence_id: UUID, body: SilenceNote) -> SilenceDetail:
    """Bring it into force, as another person than who proposed it; for red alerts, the county."""
    return await silence_deeds.approve(db_of(request), caller, silence_id, body.note)


@router.post("/{silence_id}/end", summary="结束静默 / End a silence", responses=_DECIDING)
async def end_silence(request: Request, caller: Caller, silence_id: UUID, body: SilenceNote) -> SilenceDetail:
    """End it before its time, or take back or refuse a proposal: what it kept quiet and is open rings."""
    return await silence_deeds.end(db_of(request), caller, silence_id, body.note)
