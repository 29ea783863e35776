"""Policies written by one official, published by another, changed and withdrawn; read by anybody."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from deploy.demo.policies import publish_policies
from services.disclosure import app as disclosure
from shared.settings import Settings
from tests.conftest import eventually
from tests.disclosure.samples import VILLAGE
from tests.disclosure.served import official, served

pytestmark = pytest.mark.without_broker
COUNTY = "330421000000"
OTHER_VILLAGE = "330421103201"
FORM = {
    **{"region": COUNTY, "title_zh": "高龄津贴", "title_en": "Allowance for the very old", "groups": "elderly"},
    **{"benefit": "按月发放到社会保障卡", "amount": "100", "unit": "person_month", "conditions": "年满八十周岁"},
    **{"applying": "到村便民服务中心申请", "papers": "户口簿", "office": "镇便民服务中心", "issuer": "县民政局"},
    **{"document_no": "示民发〔2026〕3号", "flow": "RE1", "valid_from": "2020-01-01", "valid_to": ""},
}
LIST, DESK = f"/villages/{VILLAGE}/policies", "/desk/policies"


@dataclass
class World:
    """The service, visitors and officials."""

    settings: Settings
    url: str
    http: httpx.AsyncClient

    def official(self, subject: str, *grants: str) -> httpx.AsyncClient:
        return official(self.settings, self.url, subject, *grants)

    async def text(self, path: str) -> str:
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def shown_in_village(self, words: str, *, shown: bool = True) -> None:
        """Until the village's page, which is kept in memory until it is told of a change, shows these words or not."""

        async def as_it_should() -> bool:
            return (words in await self.text(f"/villages/{VILLAGE}")) == shown

        await eventually(as_it_should)


@pytest.fixture
async def world(settings: Settings) -> AsyncIterator[World]:
    async with (
        served(disclosure.build(settings)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=40, headers={"accept": "text/html"}) as http,
    ):
        yield World(settings, url, http)


async def drafted(official: httpx.AsyncClient, **over: str) -> str:
    made = await official.post(DESK, data=FORM | over)
    assert made.status_code == 303, made.text
    return made.headers["location"]


async def test_a_policy_from_its_draft_to_its_end(world: World) -> None:
    post = f"county_authority@{COUNTY}"
    async with world.official("one", post) as one, world.official("two", post) as two:
        assert "还没有发布惠民政策" in await world.text(f"/villages/{VILLAGE}")
        at = await drafted(one)
        page = at.removeprefix("/desk")
        assert (await world.http.get(page)).status_code == 404, "a draft is nobody's to read"
        alone = await one.post(f"{at}/publish")
        assert (alone.status_code, "起草人不能发布自己的草稿" in alone.text) == (409, True)
        assert (await two.post(f"{at}/publish")).status_code == 303
        await world.shown_in_village("高龄津贴")
        for path in (LIST, page, f"/villages/{OTHER_VILLAGE}/policies"):
            assert "高龄津贴" in await world.text(path), path
        assert "高龄津贴" not in await world.text(f"{LIST}?group=farmers")
        assert "高龄津贴" not in await world.text(f"{LIST}?q=春耕")
        told = await world.http.get(f"/v1{LIST}")
        assert [each["amount_fen"] for each in told.json()["items"]] == [10_000]
        same = await world.http.get(f"/v1{LIST}", headers={"if-none-match": told.headers["etag"]})
        assert same.status_code == 304
        change = await one.post(f"{at}/change", data=FORM | {"amount": "120.50"})
        assert change.status_code == 303, change.text
        assert "120.50" not in await world.text(page)
        assert (await two.post(f"{at}/publish")).status_code == 303
        assert "120.50" in await world.text(page)
        assert "已被新版取代" in await world.text(f"{page}?version=1")
        assert (await two.post(f"{at}/withdraw", data={"because": ""})).status_code == 422
        assert (await two.post(f"{at}/withdraw", data={"because": "上级文件已废止"})).status_code == 303
        await world.shown_in_village("高龄津贴", shown=False)
        assert "上级文件已废止" in await world.text(f"{page}?version=2")


async def test_a_town_writes_for_itself_alone_and_only_its_posts_do(world: World) -> None:
    async with world.official("one", "town_leader@330421107000") as town:
        at = await drafted(town, region=VILLAGE)
        assert (await town.post(DESK, data=FORM)).status_code == 422
    async with world.official("two", "town_leader@330421103000") as other:
        assert (await other.post(f"{at}/publish")).status_code == 404
        assert "高龄津贴" not in (await other.get(DESK)).text
    async with world.official("three", "handler@330421107201") as handler:
        assert (await handler.get(DESK)).status_code == 403
        assert (await handler.post(DESK, data=FORM)).status_code == 403
    async with world.official("four", "town_agri_office@330421107000") as second:
        assert (await second.post(f"{at}/publish", headers={"origin": "https://elsewhere.example"})).status_code == 403
        assert (await second.post(f"{at}/publish")).status_code == 303
    assert "高龄津贴" in await world.text(LIST)
    assert "高龄津贴" not in await world.text(f"/villages/{OTHER_VILLAGE}/policies")


