"""What is checked of a request before its content is read: where a form came from, and how long it is."""

from urllib.parse import urlsplit

from fastapi import Request

from services.approval.errors import ForeignOrigin, LengthRequired, UploadTooLarge

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


async def same_origin(request: Request) -> None:
    """Refuse what another site sends with this browser's session; a bearer token can't be sent that way."""
    if request.method in _SAFE or request.headers.get("authorization"):
        return
    origin = request.headers.get("origin", "")
    own = {request.headers.get("host", ""), urlsplit(request.app.state.settings.approval_url).netloc}
    if not origin or urlsplit(origin).netloc not in own:
        raise ForeignOrigin("请在本站页面上提交", "Send the form from a page of this site")


def check_length(request: Request, limit: int) -> None:
    """Refuse a body longer than `limit` bytes before it is spooled; raises `LengthRequired`, `UploadTooLarge`."""
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise LengthRequired("请在请求中注明 Content-Length", "State the Content-Length of the request")
    if int(length) > limit:
        size = limit // 1024 // 1024
        raise UploadTooLarge(f"一次最多上传 {size} MiB", f"{size} MiB at most at once")
