"""Appeals over a real broker and database: filed by form, followed by number, answered by the desk, told to others."""

import asyncio
import base64
import hashlib
import io
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from itsdangerous import TimestampSigner
from PIL import Image

from services.disclosure import app as disclosure
from services.disclosure.appeals import challenge, clock
from services.disclosure.appeals.plan import plan
from services.disclosure.rebuild import rebuild
from shared.bus import outbox
from shared.bus.envelope import Envelope
from shared.contracts import appeals, power
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import eventually
from tests.disclosure.samples import VILLAGE, case_id, opened
from tests.disclosure.served import served

Open = Callable[[str], Awaitable[Database]]
TOWN, OTHER_TOWN, COUNTY = "330421107000", "330421103000", "330421000000"
SECRETARY, INSPECTOR = f"town_secretary@{TOWN}", f"town_inspector@{TOWN}"
COUNTY_SECRETARY = f"county_secretary@{COUNTY}"
FORM = f"/villages/{VILLAGE}/appeal"
HOSTILE = "<script>alert(1)</script> 路灯三个月没亮"


@dataclass
class World:
    """The service, its database, villagers and officials."""

    settings: Settings
    db: Database
    url: str

    def villager(self) -> httpx.AsyncClient:
        headers = {"accept": "text/html", "origin": self.url}
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=40)

    def official(self, *grants: str, name: str = "王书记", subject: str = "wang") -> httpx.AsyncClient:
        claims = {"sub": subject, "name": name, "groups": list(grants), "exp": 4_000_000_000}
        plain = base64.b64encode(json.dumps({"claims": claims}).encode())
        cookie = TimestampSigner(self.settings.session_secret).sign(plain).decode()
        headers = {"accept": "text/html", "origin": self.url}
        cookies = {"yunjing_disclosure": cookie}
        return httpx.AsyncClient(base_url=self.url, headers=headers, cookies=cookies, trust_env=False, timeout=40)

    async def fill(self, **typed: str) -> dict[str, str]:
        """A form as a person without JavaScript sends it, with the sum worked out."""
        async with self.villager() as villager:
            page = await villager.get(FORM)
        assert page.status_code == 200
        found = re.search(r'name="token" value="([^"]+)"', page.text)
        assert found
        usual = {"kind": "complaint", "concerns": "village", "text": HOSTILE, "identity": "anonymous"}
        first, second = challenge._sum(found[1], self.settings.identity_secret)
        return usual | {"token": found[1], "answer": str(first + second)} | typed

    async def file(self, files: list[Any] | None = None, **typed: str) -> str:
        """File an appeal and write its number down."""
        async with self.villager() as villager:
            answer = await villager.post(FORM, data=await self.fill(**typed), files=files or [])
        assert answer.status_code == 200, answer.text
        found = re.search(r'id="number">([\d ]{24})<', answer.text)
        assert found, answer.text
        return found[1]

    async def follow(self, number: str, deed: str = "", **typed: str) -> httpx.Response:
        async with self.villager() as villager:
            return await villager.post(f"/appeals/track{deed and '/' + deed}", data={"number": number} | typed)

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        async with self.db.begin(Scope.system()) as conn:
            return [dict(row) for row in await conn.fetch(query, *values)]

    async def last(self) -> str:
        return str((await self.rows("SELECT appeal_id FROM appeals ORDER BY filed_at DESC LIMIT 1"))[0]["appeal_id"])


@asynccontextmanager
async def running(settings: Settings, db: Database) -> AsyncIterator[World]:
    async with served(disclosure.build(settings)) as url:
        yield World(settings, db, url)


@pytest.fixture
async def world(settings: Settings, database: Open) -> AsyncIterator[World]:
    async with running(settings, await database("disclosure")) as found:
        yield found


def photo(side: int = 60, kind: str = "JPEG") -> bytes:
    """A picture that tells where it was taken."""
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x010F] = "SECRET-CAMERA"
    exif.get_ifd(0x8825)[1] = "N"
    Image.new("RGB", (side, side), "#a3261f").save(out, kind, exif=exif)
    return out.getvalue()


