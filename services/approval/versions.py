"""Which version of a case a caller has or has seen: ETags, `If-None-Match`, `If-Match`."""

import re
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Depends, Header, Request
from fastapi.responses import Response

from services.approval.errors import ChangedMeanwhile, IfMatchUnreadable
from shared.etags import etag, has_tag

_TAG = re.compile(r'(?:W/)?"?(?:(?P<case>[0-9a-f]{12})\.)?(?P<sequence>[0-9]{1,9})(?:\.[0-9a-f]{8})?"?')
_KEEP = {"cache-control": "private, no-cache", "vary": "Authorization, Cookie"}


def case_tag(case_id: UUID | str, sequence: int, shown: Any = None) -> str:
    """The version of a case: its id and sequence, and what else an answer shows, such as what its reader may do."""
    mark = f".{etag(orjson.dumps(shown))[1:9]}" if shown is not None else ""
    return f'"{UUID(str(case_id)).hex[:12]}.{sequence}{mark}"'


async def _seen(
    case_id: UUID,
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            max_length=200,
            description="所见案件的 ETag(或 sequence);案件已变则答 412 / the ETag (or `sequence`) of the case that you"
            " saw: 412 when it has changed since",
            examples=['"9f1c2d3e4a5b.3"'],
        ),
    ] = None,
) -> int | None:
    """The sequence in `If-Match`; None with `*` or without the header. Raises `IfMatchUnreadable`."""
    text = (if_match or "*").strip()
    if text == "*":
        return None
    found = _TAG.fullmatch(text)
    if not found:
        raise IfMatchUnreadable(
            "If-Match 应为读取案件时所得的 ETag", "If-Match takes the ETag that came with the case, and one only"
        )
    if found["case"] and found["case"] != case_id.hex[:12]:
        raise ChangedMeanwhile("If-Match 是另一个案件的版本", "If-Match names a version of another case")
    return int(found["sequence"])


Seen = Annotated[int | None, Depends(_seen)]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        max_length=1000,
        description="已有版本的 ETag;未变则答 304 / the ETag that you have: 304 when nothing has changed",
    ),
]
NOT_CHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "未变化 / Not changed since"}}


def answer(request: Request, content: Any, tag: str | None = None) -> Response:
    """JSON with its ETag, or 304 for who has just this."""
    body = orjson.dumps(content)
    headers = _KEEP | {"etag": tag or etag(body)}
    if has_tag(request.headers.get("if-none-match"), headers["etag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)
