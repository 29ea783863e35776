"""Answers that a cache may keep: a strong ETag, 304 for who has them already, and no stale copies."""

from fastapi import Request, Response

from services.disclosure.rendered import etag

_CACHED = "public, max-age=1, must-revalidate"


def answer(request: Request, body: bytes, media_type: str, *, tag: str = "", keep: str = _CACHED) -> Response:
    """The bytes, or 304 when the caller has just these. `tag` is their ETag where it is known already."""
    headers = {"etag": tag or etag(body), "cache-control": keep, "access-control-allow-origin": "*"}
    if _has(request.headers.get("if-none-match"), headers["etag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _has(named: str | None, tag: str) -> bool:
    if not named:
        return False
    return named.strip() == "*" or tag in {each.strip().removeprefix("W/") for each in named.split(",")}