async def test_a_named_complaint_goes_to_the_town_is_answered_rated_and_shown(world: World) -> None:
    number = await world.file(
        [("pictures", ("灯.jpg", photo(), "image/jpeg"))], identity="named", name="李小草", contact="13800138000"
    )
    appeal = await world.last()
    stored = json.dumps(await world.rows("SELECT * FROM appeals JOIN appeal_identities USING (appeal_id)"), default=str)
    stored += json.dumps(await world.rows("SELECT * FROM appeal_entries"), default=str)
    for secret in ("李小草", "13800138000", "路灯", number.replace(" ", "")):
        assert secret not in stored
    kept = [path.read_bytes() for path in (world.settings.data_dir / "appeals").rglob("*") if path.is_file()]
    assert len(kept) == 1
    assert b"SECRET-CAMERA" not in kept[0]
    assert b"Exif" not in kept[0]
    async with world.official(SECRETARY) as town:
        listed = await town.get("/appeals")
        assert "&lt;script&gt;" in listed.text
        assert "<script>alert" not in listed.text
        page = await town.get(f"/appeals/{appeal}")
        assert "13800138000" not in page.text
        picture = re.search(rf"/appeals/{appeal}/pictures/[0-9a-f-]+", page.text)
        assert picture
        shown = await town.get(picture[0])
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
        assert "sandbox" in shown.headers["content-security-policy"]
        assert (await town.post(f"/appeals/{appeal}/reply", data={"text": "好"})).status_code == 409
        assert (await town.post(f"/appeals/{appeal}/take_up")).status_code == 303
        refused = await town.post(f"/appeals/{appeal}/identity", data={"reason": "", "text": "核实"})
        assert refused.status_code == 422
        seen = await town.post(f"/appeals/{appeal}/identity", data={"reason": "call_back", "text": "核实地点"})
        assert "13800138000" in seen.text
        assert "13800138000" not in (await town.get(f"/appeals/{appeal}")).text
        missing = await town.post(f"/appeals/{appeal}/reply", data={"text": "写了很多字", "public": "yes"})
        assert missing.status_code == 422
        assert "写了很多字" in missing.text
        answer = {"text": "李小草您好,已修好,电话13800138000", "public": "yes", "about": "李小草反映路灯不亮"}
        assert (await town.post(f"/appeals/{appeal}/reply", data=answer)).status_code == 303
    log = json.dumps(await world.rows("SELECT * FROM audit_log"), default=str)
    assert "appeal.identity_shown" in log
    assert "李小草" not in log
    followed = await world.follow(number.replace(" ", "-"))
    for words in ("查看了诉求人身份", "核实地点", "已修好", "您对答复满意吗"):
        assert words in followed.text

    async def public() -> str | None:
        async with world.villager() as villager:
            text = (await villager.get(f"/villages/{VILLAGE}")).text
        return text if "反映路灯不亮" in text else None

    page_text = await eventually(public)
    assert page_text
    for secret in ("李小草", "13800138000"):
        assert secret not in page_text
    rated = await world.follow(number, "rate", satisfied="no", text="没有来看")
    assert "不满意" in rated.text
    assert "对答复满意吗" not in rated.text
    reopened = await world.follow(number, "reopen", text="还是不亮")
    assert "待受理" in reopened.text
    assert "嘉善县" in reopened.text
    assert (await world.follow(number, "reopen", text="再来")).status_code == 422
    async with world.official(SECRETARY) as town, world.official(COUNTY_SECRETARY, subject="zheng") as county:
        assert (await town.get(f"/appeals/{appeal}")).status_code == 404
        assert (await county.post(f"/appeals/{appeal}/withdraw", data={"text": "答复有误"})).status_code == 303
    opinions = f"/v1/villages/{VILLAGE}/opinions"
    async with world.villager() as villager:
        told = (await villager.get(opinions)).json()
    assert told == {"asked": 1, "answered": 1, "overdue": 0, "published": []}


async def test_what_is_wrong_is_named_on_the_form_and_what_was_typed_is_kept(world: World) -> None:
    typed = await world.fill(kind="", text="写了<b>很多话", identity="named", answer="1")
    async with world.villager() as villager:
        answer = await villager.post(FORM, data=typed, files=[("pictures", ("x.jpg", b"\xff\xd8\xffno", "image/jpeg"))])
    assert answer.status_code == 422
    for words in ("请选择类别", "留名时必填", "请算出图中的和", "不是 JPEG", "写了&lt;b&gt;很多话", "Choose what kind"):
        assert words in answer.text
    bomb = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(bomb, "PNG")
    async with world.villager() as villager:
        many = [("pictures", (f"{n}.png", photo(8, "PNG"), "image/png")) for n in range(6)]
        assert "最多 5 张" in (await villager.post(FORM, data=await world.fill(), files=many)).text
        huge = [("pictures", ("b.png", bomb.getvalue(), "image/png"))]
        assert "不是 JPEG" in (await villager.post(FORM, data=await world.fill(), files=huge)).text
        trapped = await villager.post(FORM, data=await world.fill(website="http://x"))
        assert trapped.status_code == 422
        foreign = await villager.post(FORM, data=await world.fill(), headers={"origin": "http://evil.test"})
        assert foreign.status_code == 403
    assert not await world.rows("SELECT 1 FROM appeals")


