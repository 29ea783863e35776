"""Every flow of the catalogue walked through the API from its opening into the archive, with each node's wrong turns.

What is asked comes from the catalogue alone, so a new flow or node is walked without a new line here. A refusal is a
problem in both languages that names its fields and changes nothing; what is accepted tells one event. The clock isn't
waited for: a notice that runs is ended in the database.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from markupsafe import escape

from services.approval.app import build
from services.approval.cases import OPENERS
from services.approval.fields import Kind, all_fields
from services.approval.flows import HANDLER, Condition, Flow, FormUse, Node, load
from services.approval.joint import COUNTED
from shared.db import Database, Scope
from shared.settings import Settings
from shared.workdays import SHANGHAI
from tests.conftest import Token

VILLAGE, FOREIGN = "330421103201", "330421104201"
PDF = b"%PDF-1.7\n1 0 obj\nendobj\n"
KEY = "a" * 32
AT_ONCE = 4
pytestmark = pytest.mark.without_broker
Json = dict[str, Any]


class People:
    """Whoever acts, by role: a client each, made when first asked for, that has uploaded the paper which all file."""

    def __init__(self, sign_in: Callable[[str, str], httpx.AsyncClient]) -> None:
        self._sign_in = sign_in
        self._made: dict[str, asyncio.Task[httpx.AsyncClient]] = {}
        self.paper = ""

    async def filer(self, node: Node) -> httpx.AsyncClient:
        """Who files a node: nobody files two that follow each other, so that no one decides on his own doing."""
        held = node.role if HANDLER not in node.filers else HANDLER
        return await self.of(held, f"{held} for {node.role} {node.order % 2}")

    async def stranger(self, node: Node) -> httpx.AsyncClient:
        """Somebody of the village whose role neither files this node nor opens cases."""
        role = next(role for role in load().roles if role not in {*node.filers, *OPENERS})
        return await self.of(role, f"stranger {role}")

    async def opener(self) -> httpx.AsyncClient:
        """The handler who opens all cases and files nothing."""
        return await self.of(HANDLER, "opener")

    async def foreigner(self) -> httpx.AsyncClient:
        """A handler of another town's village."""
        return await self.of(HANDLER, "foreigner", FOREIGN)

    async def of(self, role: str, name: str, village: str = VILLAGE) -> httpx.AsyncClient:
        """The person of this name."""
        if name not in self._made:
            self._made[name] = asyncio.create_task(self._arrive(f"{role}@{village}", name))
        return await self._made[name]

    async def _arrive(self, grant: str, name: str) -> httpx.AsyncClient:
        client = self._sign_in(grant, name)
        headers = {"content-type": "application/pdf"}
        answer = await client.post("/v1/documents", params={"name": "材料.pdf"}, content=PDF, headers=headers)
        assert answer.status_code == 201, answer.text
        self.paper = answer.json()["sha256"]
        return client


