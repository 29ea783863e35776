"""`make demo`: a short story over the running system, told through its public HTTP interfaces alone.

A grid worker outside the payroll (编外) oversees six villages. A micro work in one of them is given to his own company.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx
from rich.console import Console

from deploy.demo.cases import sample
from deploy.demo.companies import credit_code
from deploy.demo.people import People, Person
from deploy.demo.words import WORDS
from deploy.local.accounts import account
from deploy.local.environment import url
from deploy.local.identity import SignInRefused, token_for
from shared import regions

VILLAGE = "330421107201"
TOWN = regions.town_of(VILLAGE)
_OVERSEEN = 6
_PATIENCE_SECONDS = 20.0
_QUIET_SECONDS = 1.0
_LOOKS = 50
_YUAN = 100
console = Console()


@dataclass
class Watch:
    """An open stream of a secretary's alerts, each with the moment of its arrival."""

    seen: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    def about(self, case_no: str, company: str = "") -> tuple[float, dict[str, Any]] | None:
        """The first alert on a case, or on a company in it."""
        return next(
            (
                (at, alert)
                for at, alert in self.seen
                if case_no in alert.get("case_nos", ()) and company in alert["explanation"]["zh"]
            ),
            None,
        )

    async def follow(self, http: httpx.AsyncClient) -> None:
        """Read the stream until cancelled."""
        async with http.stream("GET", "/v1/stream", timeout=None) as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                self.opened.set()
                if line.startswith("data:"):
                    self.seen.append((time.perf_counter(), json.loads(line.removeprefix("data:"))))
                    self.arrived.set()


class Desks:
    """The demo accounts at the services' doors."""

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}

    def at(self, service: str, username: str) -> httpx.AsyncClient:
        """A client of a service, signed in."""
        if username not in self._tokens:
            self._tokens[username] = token_for(username)
        headers = {"authorization": f"Bearer {self._tokens[username]}"}
        return httpx.AsyncClient(base_url=url(service), headers=headers, timeout=30, trust_env=False)


@dataclass(frozen=True)
class Cast:
    """Who appears: new in each telling, so that each telling raises an alert of its own."""

    official: Person
    company_id: str
    company_name: str
    place: str
    works: str

    @property
    def item(self) -> str:
        """The works that the story is about."""
        return f"{self.place}{self.works}工程"

    @classmethod
    def new(cls) -> "Cast":
        """Fictitious, with numbers that pass their checks."""
        rng = Random(time.time_ns())
        number = rng.randrange(10**7)
        official = People(rng, secret="").person("方志远")
        return cls(
            official,
            credit_code(f"91330499MB{number:07d}"),
            f"嘉善志远{number:07d}建设工程有限公司",
            rng.choice(WORDS["places"]),
            rng.choice(WORDS["works"]),
        )


async def play() -> bool:
    """Tell the story; whether the alert came to the right desk and to no other."""
    desks, cast = Desks(), Cast.new()
    _title("一、登记:编外网格员与他名下的公司", "1. The registers: a grid worker outside the payroll, and his company")
    await _register(desks, cast)
    async with _watching(desks, "secretary") as right, _watching(desks, "secretary-xitang") as other:
        _title("二、办事:一项微型工程,逐个节点", "2. A micro work, step by step")
        case, answered = await _walk(desks, cast)
        _title("三、预警:镇纪委书记的页面上当场出现", "3. The alert, on the town secretary's open page")
        told = await _alert(right, case["case_no"], cast.company_name)
        if told is None:
            console.print("[red]没有等到预警 / no alert came[/]")
            return False
        arrived, alert = told
        console.print(f"[bold red]● {alert['title']['zh']}[/]  {alert['explanation']['zh']}")
        console.print(f"[dim]{alert['title']['en']}: {alert['explanation']['en']}[/]")
        console.print(f"办结应答后 [bold]{(arrived - answered) * 1000:.0f} ms[/] 到达 / after the answer")
        console.print(f"  {url('notifier')}/alerts/{alert['alert_id']}  (secretary)")
        await asyncio.sleep(_QUIET_SECONDS)
        alone = other.about(case["case_no"]) is None and await _refused(desks, alert["alert_id"])
    _title("四、别处:西塘镇纪委书记什么也没有", "4. Elsewhere: the secretary of Xitang has nothing")
    console.print("[green]✓ 无[/]" if alone else "[red]✗ 看到了不该看到的 / saw what isn't his[/]")
    _title("五、公开:村民看到的是脱敏后的案件", "5. In public: villagers see the case, masked")
    public = await _public(cast)
    console.print(
        "[green]✓ 已公开,无经办人姓名和身份证号 / public and masked[/]" if public else "[red]✗ 没有公开 / not there[/]"
    )
    console.print(f"  {url('disclosure')}/villages/{VILLAGE}")
    return alone and public


async def _register(desks: Desks, cast: Cast) -> None:
    """The feeding system reports both; ID numbers become keyed hashes at the door."""
    official = cast.official
    villages = [village.code for village in regions.villages(TOWN)[:_OVERSEEN]]
    async with desks.at("detector", "machine") as http:
        post = {
            "id_no": official.id_no,
            "name": official.name,
            "position": "网格员(编外)",
            "level": "village",
            "on_payroll": False,
            "region_code": VILLAGE,
            "oversees": villages,
        }
        await _put(http, f"/v1/reference/staff/story-{cast.company_id}", post)
        company = {
            "name": cast.company_name,
            "legal_person_id_no": official.id_no,
            "legal_person_name": official.name,
            "registered_on": "2019-05-20",
        }
        await _put(http, f"/v1/reference/companies/{cast.company_id}", company)
    console.print(f"  {official.name} 编外,监管 {len(villages)} 个村 / oversees {len(villages)} villages")
    console.print(f"  {cast.company_name}  {cast.company_id}")


