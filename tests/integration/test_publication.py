"""What is public for a term, what is taken back, and what was put right, on everything that the public may read."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pypdf import PdfReader

from services.disclosure import app as disclosure
from services.disclosure import clock
from services.disclosure.opendata.making import make
from services.disclosure.projections import downloads
from shared import regions
from shared.contracts.power import CaseAmended
from shared.db import Connection, Database, Scope
from shared.settings import Settings
from tests.conftest import Token, eventually
from tests.disclosure.samples import (
    FIRM,
    LOSER,
    NOW,
    VILLAGE,
    award,
    bids_in,
    case_id,
    closing,
    completed,
    exactly,
    form,
    notice,
    opened,
)
from tests.disclosure.served import official, served
from tests.integration.test_disclosure import deliver

pytestmark = pytest.mark.without_broker
Open = Callable[[str], Awaitable[Database]]
RELIEF: dict[str, Any] = {"matter": "RE", "flow": "RE2"}
COUNTY, OTHER_COUNTY = "330421000000", "330422000000"


@dataclass
class World:
    """The service, its database and a visitor."""

    settings: Settings
    db: Database
    http: httpx.AsyncClient

    def official(self, subject: str, *grants: str) -> httpx.AsyncClient:
        return official(self.settings, str(self.http.base_url).rstrip("/"), subject, *grants)

    async def public(self, case: str) -> str:
        """Everything that tells of a case in public."""
        paths = (
            *(f"/v1/cases/{case}", f"/cases/{case}", f"/v1/villages/{VILLAGE}", f"/villages/{VILLAGE}"),
            *(f"/villages/{VILLAGE}/cases", f"/v1/villages/{VILLAGE}/cases", f"/data/villages/{VILLAGE}/atom"),
            *("/data/cases", "/data/files/bids.csv", "/data/files/cases.csv", "/data/ocds/releases"),
        )
        answers = [await self.http.get(path, headers={"accept": "*/*"}) for path in paths]
        return "\n".join(answer.text for answer in answers if answer.status_code == 200)


@pytest.fixture
async def world(settings: Settings, database: Open) -> AsyncIterator[World]:
    db = await database("disclosure")
    async with (
        served(disclosure.build(settings)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=40) as http,
    ):
        yield World(settings, db, http)


async def test_the_relieved_vanish_from_everything_when_their_term_ends(world: World) -> None:
    case, ends = case_id(), datetime.now(UTC) - timedelta(days=20)
    family = form(beneficiary_name="孙慕雪", household_size=3, relief_fen=200_000)
    await deliver(world.db, opened(case, family, **RELIEF), notice(case, 2, ends_at=ends, **RELIEF))
    assert "孙" in await world.public(case)
    assert await clock.fade(world.db, ends + timedelta(days=29)) == 0
    assert await clock.fade(world.db, ends + timedelta(days=31)) == 1
    assert await clock.fade(world.db, ends + timedelta(days=31)) == 0
    text = await world.public(case)
    assert "孙" not in text
    assert "公开期已满" in text
    async with world.db.begin(Scope.system()) as conn:
        assert "孙慕雪" not in str(await conn.fetch("SELECT fields::text FROM withheld"))


async def test_what_an_official_takes_back_is_nowhere_until_a_second_person_puts_it_back(
    world: World, token: Token
) -> None:
    case = case_id()
    await deliver(world.db, opened(case), bids_in(case), award(case))
    await make(world.settings)
    assert LOSER in await world.public(case)
    as_ = f"county_secretary@{COUNTY}"
    one, two = ({"authorization": f"Bearer {token(as_, subject=subject)}"} for subject in ("one", "two"))
    wanted = {"what": "bids", "why": "secret", "note": "报价涉密"}
    made = await world.http.post(f"/v1/cases/{case}/takedowns", json=wanted, headers=one)
    assert made.status_code == 201, made.text
    text = await world.public(case)
    assert LOSER not in text
    assert "涉及商业秘密" in text
    assert "报价涉密" not in text, "the note is for officials"
    again = await world.http.post(f"/v1/cases/{case}/takedowns", json=wanted, headers=two)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/already-taken-back")
    back = f"/v1/takedowns/{made.json()['takedown_id']}/restoration"
    assert (await world.http.post(back, json={"note": "已复核"}, headers=one)).status_code == 200
    alone = await world.http.post(back, json={"note": "已复核"}, headers=one)
    assert (alone.status_code, alone.json()["type"]) == (409, "/problems/put-back-by-another")
    assert LOSER not in await world.public(case)
    assert (await world.http.post(back, json={"note": "同意"}, headers=two)).status_code == 200
    assert LOSER in await world.public(case)
    listed = (await world.http.get("/v1/takedowns", headers=two)).json()
    assert [(each["what"], each["restored_by_name"] is not None) for each in listed] == [("bids", True)]


async def test_officials_take_back_and_put_back_on_their_page(world: World) -> None:
    """Sent from elsewhere, half filled in or by the first person alone, the forms change nothing and say why."""
    case, at = case_id(), "/desk/takedowns"
    await deliver(world.db, opened(case), bids_in(case), award(case))
    secretary, authority = f"county_secretary@{COUNTY}", f"county_authority@{COUNTY}"
    wanted = {"case": case, "what": "bids", "why": "secret", "note": "报价涉密"}
    async with (
        world.official("one", secretary) as one,
        world.official("two", authority) as two,
        world.official("three", "town_leader@330421107000") as town,
    ):
        page = (await one.get(at, params={"case": case})).text
        assert "整个案件" in page
        assert 'value="bids"' in page
        entries = [f'href="{path}"' in page for path in ("/cockpit", "/appeals", at, "/desk/policies")]
        assert entries == [True, True, True, False]
        assert (await two.get("/desk")).headers["location"] == "/desk/policies"
        assert (await one.get(at, params={"case": "none"})).status_code == 404
        elsewhere = {"origin": "https://elsewhere.example"}
        assert (await one.post(at, data=wanted, headers=elsewhere)).status_code == 403
        assert (await town.post(at, data=wanted)).status_code == 403
        for over, told in (({"note": ""}, "请写说明"), ({"why": ""}, "请选择理由"), ({"what": "x"}, "请选择要撤回")):
            answer = await one.post(at, data=wanted | over)
            assert (answer.status_code, told in answer.text) == (422, True), answer.text
        assert LOSER in await world.public(case)
        assert (await one.post(at, data=wanted)).status_code == 303
        assert LOSER not in await world.public(case)
        twice = await one.post(at, data=wanted)
        assert (twice.status_code, "已经撤回" in twice.text) == (409, True)
        back = f"{at}/{(await one.get('/v1/takedowns')).json()[0]['takedown_id']}/restoration"
        assert (await one.post(back, data={"note": "已复核"})).status_code == 303
        alone = await one.post(back, data={"note": "已复核"})
        assert (alone.status_code, "须由另一人同意" in alone.text) == (409, True)
        assert (await two.post(back, data={"note": "同意"})).status_code == 303
        assert LOSER in await world.public(case)
        assert "已恢复" in (await two.get(at)).text


async def test_what_is_taken_back_while_files_are_put_in_place_is_in_none(
    world: World, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The takedown comes after the maker's last look and before its files are in place."""
    case = case_id()
    await deliver(world.db, opened(case), bids_in(case), award(case))
    headers = {"authorization": f"Bearer {token(f'county_secretary@{COUNTY}')}"}
    wanted = {"what": "bids", "why": "secret", "note": "报价涉密"}
    asked: list[asyncio.Task[httpx.Response]] = []
    save = downloads.save

    async def overtaken(conn: Connection, *files: Any) -> None:
        asked.append(asyncio.create_task(world.http.post(f"/v1/cases/{case}/takedowns", json=wanted, headers=headers)))

        async def done_or_waiting() -> bool:
            async with world.db.begin(Scope.system()) as looking:
                waits = await looking.fetchval(
                    "SELECT EXISTS (SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
                    " WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted)"
                )
            return waits or asked[0].done()

        await eventually(done_or_waiting)
        await save(conn, *files)

    monkeypatch.setattr(downloads, "save", overtaken)
    await make(world.settings)
    assert (await asked[0]).status_code == 201
    assert LOSER not in await world.public(case)
    assert (await world.http.get("/data/files/bids.csv")).status_code == 404


