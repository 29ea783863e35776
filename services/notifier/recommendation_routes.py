"""Supervision recommendations (监察建议书) under /v1/recommendations."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.notifier import errors, recommendation_deeds, recommendation_store
from services.notifier.idempotency import RequestKey
from services.notifier.recommendation_schemas import (
    ContentForm,
    NewRecommendation,
    RecommendationFilter,
    RecommendationMove,
    RecommendationPage,
    RecommendationView,
)
from shared import audit
from shared.auth import Caller
from shared.db import Database, Scope
from shared.openapi import problems

router = APIRouter(prefix="/v1/recommendations", tags=["监察建议书 recommendations"])
_CHANGING = problems(*errors.RECOMMENDING)


@router.get("", summary="建议书列表 / List recommendations", responses=problems(errors.BadCursor))
async def list_recommendations(
    request: Request, caller: Caller, wanted: Annotated[RecommendationFilter, Query()]
) -> RecommendationPage:
    """What was written at the caller's desks, or below them, the newest first."""
    async with _db(request).begin(Scope.of(caller), readonly=True) as conn:
        items, following = await recommendation_store.search(conn, wanted, datetime.now(UTC))
    return RecommendationPage(items=items, next=following)


@router.post("", status_code=201, summary="起草建议书 / Draft a recommendation", responses=_CHANGING)
async def write_recommendation(
    request: Request, response: Response, caller: Caller, body: NewRecommendation, key: RequestKey = None
) -> RecommendationView:
    """Draft a recommendation to an institution from an alert, an inquiry, or many alerts of one rule."""
    made = await recommendation_deeds.write(_db(request), caller, body, key)
    response.headers["location"] = f"/v1/recommendations/{made.recommendation_id}"
    return made


@router.get(
    "/{recommendation_id}",
    summary="建议书详情 / Read a recommendation",
    responses=problems(errors.NoSuchRecommendation),
)
async def show_recommendation(request: Request, caller: Caller, recommendation_id: UUID) -> RecommendationView:
    """One recommendation with its text, its record, and what the caller may do now."""
    async with _db(request).begin(Scope.of(caller)) as conn:
        found = await recommendation_deeds.view(conn, caller, recommendation_id)
        about, where = f"recommendation:{recommendation_id}", found.issued_by.code
        await audit.record(conn, caller, "recommendation.viewed", about, region=where, hourly=True)
        return found


@router.put("/{recommendation_id}", summary="修改草稿 / Change a draft", responses=_CHANGING)
async def rewrite_recommendation(
    request: Request, caller: Caller, recommendation_id: UUID, body: ContentForm, key: RequestKey = None
) -> RecommendationView:
    """Change what a draft says."""
    return await recommendation_deeds.rewrite(_db(request), caller, recommendation_id, body, key)


@router.post("/{recommendation_id}/moves", summary="办理建议书 / Move a recommendation", responses=_CHANGING)
async def move_recommendation(
    request: Request, caller: Caller, recommendation_id: UUID, body: RecommendationMove, key: RequestKey = None
) -> RecommendationView:
    """Serve it, record the reply, judge that, follow it up, close it."""
    return await recommendation_deeds.move(_db(request), caller, recommendation_id, body, key)


def _db(request: Request) -> Database:
    db: Database = request.app.state.db
    return db
