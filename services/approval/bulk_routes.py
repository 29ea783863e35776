"""The REST API of many deeds at once."""

from fastapi import APIRouter, Request

from services.approval import bulk, errors
from services.approval.bulk import BulkAnswer, BulkRequest
from services.approval.callers import Writer, rates_of
from services.approval.database import Db
from services.approval.idempotency import IdempotencyKey
from shared.openapi import problems
from shared.web import settings_of

router = APIRouter(prefix="/v1", tags=["案件 cases"])


@router.post("/bulk", summary="批量办理 / Many deeds at once", responses=problems(errors.BulkRefused))
async def do_many(
    request: Request, db: Db, caller: Writer, wanted: BulkRequest, key: IdempotencyKey = None
) -> BulkAnswer:
    """Open, complete, send back and withdraw in one request, in the order of its items.

    Each item is answered as if it had been sent alone, and counts as a request. Sent again under the same keys, what
    was done is not done again and what was refused is tried anew. With `all_or_nothing` the first refusal undoes all.
    """
    rates_of(request).charge(request, caller, len(wanted.items) - 1)
    act = bulk.all_or_nothing if wanted.all_or_nothing else bulk.one_by_one
    return await act(db, caller, wanted, key, settings_of(request).identity_secret, request.url.path)