@pytest.mark.parametrize(
    "group",
    ["town_secretary@330421107000", f"county_leader@{COUNTY}", f"county_secretary@{OTHER_COUNTY}", "auditor@" + COUNTY],
)
async def test_others_take_nothing_back(world: World, token: Token, group: str) -> None:
    case = case_id()
    await deliver(world.db, opened(case), bids_in(case), award(case))
    headers = {"authorization": f"Bearer {token(group)}"}
    wanted = {"what": "case", "why": "error", "note": "x"}
    answer = await world.http.post(f"/v1/cases/{case}/takedowns", json=wanted, headers=headers)
    assert answer.status_code == (404 if OTHER_COUNTY in group else 403), answer.text
    assert (await world.http.post(f"/v1/cases/{case}/takedowns", json=wanted)).status_code in (401, 403)
    assert FIRM in await world.public(case)


async def test_what_can_not_be_taken_back_is_told(world: World, token: Token) -> None:
    headers = {"authorization": f"Bearer {token(f'county_secretary@{COUNTY}')}"}
    await deliver(world.db, opened(case := case_id()))
    for wanted, status, field in (
        ({"what": "secret_field", "why": "error", "note": "x"}, 422, "what"),
        ({"what": "bids", "why": "term", "note": "x"}, 422, "why"),
        ({"what": "bids", "why": "error"}, 422, "note"),
    ):
        answer = await world.http.post(f"/v1/cases/{case}/takedowns", json=wanted, headers=headers)
        assert answer.status_code == status
        assert field in answer.text
    none = await world.http.post(
        "/v1/cases/none/takedowns", json={"what": "case", "why": "law", "note": "x"}, headers=headers
    )
    assert none.status_code == 404