async def _put(http: httpx.AsyncClient, path: str, body: Mapping[str, Any]) -> None:
    answer = await http.put(path, json=body)
    answer.raise_for_status()


async def _walk(desks: Desks, cast: Cast) -> tuple[dict[str, Any], float]:
    """From opening to the award; the case, and when the last answer came."""
    today = datetime.now(UTC).date().isoformat()
    met = {"meeting_on": today, "approved": True}
    counted = {"attendees_due": 7, "attendees_present": 7, "votes_for": 7, "votes_against": 0}
    bids = [
        {"company_id": cast.company_id, "company_name": cast.company_name, "price_fen": 37_200 * _YUAN},
        {
            "company_id": credit_code("91330499MC0000001"),
            "company_name": "嘉善远诚建设有限公司",
            "price_fen": 39_850 * _YUAN,
        },
        {
            "company_id": credit_code("91330499MC0000002"),
            "company_name": "嘉善汇丰市政工程有限公司",
            "price_fen": 41_310 * _YUAN,
        },
    ]
    won = {
        "selection_method": "比价确定",
        "supplier_id": cast.company_id,
        "supplier_name": cast.company_name,
        "award_fen": 37_200 * _YUAN,
    }
    steps: tuple[tuple[str, str, dict[str, Any], tuple[str, ...]], ...] = (
        ("clerk", "EN1-01", {"budget_fen": 42_000 * _YUAN, "funding_source": "村集体经济收入"}, ("proposal", "budget")),
        ("head", "EN1-02", met | counted, ("minutes", "sign_in")),
        ("committee", "EN1-03", met, ("minutes",)),
        (
            "clerk",
            "EN1-04",
            won | {"selection_method": "比价确定", "bids": bids},
            ("quotes", "comparison", "coi_statement"),
        ),
    )
    async with desks.at("approval", "clerk") as http:
        opened = await http.post("/v1/cases", json=_opening(cast))
        opened.raise_for_status()
    case: dict[str, Any] = opened.json()
    console.print(f"  {case['case_no']} {case['title']}")
    answered = 0.0
    for username, node, fields, papers in steps:
        async with desks.at("approval", username) as http:
            documents = [await _upload(http, kind) for kind in papers]
            body = {"node": node, "fields": fields, "documents": documents}
            answer = await http.post(f"/v1/cases/{case['case_id']}/complete", json=body)
            answered = time.perf_counter()
            answer.raise_for_status()
        console.print(f"  ✓ {node}  {username}")
    return case, answered


def _opening(cast: Cast) -> dict[str, Any]:
    amount = {"estimate_fen": 42_000 * _YUAN}
    fields = {"item": cast.item, "location": cast.place, "category": cast.works} | amount
    return {"flow": "EN1", "village_code": VILLAGE, "title": f"{regions.name(VILLAGE)}{cast.item}", "fields": fields}


async def _upload(http: httpx.AsyncClient, kind: str) -> dict[str, str]:
    headers = {"content-type": "application/pdf"}
    answer = await http.post("/v1/documents", params={"name": f"{kind}.pdf"}, content=sample(kind), headers=headers)
    answer.raise_for_status()
    return {"kind": kind, "sha256": answer.json()["sha256"]}


@asynccontextmanager
async def _watching(desks: Desks, username: str) -> AsyncIterator[Watch]:
    watch = Watch()
    async with desks.at("notifier", username) as http:
        following = asyncio.create_task(watch.follow(http))
        opened = asyncio.create_task(watch.opened.wait())
        await asyncio.wait({following, opened}, timeout=_PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        try:
            yield watch
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _alert(watch: Watch, case_no: str, company: str) -> tuple[float, dict[str, Any]] | None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (told := watch.about(case_no, company)) is None and (left := deadline - time.monotonic()) > 0:
        watch.arrived.clear()
        try:
            await asyncio.wait_for(watch.arrived.wait(), left)
        except TimeoutError:
            return None
    return told


async def _refused(desks: Desks, alert_id: str) -> bool:
    async with desks.at("notifier", "secretary-xitang") as http:
        answer = await http.get(f"/v1/alerts/{alert_id}")
    return answer.status_code == 404


async def _public(cast: Cast) -> bool:
    """Whether the village page shows the works to anybody, without the ID number and the clerk's name."""
    async with httpx.AsyncClient(base_url=url("disclosure"), timeout=30, trust_env=False) as visitor:
        for _ in range(_LOOKS):
            page = (await visitor.get(f"/villages/{VILLAGE}")).text
            if cast.item in page:
                return cast.official.id_no not in page and account("clerk").name not in page
            await asyncio.sleep(_QUIET_SECONDS / 10)
    return False


def _title(zh: str, en: str) -> None:
    console.print(f"\n[bold]{zh}[/]  [dim]{en}[/]")


def main() -> None:
    """Play it; 1 when the system isn't there or the story ends badly."""
    try:
        good = asyncio.run(play())
    except httpx.TransportError:
        console.print(
            "[red]系统没有运行:请先在另一个终端执行 make run[/]  Not running: `make run` in another terminal first"
        )
        good = False
    except httpx.HTTPStatusError as error:
        console.print(f"[red]{error.request.url}: HTTP {error.response.status_code}[/]\n{error.response.text}")
        good = False
    except SignInRefused as error:
        console.print(f"[red]登录失败 / sign-in refused: {error}[/]")
        good = False
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
