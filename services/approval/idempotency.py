"""One effect for a repeated request: the answer is kept under the caller's `Idempotency-Key`."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Header

from services.approval.errors import IdempotencyKeyReused
from services.approval.rest import rest
from shared.db import Connection
from shared.principals import Principal

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description=f"自选的请求编号,{rest().idempotency_days} 日内重复发送只生效一次,答复相同;用于另一请求则答 422"
        f" / a key of your own choice: for {rest().idempotency_days} days a repeated request has one effect and the"
        " same answer (with `idempotency-replayed: true`); 422 for another request under the same key",
        examples=["1c6d8a52-0b5e-4a54-9b63-6d4e1f7a9c20"],
    ),
]
Body = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a request was answered; `replayed` when it was answered so before."""

    status: int
    body: Body
    replayed: bool = False


async def once(
    conn: Connection,
    caller: Principal,
    key: str | None,
    request: Any,
    act: Callable[[], Awaitable[Body]],
    *,
    status: int = 200,
) -> Answer:
    """Act and keep the answer in the same transaction, or give the answer kept under this key.

    A second request with the key waits at the insert until the first has committed; a refused one keeps nothing.
    Raises `IdempotencyKeyReused` when the key was used for another `request` (anything that orjson can write).
    """
    if key is None:
        return Answer(status, await act())
    digest = hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()
    fresh = await conn.fetchval(
        "INSERT INTO idempotency_keys (subject, key, request) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1",
        caller.subject,
        key,
        digest,
    )
    if not fresh:
        return await _kept(conn, caller, key, digest)
    body = await act()
    await conn.execute(
        "UPDATE idempotency_keys SET status = $3, answer = $4 WHERE subject = $1 AND key = $2",
        caller.subject,
        key,
        status,
        body,
    )
    return Answer(status, body)


async def _kept(conn: Connection, caller: Principal, key: str, digest: str) -> Answer:
    row = await conn.fetchrow(
        "SELECT request, status, answer FROM idempotency_keys WHERE subject = $1 AND key = $2", caller.subject, key
    )
    if row is None or row["request"] != digest:
        raise IdempotencyKeyReused(
            "这个 Idempotency-Key 已用于另一个请求,请换一个新的",
            "This Idempotency-Key was used for another request, choose a new one",
        )
    return Answer(row["status"], row["answer"], replayed=True)


async def forget_old(conn: Connection) -> None:
    """Drop the answers kept for long enough; runs with system scope."""
    await conn.execute("DELETE FROM idempotency_keys WHERE created_at < now() - $1::interval", rest().answers_kept)