async def test_a_form_files_once_its_work_counts_and_expires(world: World) -> None:
    typed = await world.fill(answer="")
    bits, work = plan().limits.work_bits, 0
    while int.from_bytes(hashlib.sha256(f"{typed['token']}:{work}".encode()).digest()[:4], "big") >> (32 - bits):
        work += 1
    async with world.villager() as villager:
        first = await villager.post(FORM, data=typed | {"work": str(work)})
        again = await villager.post(FORM, data=typed | {"work": str(work), "text": "换一段话再来一次"})
        assert first.status_code == again.status_code == 200
        nonce, until, sign = typed["token"].split(".")
        later = {"work": str(work), "token": f"{nonce}.{int(until) + 9}.{sign}"}
        forged = await villager.post(FORM, data=typed | later)
        assert "表单已过期" in forged.text
    assert len(await world.rows("SELECT 1 FROM appeals")) == 1
    numbers = [re.search(r'id="number">([\d ]{24})<', each.text) for each in (first, again)]
    assert numbers[0]
    assert numbers[1]
    assert numbers[0][1] == numbers[1][1]
    old = challenge.make(world.settings.identity_secret, datetime.now(UTC) - timedelta(hours=3), 120, bits)
    assert not challenge.genuine(old.token, world.settings.identity_secret, datetime.now(UTC))


async def test_what_concerns_the_town_or_the_official_himself_is_not_there_for_them(world: World) -> None:
    await world.file(text="镇长的弟弟中标了,价格很高")
    about_town = await world.last()
    await world.file(text="王大山收了施工队的烟酒")
    about_wang = await world.last()
    await world.file(kind="report", text="村里报账员虚报工资")
    report = await world.last()
    async with (
        world.official(SECRETARY, name="王大山") as wang,
        world.official(INSPECTOR, subject="sun", name="孙敏") as inspector,
        world.official(COUNTY_SECRETARY, subject="zheng", name="郑国强") as county,
        world.official(f"town_secretary@{OTHER_TOWN}", subject="qian", name="钱卫东") as other,
        world.official(SECRETARY, f"village_head@{VILLAGE}", subject="both", name="赵一") as both,
        world.villager() as nobody,
    ):
        seen = {
            who: [(await client.get(f"/appeals/{key}")).status_code for key in (about_town, about_wang, report)]
            for who, client in {
                "wang": wang, "inspector": inspector, "county": county, "other": other, "both": both,
            }.items()
        }  # fmt: skip
        assert seen == {
            "wang": [404, 404, 200],
            "inspector": [404, 200, 404],
            "county": [200, 200, 200],
            "other": [404, 404, 404],
            "both": [404, 404, 404],
        }
        assert "王大山" not in (await wang.get("/appeals?show=all")).text.replace("王大山 <a", "")
        assert (await nobody.get("/appeals")).status_code == 303
        assert (await county.post(f"/appeals/{about_wang}/take_up")).status_code == 403


async def test_limits_hold_and_addresses_are_forgotten(world: World) -> None:
    for wrong in range(plan().limits.wrong_numbers_by_address):
        assert (await world.follow("1234 5678 9012 3456 7894" if wrong % 2 else "12")).status_code == 404
    most = plan().limits.filed_by_address
    for n in range(most):
        await world.file(text=f"第 {n} 件事情,请办理")
    async with world.villager() as villager:
        more = await villager.post(FORM, data=await world.fill(text="再来一件事情"))
    assert more.status_code == 429
    assert "再来一件事情" in more.text
    kept = json.dumps(await world.rows("SELECT * FROM appeal_rates, appeal_day_keys"), default=str)
    assert "127.0.0.1" not in kept
    await clock.look(world.db, world.settings.identity_secret, datetime.now(UTC) + timedelta(days=1))
    assert not await world.rows("SELECT 1 FROM appeal_rates UNION ALL SELECT 1 FROM appeal_day_keys")


