"""How long a request may be, checked before its content is read."""

from collections.abc import Mapping
from typing import Protocol

from shared.problems import Problem


class LengthRequired(Problem):
    """An upload that doesn't say how long it is."""

    status, code = 411, "length-required"
    title_zh, title_en = "上传须注明长度", "An upload must state its length"


class UploadTooLarge(Problem):
    """A request beyond what is taken at once."""

    status, code = 413, "upload-too-large"
    title_zh, title_en = "上传的内容太大", "The upload is too large"


class Headed(Protocol):
    """A request, as far as its headers."""

    @property
    def headers(self) -> Mapping[str, str]:
        """By name, in small letters."""
        ...


def check_length(request: Headed, limit: int) -> None:
    """Refuse a body longer than `limit` bytes before it is spooled; raises `LengthRequired`, `UploadTooLarge`."""
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise LengthRequired("请在请求中注明 Content-Length", "State the Content-Length of the request")
    if int(length) > limit:
        size = limit // 1024 // 1024
        raise UploadTooLarge(f"一次最多上传 {size} MiB", f"{size} MiB at most at once")
