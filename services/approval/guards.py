"""How long a request may be, checked before its content is read."""

from fastapi import Request

from services.approval.errors import LengthRequired, UploadTooLarge


def check_length(request: Request, limit: int) -> None:
    """Refuse a body longer than `limit` bytes before it is spooled; raises `LengthRequired`, `UploadTooLarge`."""
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise LengthRequired("请在请求中注明 Content-Length", "State the Content-Length of the request")
    if int(length) > limit:
        size = limit // 1024 // 1024
        raise UploadTooLarge(f"一次最多上传 {size} MiB", f"{size} MiB at most at once")
