"""Takedowns for programs of the county's own officials, under /v1."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Request

from services.disclosure import taking_back
from services.disclosure.errors import AlreadyTaken, NoSuchCase, NoSuchTakedown, PutBackByAnother, UnknownField
from services.disclosure.taking_back import Reason, TakedownView, Wanted
from shared.auth import Caller
from shared.openapi import problems
from shared.problems import NotAllowed, NotSignedIn
from shared.web import db_of

router = APIRouter(prefix="/v1", tags=["撤回公开 takedowns"], responses=problems(NotSignedIn, NotAllowed))
Takedown = Annotated[uuid.UUID, Path(description="撤回的编号 / the takedown's id")]


@router.get("/takedowns", summary="已撤回的公开内容 / List takedowns")
async def list_takedowns(request: Request, caller: Caller) -> list[TakedownView]:
    """What was taken back in the caller's county, the latest first, 500 at most."""
    return await taking_back.listed(db_of(request), caller)


@router.post(
    "/cases/{case_id}/takedowns",
    status_code=201,
    summary="撤回公开 / Take something back",
    responses=problems(NoSuchCase, AlreadyTaken, UnknownField),
)
async def take_back(
    request: Request, caller: Caller, case_id: Annotated[str, Path(max_length=64)], wanted: Wanted
) -> TakedownView:
    """Take a field of a case, or all of it, out of everything that is public, at once. The case tells that and why."""
    return await taking_back.take(db_of(request), caller, case_id, wanted)


@router.post(
    "/takedowns/{takedown_id}/restoration",
    summary="恢复公开:一人申请,另一人同意 / Ask to put it back, or agree to",
    responses=problems(NoSuchTakedown, PutBackByAnother),
)
async def put_back(request: Request, caller: Caller, takedown_id: Takedown, reason: Reason) -> TakedownView:
    """The first call asks; the call of a second person puts it back."""
    return await taking_back.put_back(db_of(request), caller, takedown_id, reason)
