"""The rate limit of the open data."""

import time

from fastapi import Request

from shared.buckets import Buckets
from shared.problems import TooManyRequests
from shared.web import settings_of

WINDOW_SECONDS = 60


async def within_limits(request: Request) -> None:
    """Count the request for its address; raises `TooManyRequests`. The proxy in front must say who asks."""
    if not settings_of(request).rate_limits:
        return
    buckets: Buckets = request.app.state.buckets
    taken = buckets.take(request.client.host if request.client else "", time.monotonic())
    request.state.limit_headers = buckets.headers("address", taken)
    if not taken.allowed:
        wait = request.state.limit_headers["retry-after"]
        raise TooManyRequests(
            f"每个地址每分钟 {buckets.size} 次,请 {wait} 秒后再试;需要全部数据请下载 /data 的文件",
            f"{buckets.size} requests a minute for an address: try again in {wait} s, or take the files of /data",
        )
