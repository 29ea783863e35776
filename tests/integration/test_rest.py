"""Approval for other systems: versions, repeated requests, scopes and rates, the line of changes, bulk, webhooks."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from standardwebhooks.webhooks import Webhook

from services.approval.app import build
from services.approval.callers import Rates
from shared.buckets import Buckets
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import Token, eventually
from tests.disclosure.served import served

VILLAGE, NEIGHBOUR, TOWN = "330421103201", "330421104201", "330421103000"
OPENING = {"item": "办公用纸", "reason": "日常办公", "estimate_fen": 120000}
PDF = b"%PDF-1.7\n1 0 obj\nendobj\n"
pytestmark = pytest.mark.without_broker
Clients = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    made = build(settings)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def client(app: FastAPI, token: Token) -> AsyncIterator[Clients]:
    made: list[httpx.AsyncClient] = []

    def sign_in(*grants: str, **claims: Any) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {token(*grants, **claims)}"}
        made.append(httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a.test", headers=headers))
        return made[-1]

    yield sign_in
    for each in made:
        await each.aclose()


@pytest.fixture
def clerk(client: Clients) -> httpx.AsyncClient:
    return client(f"handler@{VILLAGE}")


def machine(client: Clients, *scopes: str, region: str = VILLAGE, subject: str = "oa") -> httpx.AsyncClient:
    return client(f"handler@{region}", subject=subject, client_id=subject, scope=" ".join(scopes))


def opening(**changed: Any) -> dict[str, Any]:
    return {"flow": "PR1", "village_code": VILLAGE, "title": "购买办公用纸", "fields": OPENING} | changed


async def open_case(someone: httpx.AsyncClient, **changed: Any) -> dict[str, Any]:
    answer = await someone.post("/v1/cases", json=opening(**changed))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_who_has_a_version_gets_no_copy_and_who_is_late_is_told_what_changed(clerk: httpx.AsyncClient) -> None:
    case = await open_case(clerk)
    url = f"/v1/cases/{case['case_id']}"
    for path in (url, "/v1/cases"):
        tag = (await clerk.get(path)).headers["etag"]
        assert not tag.startswith("W/")
        again = await clerk.get(path, headers={"if-none-match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    seen = {"if-match": (await clerk.get(url)).headers["etag"]}
    ended = await clerk.post(f"{url}/withdraw", json={"reason": "不再需要"}, headers=seen)
    assert ended.status_code == 200, ended.text
    late = await clerk.post(f"{url}/withdraw", json={"reason": "晚了"}, headers=seen)
    assert (late.status_code, late.json()["sequence"]) == (412, 2)
    assert [each["type"] for each in late.json()["changes"]] == ["case.withdrawn.v1"]
    assert (await clerk.get(url, headers={"if-none-match": seen["if-match"]})).status_code == 200
    other = await open_case(clerk)
    foreign = await clerk.post(f"/v1/cases/{other['case_id']}/withdraw", json={"reason": "x"}, headers=seen)
    assert foreign.status_code == 412


async def test_lists_narrow_and_give_only_what_is_asked_for(clerk: httpx.AsyncClient) -> None:
    small, large = (
        await open_case(clerk),
        await open_case(clerk, flow="PR2", fields=OPENING | {"estimate_fen": 900_000}),
    )
    await clerk.post(f"/v1/cases/{small['case_id']}/withdraw", json={"reason": "不再需要"})

    async def ids(**query: Any) -> list[str]:
        answer = await clerk.get("/v1/cases", params=query)
        assert answer.status_code == 200, answer.text
        return [case["case_id"] for case in answer.json()["cases"]]

    assert await ids(amount_from=500_000) == [large["case_id"]]
    assert await ids(amount_to=500_000) == [small["case_id"]]
    assert await ids(node="PR2-01") == [large["case_id"]]
    assert await ids(closed_from="2020-01-01T00:00:00Z") == [small["case_id"]]
    assert await ids(opened_before=large["opened_at"], opened_from=small["opened_at"]) == [small["case_id"]]
    assert await ids(changed_since="2099-01-01T00:00:00+08:00", village=TOWN) == []
    page = (await clerk.get("/v1/cases", params={"fields": "title", "limit": 1})).json()
    assert page["cases"] == [{"case_id": large["case_id"], "title": "购买办公用纸", "sequence": 1}]
    unknown = await clerk.get("/v1/cases", params={"fields": "title,secret"})
    assert (unknown.status_code, unknown.json()["type"]) == (422, "/problems/fields-unknown")
    of_another_list = await clerk.get("/v1/cases", params={"waiting": True, "after": page["next"]})
    assert of_another_list.json()["type"] == "/problems/cursor-invalid"


async def test_a_client_does_what_its_scopes_say_and_no_more(client: Clients) -> None:
    reader = machine(client, "approval:read")
    assert (await reader.get("/v1/cases")).status_code == 200
    refused = await reader.post("/v1/cases", json=opening())
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/scope-missing")
    assert 'error="insufficient_scope", scope="approval:write"' in refused.headers["www-authenticate"]
    assert (await reader.get("/v1/audit/entries")).status_code == 403
    assert (await reader.get("/")).status_code == 403
    assert (await machine(client, "approval:write").post("/v1/cases", json=opening())).status_code == 201
    nothing = client(f"handler@{VILLAGE}", subject="oa", client_id="oa")
    assert (await nothing.get("/v1/cases")).status_code == 403
    bad = await client().get("/v1/cases", headers={"authorization": "Bearer x"})
    assert (bad.status_code, bad.headers["www-authenticate"]) == (401, 'Bearer realm="yunjing", error="invalid_token"')


def test_every_end_point_names_its_scope(app: FastAPI) -> None:
    for path, item in app.openapi()["paths"].items():
        for method, operation in item.items():
            told = [way for way in operation.get("security", ()) if "client" in way]
            # What uploads in pieces can do is told to anybody who asks, as tus has it.
            assert told or path.startswith("/v1/audit") or method == "options", f"{method} {path}"


async def test_who_asks_too_often_waits_and_others_do_not(app: FastAPI, client: Clients) -> None:
    rates = Rates(counted=True)
    rates._clients = Buckets(2, 60)
    app.state.rates = rates
    oa, other = (machine(client, "approval:read", subject=subject) for subject in ("oa", "other"))
    first = await oa.get("/v1/flows/PR1")
    assert (first.headers["ratelimit-policy"], first.headers["ratelimit"]) == ('"client";q=2;w=60', '"client";r=1;t=0')
    assert (await oa.get("/v1/flows/PR9")).headers["ratelimit"].startswith('"client";r=0;t=')
    refused = await oa.get("/v1/flows/PR1")
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert (await other.get("/v1/flows/PR1")).status_code == 200


async def follow(someone: httpx.AsyncClient, count: int, **query: Any) -> list[dict[str, Any]]:
    """The line from its beginning, once it holds so many changes."""

    async def whole() -> list[dict[str, Any]]:
        seen, after = [], None
        while True:
            page = (await someone.get("/v1/changes", params=query | ({"after": after} if after else {}))).json()
            seen += page["changes"]
            if not page["more"]:
                return seen if len(seen) >= count else []
            after = page["next"]

    return await eventually(whole)


async def test_the_line_of_changes_misses_nothing_and_shows_nobody_what_isnt_his(
    client: Clients, clerk: httpx.AsyncClient
) -> None:
    cases = await asyncio.gather(*(open_case(clerk) for _ in range(5)))
    for case in cases[:2]:
        await clerk.post(f"/v1/cases/{case['case_id']}/withdraw", json={"reason": "不再需要"})
    line = await follow(clerk, 7, limit=3)
    assert len(line) == len({(each["case_id"], each["sequence"]) for each in line}) == 7
    assert [each["position"] for each in line] == sorted(each["position"] for each in line)
    ended = await follow(clerk, 2, type="case.withdrawn.v1")
    assert {each["case_id"] for each in ended} == {case["case_id"] for case in cases[:2]}
    latest = (await clerk.get("/v1/changes", params={"after": "latest"})).json()
    assert (latest["changes"], latest["more"]) == ([], False)
    new = await open_case(clerk)

    async def arrived() -> list[str]:
        page = (await clerk.get("/v1/changes", params={"after": latest["next"]})).json()
        return [each["case_id"] for each in page["changes"]]

    assert await eventually(arrived) == [new["case_id"]]
    neighbour = client(f"handler@{NEIGHBOUR}", subject="zhao")
    assert (await neighbour.get("/v1/changes")).json()["changes"] == []
    span = {"since": "2020-01-01T00:00:00Z", "until": "2020-02-01T00:00:00Z"}
    assert (await clerk.get("/v1/changes/export", params=span)).text == ""
    assert (await clerk.get("/v1/changes/export", params=span | {"until": "2199-01-01T00:00:00Z"})).status_code == 422
    day = {"since": cases[0]["opened_at"][:10] + "T00:00:00Z", "until": cases[0]["opened_at"][:10] + "T23:59:59.999Z"}
    lines = (await clerk.get("/v1/changes/export", params=day)).text.splitlines()
    assert [json.loads(text)["position"] for text in lines][:7] == [each["position"] for each in line]
    for wrong in ("x", "Y2hhbmdlc3zCsg", "Y2hhbmdlc3wtMQ"):
        assert (await clerk.get("/v1/changes", params={"after": wrong})).status_code == 422


async def test_what_commits_late_appears_before_its_readers_eyes(clerk: httpx.AsyncClient, app: FastAPI) -> None:
    """A transaction that began first and commits last is behind nobody."""
    db: Database = app.state.db
    case = await open_case(clerk)
    await follow(clerk, 1)
    withdrawn = "SELECT case_id, 2, village_code, 'case.withdrawn.v1', now(), '{}' FROM cases WHERE case_id = $1"
    async with db.begin(Scope.system()) as slow:
        await slow.execute(
            "INSERT INTO case_events (case_id, sequence, village_code, type, occurred_at, data) " + withdrawn,
            case["case_id"],
        )
        await open_case(clerk)
        seen = await follow(clerk, 2)
    assert [each["sequence"] for each in await follow(clerk, 3)][len(seen) :] == [2]


async def test_many_deeds_at_once_each_have_their_answer_and_one_effect(clerk: httpx.AsyncClient) -> None:
    case, items = await open_case(clerk), [{"do": "open", **opening(title=f"第{n}件")} for n in range(3)]
    items += [{"do": "withdraw", "case_id": case["case_id"], "reason": "不再需要", "seen": seen} for seen in (9, 1)]
    answers = [
        await clerk.post("/v1/bulk", json={"items": items}, headers={"idempotency-key": "b-1"}) for _ in range(2)
    ]
    told = [[(one["status"], one["replayed"]) for one in answer.json()["results"]] for answer in answers]
    assert told[0] == [(201, False)] * 3 + [(412, False), (200, False)]
    assert told[1] == [(201, True)] * 3 + [(412, False), (200, True)]
    assert answers[0].json()["results"][3]["problem"]["type"] == "/problems/changed-meanwhile"
    assert len((await clerk.get("/v1/cases")).json()["cases"]) == 4
    misread = await clerk.post("/v1/bulk", json={"items": [items[0] | {"fields": {"itme": "纸"}}]})
    assert misread.json()["errors"][0]["field"].endswith("items.0.open.fields.itme")


async def test_all_or_nothing_leaves_nothing_half_done(clerk: httpx.AsyncClient) -> None:
    items = [{"do": "open", **opening()}, {"do": "open", **opening(fields={"item": "纸"})}]
    refused = await clerk.post("/v1/bulk", json={"items": items, "all_or_nothing": True})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/bulk-refused")
    assert {error["field"] for error in refused.json()["errors"]} >= {"items.1.fields.reason"}
    assert (await clerk.get("/v1/cases")).json()["cases"] == []
    done = await clerk.post("/v1/bulk", json={"items": [items[0]] * 2, "all_or_nothing": True})
    assert (done.json()["done"], done.json()["refused"]) == (2, 0)


@dataclass
class Receiver:
    """Another system: what it was sent, and what it answers."""

    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    status: int = 204
    url: str = ""

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.got]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    told = Receiver()
    elsewhere = FastAPI()

    @elsewhere.post("/hook")
    async def hook(request: Request) -> Response:
        told.got.append((dict(request.headers), await request.body()))
        return Response(status_code=told.status)

    async with served(elsewhere) as url:
        told.url = f"{url}/hook"
        yield told


async def subscribe(oa: httpx.AsyncClient, receiver: Receiver, **changed: Any) -> dict[str, Any]:
    answer = await oa.post("/v1/webhooks", json={"url": receiver.url, "regions": [VILLAGE]} | changed)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_webhook_tells_each_change_once_signed_and_by_ids_alone(
    client: Clients, clerk: httpx.AsyncClient, receiver: Receiver
) -> None:
    oa = machine(client, "webhooks:manage")
    before = await open_case(clerk)
    await follow(clerk, 1)
    made = await subscribe(oa, receiver, types=["case.withdrawn.v1"])
    await open_case(client(f"handler@{NEIGHBOUR}", subject="zhao"), village_code=NEIGHBOUR)
    await clerk.post(f"/v1/cases/{before['case_id']}/withdraw", json={"reason": "不再需要"})
    await eventually(_holds(lambda: bool(receiver.got)))
    assert receiver.types() == ["case.withdrawn.v1"]
    headers, body = receiver.got[0]
    told = Webhook(made["secret"]).verify(body, headers)
    assert (told["data"]["case_id"], told["data"]["sequence"]) == (before["case_id"], 2)
    assert "李明" not in body.decode()
    assert "购买" not in body.decode()

    async def recorded() -> bool:
        log = (await oa.get(f"/v1/webhooks/{made['webhook_id']}/deliveries")).json()["deliveries"]
        told = [(one["state"], one["status"], one["message_id"]) for one in log]
        return told == [("delivered", 204, headers["webhook-id"])]

    await eventually(recorded)
    assert (await oa.get(f"/v1/webhooks/{made['webhook_id']}")).json().get("secret") is None


async def test_a_failing_receiver_is_tried_again_and_the_log_can_be_sent_again(
    client: Clients, clerk: httpx.AsyncClient, receiver: Receiver, app: FastAPI
) -> None:
    oa, receiver.status = machine(client, "webhooks:manage"), 500
    made = await subscribe(oa, receiver)
    url = f"/v1/webhooks/{made['webhook_id']}"
    await open_case(clerk)
    await eventually(_holds(lambda: bool(receiver.got)))

    async def state() -> dict[str, Any]:
        return dict((await oa.get(f"{url}/deliveries")).json()["deliveries"][0])

    async def tried() -> bool:
        return bool((await state())["attempts"] == 1)

    await eventually(tried)
    assert ((await state())["state"], (await state())["error"]) == ("waiting", "HTTP 500")
    assert (await oa.get(url)).json()["failures"] == 1
    receiver.status = 200
    again = await oa.post(f"{url}/replays", json={"delivery_ids": [(await state())["delivery_id"]]})
    assert again.json() == {"count": 1}

    async def taken() -> bool:
        return bool((await state())["state"] == "delivered")

    await eventually(taken)
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert (await oa.get(url)).json()["failures"] == 0
    receiver.status = 410
    await oa.post(f"{url}/test")
    await eventually(_holds(lambda: receiver.types()[-1] == "webhook.test"))

    async def off() -> bool:
        return bool((await oa.get(url)).json()["switched_off_at"])

    await eventually(off)
    resumed = await oa.put(url, json={"url": receiver.url, "regions": [VILLAGE]})
    assert (resumed.json()["switched_off_at"], resumed.json()["failures"]) == (None, 0)


async def test_a_renewed_secret_signs_with_the_old_one_and_a_repeat_gives_the_same(
    client: Clients, receiver: Receiver
) -> None:
    oa = machine(client, "webhooks:manage")
    body, key = {"url": receiver.url, "regions": [VILLAGE]}, {"idempotency-key": "k"}
    first, second = [await oa.post("/v1/webhooks", json=body, headers=key) for _ in range(2)]
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    url = first.headers["location"]
    renewed = (await oa.post(f"{url}/secret")).json()
    assert renewed["secret"] != first.json()["secret"]
    assert (await oa.post(f"{url}/test")).status_code == 202
    await eventually(_holds(lambda: bool(receiver.got)))
    headers, sent = receiver.got[0]
    for secret in (renewed["secret"], first.json()["secret"]):
        Webhook(secret).verify(sent, headers)


async def test_webhooks_reach_nothing_that_isnt_the_clients(client: Clients, receiver: Receiver, app: FastAPI) -> None:
    oa, other = (machine(client, "webhooks:manage", subject=subject) for subject in ("oa", "other"))
    for beyond in (NEIGHBOUR, TOWN, "330421000000"):
        refused = await oa.post("/v1/webhooks", json={"url": receiver.url, "regions": [beyond]})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (403, "regions")
    made = await subscribe(oa, receiver)
    url = f"/v1/webhooks/{made['webhook_id']}"
    assert (await other.get("/v1/webhooks")).json() == {"webhooks": []}
    for answer in (await other.get(url), await other.delete(url), await other.post(f"{url}/test")):
        assert answer.status_code == 404
    late = await oa.delete(url, headers={"if-match": '"7"'})
    assert late.status_code == 412
    assert (await oa.delete(url, headers={"if-match": '"1"'})).status_code == 204
    app.state.settings = app.state.settings.model_copy(update={"allow_private_webhooks": False})
    private = await oa.post("/v1/webhooks", json={"url": "https://169.254.169.254/x", "regions": [VILLAGE]})
    assert private.json()["type"] == "/problems/bad-webhook-address"


def _holds(look: Callable[[], bool]) -> Callable[[], Any]:
    async def look_() -> bool:
        return look()

    return look_
