"""One effect for a repeated request: the answer is kept under the caller's `Idempotency-Key`."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any

import asyncpg
from fastapi import Header, Request
from fastapi.responses import JSONResponse, Response

from services.approval.errors import IdempotencyKeyReused
from shared.auth import Principal

KEPT_FOR = timedelta(days=7)
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        description="自选的请求编号:重复发送只生效一次 / a key of your own choice: a repeated request has one effect",
    ),
]


async def once(
    conn: asyncpg.Connection[Any],
    request: Request,
    caller: Principal,
    key: str | None,
    body: Any,
    act: Callable[[], Awaitable[tuple[int, dict[str, Any]]]],
) -> Response:
    """Act and keep the answer in the same transaction, or give the answer kept under this key.

    A second request with the key waits at the insert until the first has committed; a refused one keeps nothing.
    """
    if key is None:
        status, answer = await act()
        return JSONResponse(answer, status_code=status)
    fingerprint = _fingerprint(request, body)
    fresh = await conn.fetchval(
        "INSERT INTO idempotency_keys (subject, key, request) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1",
        caller.subject,
        key,
        fingerprint,
    )
    if not fresh:
        return await _kept(conn, caller, key, fingerprint)
    status, answer = await act()
    await conn.execute(
        "UPDATE idempotency_keys SET status = $3, answer = $4 WHERE subject = $1 AND key = $2",
        caller.subject,
        key,
        status,
        answer,
    )
    return JSONResponse(answer, status_code=status)


async def _kept(conn: asyncpg.Connection[Any], caller: Principal, key: str, fingerprint: str) -> Response:
    row = await conn.fetchrow(
        "SELECT request, status, answer FROM idempotency_keys WHERE subject = $1 AND key = $2", caller.subject, key
    )
    if row is None or row["request"] != fingerprint:
        raise IdempotencyKeyReused(
            "这个 Idempotency-Key 已用于另一个请求,请换一个新的",
            "This Idempotency-Key was used for another request, choose a new one",
        )
    return JSONResponse(row["answer"], status_code=row["status"], headers={"idempotency-replayed": "true"})


def _fingerprint(request: Request, body: Any) -> str:
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{request.method} {request.url.path}\n{text}".encode()).hexdigest()


async def forget_old(conn: asyncpg.Connection[Any]) -> None:
    """Drop the answers kept for long enough; runs with system scope."""
    await conn.execute("DELETE FROM idempotency_keys WHERE created_at < now() - $1::interval", KEPT_FOR)
