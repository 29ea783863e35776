"""Whatever is sent to an end point or page of the notifier, the answer is never a fault of ours."""

import asyncio
import json
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import UnionType
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from services.notifier import app as notifier
from services.notifier.consumer import handle_batch
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import Token
from tests.integration.test_access import running
from tests.integration.test_notifier import envelope
from tests.notifier.samples import COUNTY, TOWN, VILLAGE, alert, raised

pytestmark = pytest.mark.without_broker
Open = Callable[[str], Awaitable[Database]]
ODD = [*("", " ", "\0", "\u202e", "-1", "9" * 40, "1e400", "NaN", "null", "{", "'; --"), "字" * 1500]
ODD += ["2026-13-01", "0001-01-01T00:00Z"]
ODD_JSON = ["", "\0", "9" * 40, "字" * 1500, "0001-01-01T00:00Z", None, -1, 10**40, 1.5, [None], ["\0"], {"x": "y"}]
# What an end point would take, by the name of the field: so that one odd value stands among sound ones.
SOUND: dict[str, Any] = {
    **{"grades": ["yellow"], "matter": "PR", "rule": "split-purchase", "rule_id": "split-purchase", "region": TOWN},
    **{"region_code": TOWN, "to": "under_inquiry", "note": "x", "reason": "x", "text": "x", "term": 5, "title": "x"},
    **{"addressee": "village", "addressee_name": "x", "problem": "x", "asks": ["x"], "basis": ["x"], "reply_days": 30},
    **{"follow_up_days": 90, "working_days": 1, "grant": True, "lead": "李", "helpers": ["张"], "plan": "x", "days": 9},
    **{"since": "2026-01-01T00:00Z", "ends_at": "2099-01-01T00:00Z", "limit": 10, "form": "ndjson", "state": "open"},
    **{"kind": "sms", "address": "13812345678", "url": "https://example.org/x", "desks": [f"town_secretary@{TOWN}"]},
}  # fmt: skip
# A stream doesn't end; sign-in goes to the issuer, a verification to the broker.
_LEFT_OUT = {"/v1/stream", "/signin", "/signin/callback", "/audit/verification", "/v1/audit/verification"}
_AT_ONCE = 8


class Asking:
    """The running service with an alert, an inquiry and a proposal in it, and somebody who may read and handle all."""

    def __init__(self, app: FastAPI, caller: httpx.AsyncClient) -> None:
        self.app, self.caller = app, caller
        self.ids: dict[str, str] = {}
        self.wrong: list[str] = []
        self.asked = 0
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def made(self, path: str, body: dict[str, Any], name: str) -> str:
        """A thing made through the API, known by its id from now on."""
        answer = await self.caller.post(path, json=body)
        assert answer.status_code == 201, answer.text
        self.ids[name] = answer.json()[name]
        return self.ids[name]

    async def ask(self, method: str, path: str, **sent: Any) -> None:
        """Ask once, and note a fault."""
        async with self._gate:
            self.asked += 1
            answer = await self.caller.request(method, path, follow_redirects=False, **sent)
        if answer.status_code >= 500:
            self.wrong.append(f"{answer.status_code} {method} {path} {str(sent)[:200]}")


@pytest.fixture
async def asking(settings: Settings, database: Open, token: Token) -> AsyncIterator[Asking]:
    db, found = await database("notifier"), [alert() for _ in range(3)]
    async with db.begin(Scope.system()) as conn:
        await handle_batch(conn, [envelope(raised(one)) for one in found])
    app = notifier.build(settings)
    grants = [f"town_secretary@{TOWN}", f"county_secretary@{COUNTY}", f"handler@{VILLAGE}"]
    signed_in = {"authorization": f"Bearer {token(*grants, subject='wang', person_key='wang-key')}"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        running(app),
        httpx.AsyncClient(transport=transport, base_url="http://notifier.test", headers=signed_in) as caller,
    ):
        world = Asking(app, caller)
        world.ids["alert_id"] = found[0].alert_id
        await world.made("/v1/inquiries", {"title": "x", "alerts": [found[1].alert_id]}, "inquiry_id")
        content = {name: SOUND[name] for name in ("addressee", "addressee_name", "problem", "asks", "basis")}
        await world.made("/v1/proposals", content | {"source": {"alert_id": found[2].alert_id}}, "proposal_id")
        yield world


def routes(app: FastAPI) -> Iterator[Any]:
    """Every end point and page, with what it takes."""
    for route in app.router.routes:
        included = getattr(route, "effective_route_contexts", None)
        for one in included() if included else (route,):
            if getattr(one, "dependant", None) is not None and getattr(one, "path", "") not in _LEFT_OUT:
                yield one


def names(params: list[Any]) -> list[str]:
    """The fields of parameters: of a model, its own."""
    found = []
    for param in params:
        model = _model(param.field_info.annotation)
        found += list(model.model_fields) if model else [param.alias]
    return found


def _model(annotation: Any) -> type[BaseModel] | None:
    if typing.get_origin(annotation) in (typing.Annotated, typing.Union, UnionType):
        return next(filter(None, map(_model, typing.get_args(annotation))), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _form(value: Any) -> Any:
    return "\n".join(value) if isinstance(value, list) else str(value)


async def test_odd_values_are_refused_or_taken_but_break_nothing(asking: Asking) -> None:
    await asyncio.gather(*(around(asking, one) for one in routes(asking.app)))
    assert asking.asked > 2000
    assert not asking.wrong, "\n".join([f"{len(asking.wrong)} wrong", *sorted(asking.wrong)[:60]])


async def around(asking: Asking, route: Any) -> None:
    """Ask a route soundly, then with each of its fields odd, or missing."""
    method = next(iter(route.methods - {"HEAD"}))
    in_path = [param.alias for param in route.dependant.path_params]
    path = route.path.format(**{name: asking.ids.get(name, "00000000-0000-0000-0000-000000000001") for name in in_path})
    for name in in_path:
        for odd in ("x", "%00", "9" * 40, "字" * 300):
            filled = {one: asking.ids.get(one, "1") for one in in_path} | {name: odd}
            await asking.ask(method, route.path.format(**filled))
    query = names(route.dependant.query_params)
    sound = {name: SOUND[name] for name in query if name in SOUND}
    await asking.ask(method, path, params=sound)
    for name in query:
        for odd in ODD:
            await asking.ask(method, path, params=sound | {name: odd})
        await asking.ask(method, path, params={name: ["\0", "\0"]})
    if route.dependant.body_params:
        await _bodies(asking, method, path, route.dependant.body_params)


async def _bodies(asking: Asking, method: str, path: str, params: list[Any]) -> None:
    fields = names(params)
    sound = {name: SOUND[name] for name in fields if name in SOUND} | {"source": {"alert_id": asking.ids["alert_id"]}}
    sound = {name: value for name, value in sound.items() if name in fields}
    if type(params[0].field_info).__name__ == "Body":
        for body in ("", "{", "null", "[]", "[" * 5000, json.dumps(sound)):
            await asking.ask(method, path, content=body, headers={"content-type": "application/json"})
        for name in fields:
            for odd in ODD_JSON:
                await asking.ask(method, path, json=sound | {name: odd})
    else:
        plain = {name: _form(value) for name, value in sound.items() if name != "source"}
        plain |= {"source": json.dumps(sound["source"])} if "source" in sound else {}
        await asking.ask(method, path, data={})
        for name in fields:
            for odd in [*ODD, "\n".join(["x" * 1500] * 20)]:
                await asking.ask(method, path, data=plain | {name: odd})
