"""The rate limit of the open data, and its headers (draft-ietf-httpapi-ratelimit-headers)."""

import math
import time

from fastapi import Request

from services.disclosure.errors import TooManyRequests
from services.disclosure.opendata.buckets import Buckets

WINDOW_SECONDS = 60


async def within_limits(request: Request) -> None:
    """Count the request for its address; raises `TooManyRequests`. The proxy in front must say who asks."""
    buckets: Buckets = request.app.state.buckets
    taken = buckets.take(request.client.host if request.client else "", time.monotonic())
    wait = math.ceil(taken.wait_seconds)
    request.state.limit_headers = {
        "ratelimit-policy": f'"address";q={buckets.size};w={WINDOW_SECONDS}',
        "ratelimit": f'"address";r={taken.left};t={wait}',
    }
    if not taken.allowed:
        request.state.limit_headers["retry-after"] = str(wait)
        raise TooManyRequests(
            f"每个地址每分钟 {buckets.size} 次,请 {wait} 秒后再试;需要全部数据请下载 /data 的文件",
            f"{buckets.size} requests a minute for an address: try again in {wait} s, or take the files of /data",
        )