async def test_bad_forms_say_what_to_mend_and_change_nothing(world: World) -> None:
    post = f"county_authority@{COUNTY}"
    async with world.official("one", post) as one, world.official("two", post) as two:
        for over, told in (
            ({"title_zh": ""}, "太短"),
            ({"amount": "一百"}, "金额填元"),
            ({"unit": ""}, "金额与单位须同时填写"),
            ({"valid_to": "2019-12-31"}, "不早于起始日期"),
            ({"valid_from": "2026-02-30"}, "有效的起始日期"),
            ({"groups": "gods"}, "至少一类人群"),
            ({"region": "330482000000"}, "您负责的地区"),
            ({"benefit": "长" * 2001}, "太长"),
        ):
            answer = await one.post(DESK, data=FORM | over)
            assert (answer.status_code, told in answer.text) == (422, True), (over, answer.text[:3000])
        assert (await one.post(DESK, data=FORM | {"benefit": "x" * 300_000})).status_code == 413
        assert "还没有政策" in (await one.get(DESK)).text
        hostile = "<script>alert(1)</script>联系人:王建国 13812345678"
        at = await drafted(one, benefit=hostile, title_zh="<b>补贴</b>")
        assert (await two.post(f"{at}/publish")).status_code == 303
    await world.shown_in_village("补贴")
    for path in (f"/villages/{VILLAGE}", LIST, at.removeprefix("/desk"), f"/v1{LIST}"):
        text = await world.text(path)
        assert "13812345678" not in text
        assert "王建国" not in text
        assert path.startswith("/v1") or ("<script>alert" not in text and "<b>补贴" not in text)
    assert (await world.http.get(f"{LIST}?after=x")).status_code == 422
    assert (await world.http.get("/villages/330421107999/policies")).status_code == 404


async def test_a_sheet_becomes_drafts_whole_or_not_at_all(world: World) -> None:
    head = "适用地区代码,名称,英文名称,面向谁,能得到什么,标准(元),单位,条件,怎样申请,需要的材料,起始日期,截止日期"
    line = "330421107000,{},Allowance,老年人、farmers,按月发放,100,每人每月,年满八十周岁,到村申请,户口簿,2026/1/1,"
    at, good = f"{DESK}/import", [line.format("高龄津贴"), line.format("长者餐补")]
    bad = [
        good[0],
        line.format("甲").replace("老年人", "神仙").replace("2026/1/1", "2026-13-01"),
        line.format("高龄津贴").replace("107000", "103000"),
    ]
    async with (
        world.official("one", "town_leader@330421107000") as town,
        world.official("two", "auditor@" + COUNTY) as no,
    ):
        assert (await town.get(f"{DESK}/template.xlsx")).content.startswith(b"PK")
        wrong = await town.post(at, files={"file": ("a.csv", "\n".join([head, *bad]).encode())})
        assert wrong.status_code == 422
        told = ("至少一类人群", "太短", "有效的起始日期", "不是本人负责的地区", "<td>3</td>")
        assert [each for each in told if each not in wrong.text] == []
        assert (await town.post(at, files={"file": ("a.csv", b"%PDF-1.4")})).status_code == 422
        assert (await town.get("/v1/policy-drafts")).json() == []
        sheet = {"file": ("a.csv", "\n".join([head, *good]).encode())}
        assert (await no.post(at, files=sheet)).status_code == 403
        assert (await town.post(at, files=sheet)).status_code == 303
        assert "已有同名的政策" in (await town.post(at, files=sheet)).text
        drafts = (await town.get("/v1/policy-drafts")).json()
        assert {each["title"]["zh"]: each["amount_fen"] for each in drafts} == {"高龄津贴": 10_000, "长者餐补": 10_000}
        one = f"/v1/policy-drafts/{drafts[0]['policy_id']}"
        assert (await town.get(one)).json()["versions"][0]["state"] == "draft"
        assert (await no.get(one)).status_code == 403
    async with world.official("three", "town_leader@330421103000") as other:
        assert (await other.get("/v1/policy-drafts")).json() == []
        assert (await other.get(one)).status_code == 404
    assert "高龄津贴" not in await world.text(LIST)


async def test_the_demo_county_has_policies_that_are_published_once(world: World) -> None:
    assert await publish_policies(world.settings) == 5
    assert await publish_policies(world.settings) == 0
    village = await world.text(LIST)
    assert all(title in village for title in ("高龄津贴", "临时救助", "返乡创业场地补助"))
    assert "返乡创业场地补助" not in await world.text(f"/villages/{OTHER_VILLAGE}/policies")
