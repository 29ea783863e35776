"""Clients of other systems: what their tokens' scopes let them use beside their grants. Pages are for people."""

from collections.abc import Awaitable, Callable

from fastapi import Request

from shared.auth import Caller, OptionalCaller
from shared.problems import ScopeMissing


async def person_only(caller: OptionalCaller) -> None:
    """Refuse clients: pages, and end points that ask for no scope, are for people; raises `ScopeMissing`."""
    if caller is not None and caller.scopes is not None:
        raise ScopeMissing(
            "这里只供人员使用,客户端请用 /v1 接口", "This is for people; clients use the REST API under /v1"
        )


def clients_need(scope: str, *, reading_only: bool = False) -> Callable[[Request, Caller], Awaitable[None]]:
    """A check that a client's token holds the scope; a person's grants alone bound him. It raises `ScopeMissing`."""

    async def check(request: Request, caller: Caller) -> None:
        if reading_only and request.method != "GET":
            await person_only(caller)
        if caller.scopes is not None and scope not in caller.scopes:
            raise ScopeMissing.of(scope)

    return check
