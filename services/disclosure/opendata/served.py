"""A made file as an answer: whole, a range of it, or nothing new; gzipped to who takes that."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from services.disclosure.answers import takes_gzip
from services.disclosure.errors import NoSuchRange
from services.disclosure.projections import downloads
from services.disclosure.projections.downloads import Stored
from shared.etags import has_tag
from shared.web import db_of

_KEEP = "public, max-age=60"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def answer(request: Request, codings: dict[str, Stored]) -> Response:
    """The file in the form that the caller takes; raises `NoSuchRange`."""
    zipped = "gzip" in codings and takes_gzip(request)
    file = codings["gzip" if zipped else ""]
    headers = {
        "etag": file.etag,
        "last-modified": format_datetime(file.made_at.astimezone(UTC).replace(microsecond=0), usegmt=True),
        "cache-control": _KEEP,
        "vary": "Accept-Encoding",
        "accept-ranges": "bytes",
        "access-control-allow-origin": "*",
        "content-disposition": f'attachment; filename="{file.name}"',
    }
    if zipped:
        headers["content-encoding"] = "gzip"
    if _is_known(request, file):
        headers.pop("content-encoding", None)
        return Response(status_code=304, headers=headers)
    start, stop = _range(request, file) or (0, file.size)
    whole = stop - start == file.size
    headers["content-length"] = str(stop - start)
    if not whole:
        headers["content-range"] = f"bytes {start}-{stop - 1}/{file.size}"
    status = 200 if whole else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=file.media_type)
    db = db_of(request)
    body = downloads.read(db, file, start, stop)
    return StreamingResponse(body, status_code=status, headers=headers, media_type=file.media_type)


def _is_known(request: Request, file: Stored) -> bool:
    if named := request.headers.get("if-none-match"):
        return has_tag(named, file.etag)
    since = _moment(request.headers.get("if-modified-since"))
    return since is not None and file.made_at.replace(microsecond=0) <= since


def _range(request: Request, file: Stored) -> tuple[int, int] | None:
    """From where to where; none for all of it, also when the caller's part is of another file."""
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if not found or found.groups() == ("", ""):
        return None
    if (condition := request.headers.get("if-range")) and condition != file.etag:
        return None
    first, last = found.groups()
    if not first:
        return max(0, file.size - int(last)), file.size
    start, stop = int(first), min(file.size, int(last) + 1) if last else file.size
    if start >= file.size or start >= stop:
        raise NoSuchRange(f"文件共 {file.size} 字节", f"The file has {file.size} bytes")
    return start, stop


def _moment(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None
