"""Changes by a browser's session come from the service's own pages."""

import pytest
from fastapi import Request

from shared.origin import same_origin
from shared.problems import ForeignOrigin


class _App:
    class state:  # noqa: N801 (as FastAPI names it)
        own_url = "https://approval.county.example"


def post(**headers: str) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": raw, "app": _App()})


async def test_a_form_comes_from_this_site_or_not_at_all() -> None:
    await same_origin(post(host="a.test", origin="http://a.test"))
    await same_origin(post(host="inner:8101", origin="https://approval.county.example"))
    await same_origin(post(host="a.test", authorization="Bearer x"))
    for headers in ({"host": "a.test"}, {"host": "a.test", "origin": "null"}, {"host": "a.test", "origin": "http://b"}):
        with pytest.raises(ForeignOrigin):
            await same_origin(post(**headers))
