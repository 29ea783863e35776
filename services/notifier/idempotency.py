"""One effect for a repeated request: which inquiry or proposal it made or changed is kept under its key."""

import hashlib
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Header

from services.notifier.errors import IdempotencyKeyReused
from shared.db import Connection
from shared.principals import Principal

RequestKey = Annotated[
    str | None,
    Header(
        alias="idempotency-key",
        min_length=1,
        max_length=200,
        description="自选的请求编号:重复发送只生效一次 / a key of your own choice: a repeated request has one effect",
    ),
]


async def done_before(conn: Connection, caller: Principal, key: str | None, request: Any) -> UUID | None:
    """What the caller's request under this key made or changed when it came first; None when it comes first now.

    A second one waits here until the first has committed. Raises `IdempotencyKeyReused` when the key was used for
    another `request` (anything that orjson can write).
    """
    if key is None:
        return None
    digest = hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()
    fresh = await conn.fetchval(
        "INSERT INTO folder_requests (subject, key, request) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1",
        caller.subject,
        key,
        digest,
    )
    if fresh:
        return None
    row = await conn.fetchrow(
        "SELECT request, folder_id FROM folder_requests WHERE subject = $1 AND key = $2", caller.subject, key
    )
    if row is None or row["request"] != digest:
        raise IdempotencyKeyReused(
            "这个 Idempotency-Key 已用于另一个请求,请换一个新的",
            "This Idempotency-Key was used for another request, choose a new one",
        )
    folder_id: UUID = row["folder_id"]
    return folder_id


async def keep(conn: Connection, caller: Principal, key: str | None, folder_id: UUID) -> None:
    """Note what the request made or changed."""
    if key is not None:
        await conn.execute(
            "UPDATE folder_requests SET folder_id = $3 WHERE subject = $1 AND key = $2", caller.subject, key, folder_id
        )
