"""Answers that a cache may keep: a strong ETag, 304 for who has them already, and no stale copies."""

import re

from fastapi import Request, Response

from services.disclosure.packed import Packed
from shared.etags import etag, has_tag

_CACHED = "public, max-age=1, must-revalidate"
_TAKES_GZIP = re.compile(r"(^|[\s,])gzip\s*(;\s*q=(?!0(\.0*)?\s*(,|$))|,|$)", re.IGNORECASE)


def answer(request: Request, body: bytes | Packed, media_type: str, *, keep: str = _CACHED) -> Response:
    """The bytes, or 304 when the caller has just these. What is packed goes gzipped to whoever takes that."""
    headers = {"cache-control": keep, "access-control-allow-origin": "*"}
    if isinstance(body, Packed):
        headers["vary"] = "Accept-Encoding"
        zipped = takes_gzip(request)
        if zipped:
            headers["content-encoding"] = "gzip"
        body, headers["etag"] = (body.zipped, body.zipped_etag) if zipped else (body.plain, body.plain_etag)
    else:
        headers["etag"] = etag(body)
    if has_tag(request.headers.get("if-none-match"), headers["etag"]):
        headers.pop("content-encoding", None)
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def takes_gzip(request: Request) -> bool:
    """Whether the caller takes gzip."""
    return bool(_TAKES_GZIP.search(request.headers.get("accept-encoding", "")))