async def test_silence_goes_to_the_county_and_same_words_are_answered_together(world: World) -> None:
    one, two = await world.file(text="水管漏了没有人修"), await world.file(text="水管 漏了,没有人修!")
    assert (await world.rows("SELECT count(*) FROM appeals WHERE joined_to IS NOT NULL"))[0]["count"] == 1
    first = str((await world.rows("SELECT appeal_id FROM appeals WHERE joined_to IS NULL"))[0]["appeal_id"])
    late = datetime.now(UTC) + timedelta(days=14)
    assert await clock.look(world.db, world.settings.identity_secret, late) == 2
    async with world.official(SECRETARY) as town, world.official(COUNTY_SECRETARY, subject="zheng") as county:
        assert (await town.get(f"/appeals/{first}")).status_code == 404
        assert "另有 1 件相同" in (await county.get("/appeals?show=overdue")).text
        await county.post(f"/appeals/{first}/take_up")
        answer = {"text": "已换新管", "public": "yes", "about": "水管漏水"}
        assert (await county.post(f"/appeals/{first}/reply", data=answer)).status_code == 303
    for number in (one, two):
        followed = (await world.follow(number)).text
        assert "已换新管" in followed
        assert "超过期限未办" in followed


async def test_a_rebuild_leaves_appeals_where_they_are(world: World) -> None:
    number = await world.file()
    async with world.official(SECRETARY) as town:
        await town.post(f"/appeals/{await world.last()}/take_up")
    async with world.db.begin(Scope.system()) as conn:
        case = opened(case_id())
        told = Envelope.of(case, source="/t", topic=power.TOPIC, key=case.village_code, time=case.occurred_at)
        await outbox.publish(conn, [told])

    async def there() -> bool:
        return bool(await world.rows("SELECT 1 FROM cases"))

    await eventually(there)
    assert await rebuild(world.settings) == 0
    assert "办理中" in (await world.follow(number)).text
    assert (await world.rows("SELECT asked FROM appeal_counts"))[0]["asked"] == 1


async def test_the_database_itself_hides_what_is_not_ones_own(world: World) -> None:
    number = await world.file(identity="named", name="李小草", contact="13800138000", text="镇长批的项目有问题")
    key = (await world.rows("SELECT tracking_key FROM appeals"))[0]["tracking_key"]
    county = Scope(regions="330421%", roles=COUNTY_SECRETARY, subject="zheng")
    seen = {
        "nobody": Scope("", "", ""),
        "public": Scope.public(),
        "town": Scope(regions="330421107%", roles=f"{SECRETARY},{INSPECTOR}", subject="wang", person=key),
        "other author": Scope("", "", "author", "0" * 64),
        "author": Scope("", "", "author", key),
        "county": county,
    }
    tables = ("appeals", "appeal_entries", "appeal_identities", "appeal_rates", "appeal_day_keys")
    found = {}
    for who, scope in seen.items():
        async with world.db.begin(scope, readonly=True) as conn:
            found[who] = [bool(await conn.fetchval(f"SELECT count(*) FROM {table}")) for table in tables]
    nothing = [False] * 5
    assert found == dict.fromkeys(("nobody", "public", "town", "other author"), nothing) | {
        "author": [True, True, False, False, False],
        "county": [True, True, True, False, False],
    }
    assert (await world.follow(number)).status_code == 200
    with pytest.raises(asyncpg.PostgresError):
        async with world.db.begin(county) as conn:
            await conn.execute("UPDATE appeals SET state = 'closed'")
    with pytest.raises(asyncpg.PostgresError):
        async with world.db.begin(Scope.system()) as conn:
            await conn.execute("DELETE FROM appeal_entries")


async def test_each_deed_is_told_once_without_a_word_of_whose(world: World, kafka_bootstrap: str) -> None:
    await world.file(identity="named", name="李小草", contact="13800138000")
    appeal = await world.last()
    async with world.official(SECRETARY) as town:
        await town.post(f"/appeals/{appeal}/take_up")
        await town.post(f"/appeals/{appeal}/reply", data={"text": "已修好,李小草请放心"})
        assert (await town.post(f"/appeals/{appeal}/take_up")).status_code == 409
    consumer = AIOKafkaConsumer(
        world.settings.kafka_topic_prefix + appeals.TOPIC,
        bootstrap_servers=kafka_bootstrap,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        records = [await asyncio.wait_for(consumer.getone(), 40) for _ in range(3)]
    finally:
        await consumer.stop()
    told = [json.loads(record.value) for record in records]
    assert [each["revision"] for each in told] == [1, 2, 3]
    assert [each.get("state") for each in told] == ["filed", "handling", "answered"]
    assert {record.key for record in records} == {VILLAGE.encode()}
    text = json.dumps(told, ensure_ascii=False)
    for secret in ("李小草", "13800138000", "路灯", "修好"):
        assert secret not in text