async def test_a_correction_is_shown_as_one(world: World) -> None:
    case = case_id()
    settled = completed(case, 4, "EN1-07", "EN1-08", form(settlement_fen=3_900_000))
    amended = exactly(
        CaseAmended,
        **{name: getattr(settled, name) for name in CaseAmended.model_fields if name in _COMMON},
        sequence=5,
        occurred_at=NOW + timedelta(hours=9),
        node="EN1-07",
        supersedes=4,
        done_at=settled.occurred_at,
        changed=("settlement_fen",),
        before=form(settlement_fen=3_900_000),
        fields=form(settlement_fen=3_800_000),
        reason="计算有误",
    )
    await deliver(world.db, opened(case), bids_in(case), award(case), settled, amended, closing(case, 6))
    page = (await world.http.get(f"/cases/{case}")).text
    assert "计算有误" in page
    told = (await world.http.get(f"/v1/cases/{case}")).json()["history"]
    first, correction = told[3], told[4]
    assert [(field["value"], field["corrected"]) for field in first["fields"]] == [(3_900_000, True)]
    assert [(field["value"], field["was"]) for field in correction["fields"]] == [(3_800_000, 3_900_000)]
    assert page.index("39,000.00") < page.index("已更正") < page.index("更正前")


_COMMON = {"case_id", "case_no", "title", "matter", "flow", "flow_version", "village_code", "town_code", "actor"}


async def test_cases_are_found_by_parts_of_words_and_signs_mean_themselves(world: World) -> None:
    case = case_id()
    await deliver(world.db, opened(case), bids_in(case), award(case))

    async def found(words: str) -> int:
        answer = await world.http.get(f"/v1/villages/{VILLAGE}/cases", params={"q": words})
        assert answer.status_code == 200, answer.text
        return len(answer.json()["items"])

    assert await eventually(lambda: found("机耕"))
    for words in ("云河建设", "云河 机耕路", "2026年", "EN1", "办理中"):
        assert await found(words) == 1, words
    for words in ("%", "_", "不存在", "云河 不存在", "' OR 1=1 --", "😀", LOSER[2:4] + "x"):
        assert await found(words) == 0, words


async def test_a_village_has_a_poster_to_print(world: World, tmp_path: Path) -> None:
    await deliver(world.db, opened(case_id()))
    answer = await world.http.get(f"/v1/villages/{VILLAGE}/poster.pdf")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    (tmp_path / "poster.pdf").write_bytes(answer.content)
    reader = PdfReader(tmp_path / "poster.pdf")
    text = reader.pages[0].extract_text()
    assert len(reader.pages) == 1
    assert regions.name(VILLAGE) in text
    assert f"/villages/{VILLAGE}" in text
    assert (await world.http.get("/v1/papers/log")).json()["key"] in text.replace("\n", "")
    missing = await world.http.get("/v1/villages/330421999999/poster.pdf")
    assert missing.status_code == 404