@pytest.fixture
async def people(settings: Settings, token: Token) -> AsyncIterator[People]:
    app = build(settings.model_copy(update={"rate_limits": False}))
    made: list[httpx.AsyncClient] = []

    def sign_in(grant: str, name: str) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {token(grant, subject=name, name=name)}"}
        made.append(httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a.test", headers=headers))
        return made[-1]

    async with app.router.lifespan_context(app):
        yield People(sign_in)
        for each in made:
            await each.aclose()


@pytest.fixture
async def db(database: Callable[[str], Awaitable[Database]]) -> Database:
    return await database("approval")


class Walk:
    """One case on its way. `told` counts its events so far, which is its `sequence`; `filed` are the nodes done.

    `branching`: the flow's conditions hold for this case, so that it goes through all nodes. `backwards`: of nodes that
    wait beside each other the last is done first.
    """

    def __init__(
        self, flow: Flow, people: People, db: Database, *, branching: bool = True, backwards: bool = False
    ) -> None:
        self.flow = flow
        self._answers = {when.field: answer(when, holds=branching) for when in conditions(flow)}
        self.left_out = [] if branching else [node.code for node in flow.nodes if node.when]
        self._people = people
        self._db = db
        self._case_id = ""
        self.filed: list[str] = []
        self._backwards = backwards
        self.node: str | None = None
        self.beside: list[str] = []
        self.told = 0

    async def open(self, *, thoroughly: bool = True) -> None:
        """Open the case, after all that can be done wrong there."""
        fields = filled(self.flow.form, self.flow, self._answers)
        title = f"走一遍 {self.flow.code}"
        body = {"flow": self.flow.code, "village_code": VILLAGE, "title": title, "fields": fields}
        opener = await self._people.opener()
        if thoroughly:
            await self._open_wrongly(opener, body)
        headers = {"idempotency-key": str(uuid4())}
        answer, again = [await opener.post("/v1/cases", json=body, headers=headers) for _ in range(2)]
        assert (answer.status_code, again.json(), again.headers["idempotency-replayed"]) == (201, answer.json(), "true")
        case = answer.json()
        self._case_id, self.node, self.told = case["case_id"], case["node"], 1
        await self.check_log()

    async def look(self) -> None:
        """See the flow drawn with all its nodes, in their order."""
        opener = await self._people.opener()
        page = (await opener.get(f"/flows/{self.flow.code}")).text
        assert re.findall('<li id="([A-Z0-9-]+)"', page) == [node.code for node in self.flow.nodes]
        for node in self.flow.nodes:
            notice = [f"公示 {node.notice_days} 天"] if node.notice_days else []
            for word in (node.name.zh, node.role_name.en, *(need.name.zh for need in node.documents), *notice):
                assert str(escape(word)) in page, f"{node.code} {word}"

    async def _open_wrongly(self, opener: httpx.AsyncClient, body: Json) -> None:
        stranger, foreigner = await self._people.stranger(self.flow.first), await self._people.foreigner()
        required, estimate = [use.name for use in self.flow.form if use.required], paths(["estimate_fen"])
        refusals: list[tuple[httpx.AsyncClient, Json, int, str, list[str]]] = [
            (stranger, body, 403, "role-missing", []),
            (foreigner, body, 403, "role-missing", []),
            (opener, body | {"title": " "}, 422, "invalid-input", ["body.title"]),
            (opener, body | {"flow": "XX9"}, 404, "no-such-flow", []),
            (opener, body | {"fields": without(body["fields"], required)}, 422, "fields-missing", paths(required)),
        ]
        refusals += [
            (opener, body | {"fields": body["fields"] | {"estimate_fen": fen}}, 422, "another-flow", estimate)
            for fen in amounts_of_others(self.flow)
        ]
        for who, wrong, status, problem, fields in refusals:
            self._check(await who.post("/v1/cases", json=wrong), "open", status, problem, fields)

    @property
    def present(self) -> Node:
        """The node where it waits."""
        assert self.node
        return self.flow.node([self.node, *self.beside][-1 if self._backwards else 0])

    async def file(self) -> None:
        """Complete the present node, after all that can be done wrong there; a notice that begins with it has run."""
        node = self.present
        filer = await self._people.filer(node)
        if node.by_ballot:
            await self._vote(node, filer)
        if node.code not in self.filed:
            await self._wrong_turns(node, filer)
        await self._do(filer, "complete", self._done(node))
        self.filed.append(node.code)
        if self.node and node.notice_days:
            await self._wait_for_notice()

    async def _vote(self, node: Node, closer: httpx.AsyncClient) -> None:
        """Let as many members vote as must, after all that can be done wrong with a ballot."""
        ballot = {"node": node.code, "vote": "for"}
        roles = [place.role for place in (node.joint.places if node.joint else ()) for _ in range(place.least)]
        voters = [await self._people.of(role, f"voter {role} {number}") for number, role in enumerate(roles)]
        await self._refuse(closer, "ballots", ballot, 403, "role-missing")
        await self._refuse(await self._people.foreigner(), "ballots", ballot, 404, "case-not-found")
        await self._refuse(voters[0], "ballots", ballot | {"node": self.flow.first.code}, 409, "wrong-node")
        await self._refuse(closer, "complete", self._done(node), 409, "not-carried", ["ballots"])
        await self._do(voters[0], "ballots", ballot | {"vote": "against"})
        for voter in voters:
            await self._do(voter, "ballots", ballot)
        await self._refuse(voters[0], "ballots", ballot, 409, "ballot-repeated")

    async def rest(self) -> None:
        """Let the case rest, in which nothing can be done to it, and go on."""
        filer, stranger = await self._people.filer(self.present), await self._people.stranger(self.present)
        rest = {"reason": "等待材料", "until": str(today())}
        await self._refuse(filer, "resume", {}, 409, "case-not-suspended")
        await self._refuse(stranger, "suspend", rest, 403, "role-missing")
        await self._refuse(filer, "suspend", rest | {"reason": " "}, 422, "reason-missing", ["reason"])
        await self._refuse(filer, "suspend", rest | {"until": "2020-01-01"}, 422, "fields-unsound", ["until"])
        await self._do(filer, "suspend", rest)
        await self._refuse(filer, "suspend", rest, 409, "case-suspended")
        await self._refuse(filer, "complete", self._done(self.present), 409, "case-suspended")
        await self._refuse(filer, "return", {"to_node": self.node, "reason": "x"}, 409, "case-suspended")
        await self._refuse(stranger, "resume", {}, 403, "role-missing")
        await self._do(filer, "resume", {})

    async def send_back(self, to_node: str) -> None:
        """Send the case back to a node that it has behind it."""
        filer, back = await self._people.filer(self.present), {"to_node": to_node, "reason": "材料不全"}
        await self._refuse(await self._people.stranger(self.present), "return", back, 403, "role-missing")
        await self._refuse(filer, "return", back | {"to_node": self.present.code}, 409, "cannot-send-back", ["to_node"])
        for code in self.left_out:
            await self._refuse(filer, "return", back | {"to_node": code}, 409, "cannot-send-back", ["to_node"])
        await self._refuse(filer, "return", back | {"to_node": "XX9-01"}, 404, "no-such-node")
        await self._refuse(filer, "return", back | {"reason": ""}, 422, "reason-missing", ["reason"])
        case = await self._do(filer, "return", back)
        assert case["node"] == to_node

    async def withdraw(self) -> None:
        """End the case before its time; it takes nothing more."""
        opener, at = await self._people.opener(), self.present
        await self._refuse(await self._people.stranger(at), "withdraw", {"reason": "x"}, 403, "role-missing")
        await self._refuse(opener, "withdraw", {"reason": ""}, 422, "reason-missing", ["reason"])
        case = await self._do(opener, "withdraw", {"reason": "不再需要"})
        assert (case["status"], case["node"]) == ("withdrawn", None)
        await self._refuse(opener, "archive", {}, 409, "case-not-closed")
        await self._take_nothing(at)

    async def put_right(self) -> None:
        """Amend what the closed case said at its opening; a decision is never amended."""
        handler, decided = await self._people.opener(), next(node for node in self.flow.nodes if node.decision)
        use = next(use for use in self.flow.form if use.required and all_fields()[use.name].kind in ("text", "long"))
        right = {"fields": {use.name: "更正后"}, "reason": "写错了"}
        same = filled([use], self.flow, self._answers)
        verdict = {"node": decided.code, "fields": {"approved": False}}
        await self._refuse(await self._people.stranger(self.flow.first), "amend", right, 403, "role-missing")
        await self._refuse(handler, "amend", right | {"reason": ""}, 422, "reason-missing", ["reason"])
        await self._refuse(handler, "amend", right | {"fields": same}, 422, "fields-missing", ["fields"])
        await self._refuse(
            handler, "amend", right | {"fields": {use.name: None}}, 422, "fields-missing", paths([use.name])
        )
        await self._refuse(
            await self._people.filer(decided), "amend", right | verdict, 409, "cannot-amend", paths(["approved"])
        )
        case = await self._do(handler, "amend", right)
        assert (case["status"], case["node"]) == ("closed", None)

    async def archive(self) -> None:
        """Put the closed case into the archive; it takes nothing more."""
        handler, last = await self._people.opener(), self.flow.nodes[-1]
        await self._take_nothing(last)
        await self._refuse(await self._people.stranger(last), "archive", {}, 403, "role-missing")
        case = await self._do(handler, "archive", {"archive_no": None})
        assert (case["status"], case["node"]) == ("closed", None)
        await self._check_course(handler)
        await self._refuse(handler, "archive", {}, 409, "already-archived")
        await self._refuse(handler, "amend", {"fields": {"opinion": "x"}, "reason": "x"}, 409, "already-archived")
        await self.check_log()

    async def _check_course(self, reader: httpx.AsyncClient) -> None:
        """It went through every node that it was asked for, in their order, and its log names those passed over."""
        history = (await reader.get(f"/v1/cases/{self._case_id}")).json()["history"]
        passed = {code for entry in history for code in entry["data"].get("left_out", ())}
        order = [node.turn for node in self.flow.nodes if node.code not in self.left_out]
        assert [self.flow.node(code).turn for code in dict.fromkeys(self.filed)] == order
        assert sorted(passed) == self.left_out

    async def _take_nothing(self, at: Node) -> None:
        filer, why = await self._people.filer(at), {"reason": "x"}
        for deed, body in (
            ("complete", self._done(at)),
            ("return", why | {"to_node": self.flow.first.code}),
            ("withdraw", why),
            ("suspend", why),
            ("resume", {}),
        ):
            await self._refuse(filer, deed, body, 409, "case-not-open")
        await self.check_log()

    async def _wait_for_notice(self) -> None:
        node = self.present
        await self._refuse(await self._people.filer(node), "complete", self._done(node), 409, "notice-running")
        await end_notice(self._db, self._case_id)

    async def _wrong_turns(self, node: Node, filer: httpx.AsyncClient) -> None:
        done = self._done(node)
        fields, required = done["fields"], musts(node.form)
        other = next(each for each in (*self.flow.nodes[node.order :], self.flow.first) if each.turn != node.turn).code
        await self._refuse(await self._people.foreigner(), "complete", done, 404, "case-not-found")
        await self._refuse(await self._people.stranger(node), "complete", done, 403, "role-missing")
        await self._refuse(filer, "complete", done | {"node": other}, 409, "wrong-node")
        await self._refuse(filer, "complete", done, 412, "changed-meanwhile", seen=self.told - 1)
        for name in ("approved", "accepted"):
            if name in fields:
                no = done | {"fields": fields | {name: False}}
                await self._refuse(filer, "complete", no, 409, "not-approved", paths([name]))
        if node.joint and not node.by_ballot:
            lost = done | {"fields": fields | {"votes_for": 0}}
            await self._refuse(filer, "complete", lost, 409, "not-carried", paths(["votes_for"]))
            await self._refuse(filer, "ballots", {"node": node.code, "vote": "for"}, 409, "not-by-ballot")
        if required:
            nothing = done | {"fields": without(fields, required)}
            await self._refuse(filer, "complete", nothing, 422, "fields-missing", paths(required))
        for when in {use.when for use in node.form if use.when}:
            elsewhere = done | {"fields": fields | {when.field: "公开询价" if when.words else False}}
            named = paths(use.name for use in node.form if use.when == when)
            await self._refuse(filer, "complete", elsewhere, 422, "fields-unsound", named)
        if node.notice_days:
            early = done | {"fields": fields | {"notice_from": str(today() + timedelta(days=1)), "notice_to": None}}
            await self._refuse(filer, "complete", early, 422, "fields-unsound", paths(["notice_from"]))
        if node.required_documents:
            missing = [f"documents.{kind}" for kind in node.required_documents]
            await self._refuse(filer, "complete", done | {"documents": []}, 422, "documents-missing", missing)

    def _done(self, node: Node) -> Json:
        papers = [{"kind": need.kind, "sha256": self._people.paper} for need in node.documents]
        return {"node": node.code, "fields": filled(node.form, self.flow, self._answers, node), "documents": papers}

    async def _do(self, who: httpx.AsyncClient, deed: str, body: Json) -> Json:
        """What is accepted: once, though it is said twice, and told in one event."""
        headers = {"idempotency-key": f"{self._case_id} {self.told}", "if-match": f'"{self.told}"'}
        url = f"/v1/cases/{self._case_id}/{deed}"
        answer, again = [await who.post(url, json=body, headers=headers) for _ in range(2)]
        assert answer.status_code == 200, f"{self.node} {deed}: {answer.text}"
        assert (again.json(), again.headers["idempotency-replayed"]) == (answer.json(), "true")
        case: Json = answer.json()
        self.node, self.told = case["node"], self.told + 1
        self.beside = [waiting["node"] for waiting in case["also_waiting"]]
        assert case["sequence"] == self.told
        await self.check_log()
        return case

    async def _refuse(
        self,
        who: httpx.AsyncClient,
        deed: str,
        body: Json,
        status: int,
        problem: str,
        fields: Iterable[str] = (),
        *,
        seen: int | None = None,
    ) -> None:
        """What must not be done. That it was not, the next deed shows, which is taken only for the case as it was."""
        headers = {} if seen is None else {"if-match": f'"{seen}"'}
        answer = await who.post(f"/v1/cases/{self._case_id}/{deed}", json=body, headers=headers)
        self._check(answer, deed, status, problem, fields)

    def _check(self, answer: httpx.Response, deed: str, status: int, problem: str, fields: Iterable[str]) -> None:
        where, told = f"{self.flow.code} {self.node} {deed}: {answer.text}", answer.json()
        named = sorted(error["field"] for error in told.get("errors", ()))
        assert (answer.status_code, told.get("type"), named) == (status, f"/problems/{problem}", sorted(fields)), where
        assert answer.headers["content-type"] == "application/problem+json", where
        both = [(told["title"], told["title_en"]), *((each["detail"], each["detail_en"]) for each in told["errors"])]
        if told["detail"] or told["detail_en"]:
            both.append((told["detail"], told["detail_en"]))
        assert all(re.search("[一-鿿]", zh) and re.search("[A-Za-z]", en) for zh, en in both), where

    async def check_log(self) -> None:
        """The case, its log and what waits to be published tell of so many events, and no more."""
        async with self._db.begin(Scope.system()) as conn:
            row = await conn.fetchrow(
                "SELECT (SELECT sequence FROM cases WHERE case_id = $1::uuid),"
                " (SELECT count(*) FROM case_events WHERE case_id = $1::uuid),"
                " (SELECT count(*) FROM outbox WHERE subject = $1::text)",
                self._case_id,
            )
        assert row
        assert tuple(row) == (self.told,) * 3, f"{self.flow.code} {self.node}"


async def end_notice(db: Database, case_id: str) -> None:
    """Let a notice that runs end now."""
    over = "(state || jsonb_build_object('notice_ends_at', $2::text, 'node_since', $2::text))"
    async with db.begin(Scope.system()) as conn:
        now = datetime.now(UTC).isoformat()
        await conn.execute(f"UPDATE cases SET state = {over} WHERE case_id = $1::uuid", case_id, now)


def conditions(flow: Flow) -> list[Condition]:
    return [node.when for node in flow.nodes if node.when]


def answer(when: Condition, *, holds: bool) -> int | bool:
    """What a field must say for a condition to hold, or not to: just at the limit, where there is one."""
    if when.at_or_above:
        return when.at_or_above.fen - (not holds)
    return when.below.fen - holds if when.below else holds


def filled(form: Iterable[FormUse], flow: Flow, answers: Json, node: Node | None = None) -> Json:
    """Every field of a form, also those that may be left empty."""
    given = {"estimate_fen": estimate(flow), "votes_against": 0, "selection_method": "直接委托"} | answers
    values = {use.name: given.get(use.name, _VALUES[all_fields()[use.name].kind]) for use in form}
    today_ = {name: str(today()) for name in values if all_fields()[name].kind == "date"}
    if node and "notice_to" in today_:
        today_["notice_to"] = str(today() + timedelta(days=node.notice_days))
    return values | today_ | votes(values, node)


def votes(asked: Iterable[str], node: Node | None) -> Json:
    """The numbers of a meeting at which all agree; where its members vote here, only how many are due."""
    due = sum(place.least for place in node.joint.places) if node and node.joint else 0
    here = {"attendees_due": due or 3} | (dict.fromkeys(COUNTED) if due else _MEETING)
    return {name: number for name, number in here.items() if name in set(asked)}


def estimate(flow: Flow) -> int:
    """An amount that the flow is for."""
    if flow.at_or_above:
        return flow.at_or_above.fen
    return flow.below.fen - 1 if flow.below else 100_000


def amounts_of_others(flow: Flow) -> list[int]:
    """The amounts next to those that the flow is for."""
    below = [flow.at_or_above.fen - 1] if flow.at_or_above else []
    return below + ([flow.below.fen] if flow.below else [])


def musts(form: Iterable[FormUse]) -> list[str]:
    """What is missed in a form from which all of it is left out; on what isn't told, nothing depends."""
    always = [use.name for use in form if use.required and not use.when]
    return always + [use.name for use in form if use.required and use.when and use.when.field not in always]


def without(fields: Json, names: Iterable[str]) -> Json:
    return {name: value for name, value in fields.items() if name not in set(names)}


def paths(names: Iterable[str]) -> list[str]:
    return [f"fields.{name}" for name in names]


def today() -> date:
    return datetime.now(SHANGHAI).date()


_DAY = "2026-01-05"
_MEETING = {"attendees_present": 3, "votes_for": 3, "votes_against": 0}
_VALUES: dict[Kind, Any] = {
    "text": "甲",
    "long": "情况属实",
    "money": 100_000,
    "number": 1.5,
    "integer": 1,
    "date": None,
    "yes_no": True,
    "names": ["王五"],
    "id_no": KEY,
    "account_no": KEY,
    "bids": [{"company_id": "913304210000000001", "company_name": "甲公司", "price_fen": 100_000}],
    "workers": [{"person_key": KEY, "name": "王五", "days": 1, "wage_fen": 100_000}],
    "attendance": [{"person_key": KEY, "name": "王五", "days": 1, "first_on": _DAY, "last_on": _DAY}],
    "grants": [{"person_key": KEY, "name": "王五", "amount_fen": 100_000}],
    "payouts": [{"person_key": KEY, "name": "王五", "amount_fen": 100_000}],
    "bill": [{"name": "水泥", "quantity": 1, "unit_price_fen": 100_000, "amount_fen": 100_000}],
}


async def walk(flow: Flow, people: People, db: Database) -> None:
    """A case of the flow into the archive, sent back once from its last node, and one for its other branches."""
    case = Walk(flow, people, db)
    await case.look()
    await case.open()
    await case.rest()
    while case.node:
        if case.present == flow.nodes[-1] and case.filed[-2:].count(case.filed[-1]) == 1:
            await case.send_back(case.filed[-1])
        await case.file()
    await case.put_right()
    await case.archive()
    if conditions(flow):
        await walk_past(flow, people, db)


async def walk_past(flow: Flow, people: People, db: Database) -> None:
    """A case that passes over all nodes with a condition."""
    case = Walk(flow, people, db, branching=False, backwards=True)
    await case.open()
    while case.node:
        if case.present == flow.nodes[-1] and case.filed[-2:].count(case.filed[-1]) == 1:
            await case.send_back(case.filed[-1])
        await case.file()
    await case.archive()


async def leave(flow: Flow, people: People, db: Database) -> None:
    """A case that is withdrawn."""
    case = Walk(flow, people, db)
    await case.open(thoroughly=False)
    await case.withdraw()


async def test_every_flow_is_walked_to_its_end_and_refuses_each_wrong_turn(people: People, db: Database) -> None:
    some = asyncio.Semaphore(AT_ONCE)

    async def walked(flow: Flow) -> None:
        async with some:
            await walk(flow, people, db)
            await leave(flow, people, db)

    async with asyncio.TaskGroup() as group:
        for flow in load().flows.values():
            group.create_task(walked(flow), name=flow.code)
