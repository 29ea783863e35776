"""Who may use the REST API: a person by his grants, a client by its token's scope too, both so often a minute."""

import time
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import SecurityScopes

from services.approval.rest import rest
from shared.auth import Caller
from shared.buckets import Buckets
from shared.clients import person_only as person_only
from shared.principals import Principal
from shared.problems import ScopeMissing, TooManyRequests

_WINDOW_SECONDS = 60


class Rates:
    """The buckets of this process. `counted` False counts nobody, for tests of load."""

    def __init__(self, *, counted: bool) -> None:
        told = rest().requests_a_minute
        self._counted = counted
        self._persons = Buckets(told.person, _WINDOW_SECONDS)
        self._clients = Buckets(told.client, _WINDOW_SECONDS)

    def charge(self, request: Request, caller: Principal, cost: int = 1) -> None:
        """Count a request and tell its answer what is left; raises `TooManyRequests`."""
        if not self._counted or not cost:
            return
        name, buckets = ("person", self._persons) if caller.scopes is None else ("client", self._clients)
        taken = buckets.take(caller.subject, time.monotonic(), cost)
        request.state.limit_headers = buckets.headers(name, taken)
        if not taken.allowed:
            wait = request.state.limit_headers["retry-after"]
            raise TooManyRequests(
                f"每分钟 {buckets.size} 次,请 {wait} 秒后再试",
                f"{buckets.size} requests a minute: try again in {wait} s",
            )


def rates_of(request: Request) -> Rates:
    """The rates of the service that was asked."""
    rates: Rates = request.app.state.rates
    return rates


async def _admitted(request: Request, needed: SecurityScopes, caller: Caller) -> Principal:
    rates_of(request).charge(request, caller)
    for scope in needed.scopes:
        if caller.scopes is not None and scope not in caller.scopes:
            raise ScopeMissing.of(scope)
    return caller


Reader = Annotated[Principal, Security(_admitted, scopes=["approval:read"])]
Writer = Annotated[Principal, Security(_admitted, scopes=["approval:write"])]
Importer = Annotated[Principal, Security(_admitted, scopes=["approval:import"])]
Subscriber = Annotated[Principal, Security(_admitted, scopes=["webhooks:manage"])]
