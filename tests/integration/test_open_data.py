"""Open data over a real database: lists, files, feeds, OCDS, and nothing in any public byte that must not be there."""

import asyncio
import csv
import gzip
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import openpyxl
import pytest
from playwright.async_api import Browser

from services.disclosure import app as disclosure
from services.disclosure.opendata.maker import Maker
from services.disclosure.opendata.making import make
from services.disclosure.projections import downloads
from services.disclosure.projections.downloads import PART_BYTES
from shared.buckets import Buckets
from shared.db import Database, Scope
from shared.settings import Settings
from tests.conftest import eventually
from tests.disclosure.samples import (
    FIRM,
    LOSER,
    OTHER_VILLAGE,
    VILLAGE,
    award,
    bids_in,
    case_id,
    completed,
    form,
    notice,
    opened,
    returned,
)
from tests.disclosure.served import served
from tests.integration.test_disclosure import Open, deliver

pytestmark = pytest.mark.without_broker
ORIGIN = {"origin": "https://newspaper.example"}
FILES = ("cases", "bids", "awards", "contracts", "payments")
NO_LIMIT = 10**6
COUNTY = "330421000000"


class Site:
    """The service over its database, as anybody reaches it."""

    def __init__(self, settings: Settings, db: Database, http: httpx.AsyncClient) -> None:
        self.settings, self.db, self.http = settings, db, http

    async def json(self, path: str, **params: Any) -> Any:
        """What a path answers."""
        answer = await self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def file(self, name: str) -> bytes:
        """A download."""
        answer = await self.http.get(f"/data/files/{name}")
        assert answer.status_code == 200, answer.text
        return answer.content

    async def rows(self, table: str) -> list[dict[str, str]]:
        """A table as its CSV has it."""
        return list(csv.DictReader(io.StringIO((await self.file(f"{table}.csv")).decode("utf-8-sig"), newline="")))


@asynccontextmanager
async def site_of(settings: Settings, db: Database, *, rate: int = NO_LIMIT) -> AsyncIterator[Site]:
    app = disclosure.build(settings)
    app.state.buckets = Buckets(rate, 60)
    async with served(app) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        yield Site(settings, db, http)


@pytest.fixture
async def site(settings: Settings, database: Open) -> AsyncIterator[Site]:
    """A county in which nothing has happened yet."""
    async with site_of(settings, await database("disclosure")) as found:
        yield found


async def three_cases(db: Database) -> tuple[str, str, str]:
    """Works awarded, a purchase elsewhere just begun, and relief on notice."""
    works, purchase, relief = case_id(), case_id(), case_id()
    there: dict[str, Any] = {"village_code": OTHER_VILLAGE, "town_code": f"{OTHER_VILLAGE[:9]}000"}
    await deliver(db, opened(works), bids_in(works), award(works))
    later = datetime(2026, 4, 1, tzinfo=UTC)
    await deliver(db, opened(purchase, title="办公桌", matter="PR", flow="PR2", occurred_at=later, **there))
    ends = datetime.now(UTC) + timedelta(days=3)
    about: dict[str, Any] = {"matter": "RE", "flow": "RE2", "title": "孙慕雪家", "occurred_at": datetime.now(UTC)}
    await deliver(
        db, opened(relief, form(beneficiary_name="孙慕雪"), **about), notice(relief, 2, ends_at=ends, **about)
    )
    return works, purchase, relief


async def test_cases_of_the_county_are_filtered_and_their_fields_chosen(site: Site) -> None:
    works, purchase, relief = await three_cases(site.db)

    async def found(**params: Any) -> list[str]:
        return [item["case_id"] for item in (await site.json("/v1/cases", **params))["items"]]

    assert await found() == [works, purchase, relief], "the least recently changed first"
    assert await found(matter="EN") == [works]
    assert await found(flow="PR2") == [purchase]
    assert await found(state="running", on_notice=True) == [relief]
    assert await found(village=OTHER_VILLAGE) == [purchase]
    assert await found(town=f"{VILLAGE[:9]}000", matter="EN") == [works]
    assert await found(**{"from": "2026-04-01", "to": "2026-04-01"}) == [purchase]
    assert await found(**{"to": "2026-03-31"}) == [works]
    changed = (await site.json("/v1/cases", village=OTHER_VILLAGE))["items"][0]["changed_at"]
    assert await found(updated_since=changed) == [purchase, relief]
    [only] = (await site.json("/v1/cases", matter="EN", fields="state, case_no"))["items"]
    assert list(only) == ["case_no", "state"]


async def test_who_pages_on_sees_every_case_also_while_they_change(site: Site) -> None:
    ids = [case_id() for _ in range(9)]
    for case in ids:
        await deliver(site.db, opened(case))
    seen: list[str] = []
    path: str | None = "/v1/cases?limit=4"
    while path:
        answer = await site.http.get(path)
        seen += [item["case_id"] for item in answer.json()["items"]]
        if len(seen) == 4:
            await deliver(site.db, bids_in(ids[0]), bids_in(ids[7]))
        following = re.fullmatch(r'<.*?(/v1/cases\?.*)>; rel="next"', answer.headers.get("link", ""))
        path = following[1] if following else None
        assert bool(path) == bool(answer.json()["next"])
    assert set(seen) == set(ids)
    assert (seen.count(ids[0]), seen.count(ids[1])) == (2, 1), "what changed comes once more"


async def test_bad_filters_are_told_by_field_in_both_languages(site: Site) -> None:
    query = "village=330421107999&town=330421105000&from=2026-03-02&to=2026-03-01&flow=XX1&fields=case_no,phone"
    answer = await site.http.get(f"/v1/cases?{query}&updated_since=2026-03-01T00:00:00", headers=ORIGIN)
    document = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.headers["access-control-allow-origin"] == "*", "a page elsewhere can read what is wrong"
    named = {error["field"] for error in document["errors"]}
    assert named == {f"query.{name}" for name in ("village", "town", "to", "updated_since", "flow", "fields")}
    assert all(error["detail"] and error["detail_en"] for error in document["errors"])
    for wrong, field in (("matter=XX", "matter"), ("limit=0", "limit"), ("nonsense=1", "nonsense"), ("to=soon", "to")):
        document = (await site.http.get(f"/v1/cases?{wrong}")).json()
        assert [error["field"] for error in document["errors"]] == [f"query.{field}"]
    assert (await site.http.get("/v1/cases?after=x")).json()["type"] == "/problems/bad-cursor"
    assert (await site.http.get("/v1/ocds/records?matter=PR")).status_code == 422


async def test_answers_are_cached_zipped_and_open_to_any_origin(site: Site) -> None:
    await three_cases(site.db)
    await make(site.settings)
    feed = f"/v1/villages/{VILLAGE}/feed.atom"
    for path in ("/v1/cases", feed, "/v1/ocds/records", "/v1/ocds/releases", "/data/files/cases.csv"):
        first = await site.http.get(path, headers=ORIGIN)
        assert (first.status_code, first.headers["content-encoding"]) == (200, "gzip"), path
        assert "public" in first.headers["cache-control"]
        assert "Accept-Encoding" in first.headers["vary"]
        assert first.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in first.headers
        again = await site.http.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), path
        plain = await site.http.get(path, headers={"accept-encoding": "identity"})
        assert plain.content == first.content
        assert plain.headers["etag"] != first.headers["etag"]
    for path in ("/data", "/data/catalog.jsonld"):
        first = await site.http.get(path)
        assert (await site.http.get(path, headers={"if-none-match": first.headers["etag"]})).status_code == 304


async def test_other_sites_may_read_and_nothing_else(site: Site) -> None:
    asked = ORIGIN | {"access-control-request-method": "GET"}
    assert (await site.http.options("/v1/cases", headers=asked)).headers["access-control-allow-origin"] == "*"
    for method in ("POST", "PUT", "DELETE"):
        preflight = await site.http.options("/v1/cases", headers=asked | {"access-control-request-method": method})
        assert preflight.status_code == 400
        assert (await site.http.request(method, "/v1/cases")).status_code in (403, 405)
    page = await site.http.get(f"/villages/{VILLAGE}", headers=ORIGIN)
    assert "access-control-expose-headers" not in page.headers


async def test_an_address_has_its_rate_and_is_told(settings: Settings, database: Open) -> None:
    async with site_of(settings, await database("disclosure"), rate=3) as site:
        left = [(await site.http.get("/v1/cases")).headers["ratelimit"] for _ in range(3)]
        assert [re.search(r"r=(\d+)", each)[1] for each in left if re.search(r"r=(\d+)", each)] == ["2", "1", "0"]  # type: ignore[index]
        refused = await site.http.get("/v1/cases", headers=ORIGIN)
        assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-requests")
        assert 0 < int(refused.headers["retry-after"]) <= 20
        assert refused.headers["ratelimit-policy"] == '"address";q=3;w=60'
        assert refused.headers["access-control-allow-origin"] == "*"
        assert refused.json()["title_en"]
        assert (await site.http.get(f"/v1/villages/{VILLAGE}")).status_code == 200, "villagers are not counted"
        assert (await site.http.get("/data")).status_code == 200


async def test_files_are_made_once_and_served_whole_or_in_ranges(site: Site) -> None:
    assert (await site.http.get("/data/files/cases.csv")).json()["type"] == "/problems/no-such-file"
    await three_cases(site.db)
    assert await make(site.settings)
    whole = await site.http.get("/data/files/cases.csv", headers={"accept-encoding": "identity"})
    assert (whole.status_code, whole.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert whole.content.startswith(b"\xef\xbb\xbfcase_id,")
    modified = whole.headers["last-modified"]
    plain = {"accept-encoding": "identity"}
    since = await site.http.get("/data/files/cases.csv", headers=plain | {"if-modified-since": modified})
    assert since.status_code == 304
    part = await site.http.get("/data/files/cases.csv", headers=plain | {"range": "bytes=3-9"})
    assert (part.status_code, part.content) == (206, b"case_id")
    assert part.headers["content-range"] == f"bytes 3-9/{len(whole.content)}"
    end = await site.http.get("/data/files/cases.csv", headers=plain | {"range": "bytes=-5"})
    assert end.content == whole.content[-5:]
    other = await site.http.get("/data/files/cases.csv", headers=plain | {"range": "bytes=3-9", "if-range": '"other"'})
    assert (other.status_code, other.content) == (200, whole.content), "a part of another file is of no use"
    beyond = await site.http.get("/data/files/cases.csv", headers=plain | {"range": "bytes=99999999-"})
    assert (beyond.status_code, beyond.json()["type"]) == (416, "/problems/no-such-range")
    head = await site.http.head("/data/files/cases.csv", headers=plain)
    assert (head.headers["content-length"], head.content) == (str(len(whole.content)), b"")


async def test_a_file_of_many_parts_comes_as_it_was_made(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "big"
    file.write_bytes(os.urandom(2 * PART_BYTES + 100))
    made = downloads.Made("big.csv", "", "text/csv", "source", 1, file)
    async with site.db.begin(Scope.system()) as conn:
        await downloads.save(conn, [made], "state", datetime.now(UTC) + timedelta(days=1))
    assert await site.file("big.csv") == file.read_bytes()
    across = {"range": f"bytes={PART_BYTES - 5}-{2 * PART_BYTES + 4}"}
    part = await site.http.get("/data/files/big.csv", headers=across)
    assert part.content == file.read_bytes()[PART_BYTES - 5 : 2 * PART_BYTES + 5]


async def test_what_says_the_same_stays_the_same_file(site: Site) -> None:
    works, *_ = await three_cases(site.db)
    await make(site.settings)
    before = {name: (await site.http.head(f"/data/files/{name}.xlsx")).headers["etag"] for name in FILES}
    await deliver(site.db, completed(works, 4, "EN1-05", "EN1-06", form(notice_from=datetime(2026, 3, 3).date())))
    await make(site.settings)
    after = {name: (await site.http.head(f"/data/files/{name}.xlsx")).headers["etag"] for name in FILES}
    assert {name for name in FILES if before[name] != after[name]} == {"cases"}


async def test_files_are_due_when_something_changed_and_not_too_often(site: Site) -> None:
    maker, now = Maker(site.db, site.settings), datetime.now(UTC)
    assert await maker.due(now), "there are none yet"
    await make(site.settings)
    later = now + timedelta(hours=1)
    assert not await maker.due(later)
    await three_cases(site.db)
    assert not await maker.due(datetime.now(UTC)), "they are too young"
    assert await maker.due(later)
    await make(site.settings)
    assert not await maker.due(later)
    assert await maker.due(now + timedelta(days=2)), "once a day in any case"


async def test_the_service_makes_them_by_itself(site: Site) -> None:
    await three_cases(site.db)
    maker = asyncio.create_task(Maker(site.db, site.settings, look_seconds=0.05).run())

    async def there() -> bool:
        return (await site.http.head("/data/files/cases.csv")).status_code == 200

    await eventually(there, within=40)
    maker.cancel()
    assert len(await site.rows("cases")) == 2


async def test_of_two_that_make_at_once_one_leaves(site: Site) -> None:
    await three_cases(site.db)
    async with site.db.begin(Scope.system()) as conn:
        await conn.execute("SELECT pg_advisory_xact_lock(hashtext('downloads'), hashtext('disclosure'))")
        assert not await make(site.settings)
    assert await make(site.settings)


# As `making.main`, without giving way to whatever else runs on the machine.
_MAKE = """
import asyncio
from services.disclosure.opendata.making import make
from shared.settings import Settings
asyncio.run(make(Settings()))
"""


async def test_a_maker_that_is_killed_leaves_the_old_files(site: Site) -> None:
    await three_cases(site.db)
    await make(site.settings)
    before = await site.file("cases.csv")
    await deliver(site.db, opened(case_id(), title="之后的"))
    owner, looker = [await asyncpg.connect(site.settings.database_url) for _ in range(2)]
    values = site.settings.model_dump(mode="json", exclude_none=True)
    environment = os.environ | {name.upper(): str(value) for name, value in values.items()}
    try:
        # It can read all and make all, and waits at the moment of putting the files in place.
        async with owner.transaction():
            await owner.execute("SELECT * FROM disclosure.downloads FOR UPDATE")
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", _MAKE, env=environment)

            async def waits() -> bool:
                assert process.returncode is None
                return bool(
                    await looker.fetchval(
                        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                        " AND wait_event_type = 'Lock' AND query LIKE 'SELECT * FROM downloads%'"
                    )
                )

            await eventually(waits, within=40)
            process.kill()
            await process.wait()
        assert await site.file("cases.csv") == before

        async def again() -> bool:
            return await make(site.settings)

        await eventually(again)
        assert "之后的" in (await site.file("cases.csv")).decode()
    finally:
        await owner.close()
        await looker.close()


async def test_a_rebuild_leaves_the_files_and_their_guards(site: Site) -> None:
    await three_cases(site.db)
    await make(site.settings)
    before = await site.file("cases.csv")
    await rebuild_without_events(site)
    assert await site.file("cases.csv") == before
    async with site.db.begin(Scope.public()) as conn:
        assert await conn.fetchval("SELECT count(*) FROM downloads") > 5
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute("INSERT INTO download_parts SELECT blob, 99, '' FROM downloads LIMIT 1")
    conn = await site.db.dedicated()
    try:
        assert await conn.fetchval("SELECT count(*) FROM downloads") == 0, "nothing without a scope"
    finally:
        await conn.close()


async def rebuild_without_events(site: Site) -> None:
    """The switch of tables alone: `test_disclosure` rebuilds from a log."""
    from services.disclosure import rebuild as module

    owner = await asyncpg.connect(site.settings.database_url)
    new = Database(site.settings, "disclosure")
    new.schema = module.NEW
    try:
        await module._empty_schema(owner)
        await new.open()
        await module._migrate(new)
        async with site.db.begin(Scope.system()) as conn:
            await module._switch(conn, "nobody")
        for schema in (module.OLD, module.NEW):
            await owner.execute(f"DROP SCHEMA {schema} CASCADE")
    finally:
        await new.close()
        await owner.close()


async def test_workbooks_open_and_say_what_the_csv_says(site: Site, tmp_path: Path) -> None:
    works = case_id()
    hostile = '=HYPERLINK("http://evil.example","x")'
    title: dict[str, Any] = {"title": hostile}
    await deliver(site.db, opened(works, **title), bids_in(works, **title), award(works, **title))
    await make(site.settings)
    assert {row["title"] for row in await site.rows("bids")} == {f"'{hostile}"}
    for table in FILES:
        file = tmp_path / f"{table}.xlsx"
        file.write_bytes(await site.file(file.name))
        sheet = openpyxl.load_workbook(file).worksheets[0]
        lines = list(sheet.iter_rows(values_only=False))
        rows = await site.rows(table)
        assert [str(cell.value).split()[-1] for cell in lines[0]] == list(rows[0] if rows else _header(table))
        assert len(lines) - 1 == len(rows)
        assert not [cell for line in lines for cell in line if cell.data_type == "f"]
    prices = [row["price"] for row in await site.rows("bids")]
    assert prices == ["38000.00", "39100.00"]
    if shutil.which("soffice"):
        _opens_in_libreoffice(tmp_path, hostile)


def _header(table: str) -> list[str]:
    from services.disclosure.opendata.tables import tables

    return [column.name for column in tables().by_name[table].columns]


def _opens_in_libreoffice(folder: Path, title: str) -> None:
    profile = f"-env:UserInstallation=file://{folder}/profile"
    shape = "csv:Text - txt - csv (StarCalc):44,34,76"
    command = [
        "soffice",
        profile,
        "--headless",
        "--convert-to",
        shape,
        "--outdir",
        f"{folder}/out",
        f"{folder}/bids.xlsx",
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    lines = list(csv.DictReader((folder / "out" / "bids.csv").open(encoding="utf-8")))
    assert [line["报价(元) price"] for line in lines] == ["38000.00", "39100.00"]
    assert {line["名称 title"] for line in lines} == {f"'{title}"}


async def test_a_contract_its_changes_and_payments_are_told_by_ocds_and_tables_alike(site: Site) -> None:
    works, change = case_id(), case_id()
    number = "2026-7"
    signed = form(contract_no="HT-1", contract_fen=3_800_001, supplier_name=FIRM)
    await deliver(
        site.db,
        opened(works, case_no=number),
        bids_in(works, case_no=number),
        award(works, case_no=number),
        completed(works, 4, "EN1-06", "EN1-07", signed, case_no=number),
    )
    record = f"/v1/ocds/processes/ocds-000000-{works}/record"
    before = (await site.json(record))["records"][0]["compiledRelease"]
    assert before["contracts"][0]["value"] == {"amount": 38000.01, "currency": "CNY"}
    [listed] = (await site.json("/v1/cases", flow="EN1"))["items"]
    at: dict[str, Any] = {"flow": "EN5", "occurred_at": datetime(2026, 3, 20, tzinfo=UTC)}
    await deliver(
        site.db,
        opened(change, form(related_case_no=number, reason="地基加深"), flow="EN5"),
        completed(change, 2, "EN5-06", None, form(change_fen=99, approved=True), **at),
    )
    after = (await site.json(record))["records"][0]["compiledRelease"]
    [contract] = after["contracts"]
    assert contract["value"]["amount"] == 38001.0
    assert [(each["id"], each["rationale"]) for each in contract["amendments"]] == [(change, "地基加深")]
    releases = (await site.json(f"/v1/ocds/processes/ocds-000000-{works}/releases"))["releases"]
    assert releases[-1]["tag"] == ["contractAmendment"]
    [moved] = (await site.json("/v1/cases", flow="EN1"))["items"]
    assert moved["changed_at"] > listed["changed_at"], "whoever fetches what is new fetches the contract again"
    for path in ("none", f"ocds-000000-{change}", f"ocds-213czf-{works}", "ocds-000000-%00"):
        assert (await site.http.get(f"/v1/ocds/processes/{path}/record")).json()["type"] == "/problems/no-such-process"
    await make(site.settings)
    [row] = await site.rows("contracts")
    assert (row["amount"], row["changes"]) == ("38000.01", "0.99")


async def test_the_catalogue_names_every_file_and_the_page_links_to_it(site: Site) -> None:
    await three_cases(site.db)
    await make(site.settings)
    catalogue = await site.json("/data/catalog.jsonld")
    named = [
        each["dcat:downloadURL"]["@id"].removeprefix(site.settings.disclosure_url)
        for dataset in catalogue["dcat:dataset"]
        for each in dataset["dcat:distribution"]
        if "dcat:downloadURL" in each
    ]
    assert {f"/data/files/{name}.{end}" for name in FILES for end in ("csv", "xlsx")} <= set(named)
    assert "/data/files/ocds-records-2026.json.gz" in named
    page = (await site.http.get("/data")).text
    for path in named:
        answer = await site.http.get(path, headers={"accept-encoding": "identity"})
        size = next(_sizes(catalogue, path))
        assert (answer.status_code, len(answer.content)) == (200, size), path
        assert f'href="{path}"' in page
    assert catalogue["dct:license"]["@id"] in page
    assert "<script" not in page
    loaded = re.findall(r'(?:src|<link[^>]*href)="([^"]+)"', page)
    assert not [each for each in loaded if not each.startswith(("/", "data:"))]


def _sizes(catalogue: Any, path: str) -> Iterator[int]:
    for dataset in catalogue["dcat:dataset"]:
        for each in dataset["dcat:distribution"]:
            if each["@id"].endswith(path):
                yield int(each["dcat:byteSize"]["@value"])


async def test_relief_is_in_no_file_and_no_feed(site: Site) -> None:
    _, _, relief = await three_cases(site.db)
    await make(site.settings)
    assert relief in (await site.http.get("/v1/cases")).text
    feed = (await site.http.get(f"/v1/villages/{VILLAGE}/feed.atom")).text
    assert relief not in feed
    for name in FILES:
        assert relief not in (await site.file(f"{name}.csv")).decode()


async def test_bids_are_in_no_open_data_before_the_award(site: Site) -> None:
    case = case_id()
    await deliver(site.db, opened(case), bids_in(case))
    await make(site.settings)
    assert not [place for place, body in await everything_public(site) if LOSER.encode() in _plain(body)]
    await deliver(site.db, award(case))
    await make(site.settings)
    told = {place for place, body in await everything_public(site) if LOSER.encode() in _plain(body)}
    assert {"/data/files/bids.csv", "/v1/ocds/records?limit=50", "/data/files/ocds-releases-2026.json.gz"} <= told


def _plain(body: bytes) -> bytes:
    return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body


VILLAGES = (VILLAGE, OTHER_VILLAGE)
# The pages of all other villages, in which nothing has happened, and codes for the camera but one of each kind.
_ELSEWHERE = re.compile(rf"/villages/(?!{'|'.join(VILLAGES)})|/qr\.")


async def everything_public(site: Site) -> list[tuple[str, bytes]]:
    """Every public byte: what can be reached from the first page, the lists and the catalogue, following every link."""
    waiting = ["/", "/data", "/data/catalog.jsonld", "/v1/villages", "/openapi.json", "/v1/cases?limit=200"]
    waiting += ["/v1/ocds/records?limit=50", "/v1/ocds/releases?limit=50"]
    waiting += [f"/v1/villages/{village}/qr.png" for village in VILLAGES]
    seen, found = set(waiting), list[tuple[str, bytes]]()

    async def visit(path: str) -> list[str]:
        answer = await site.http.get(path, headers={"accept": "text/html, */*"})
        assert answer.status_code in (200, 404, 422), path
        found.append((path, answer.content))
        body = "" if answer.content[:2] in (b"PK", b"\x1f\x8b", b"\x89P") else answer.text
        links = re.findall(
            r'(?:href|src|"(?:data|page|cases|qr_svg|qr_png|more|next|url|@id)"\s*:)\s*=?"([^"]+)"', body
        )
        if following := re.match(r"<([^>]+)>", answer.headers.get("link", "")):
            links.append(following[1])
        links = [link.replace("&amp;", "&").removeprefix(site.settings.disclosure_url).split("#")[0] for link in links]
        return [
            link
            for link in links
            if re.match(r"/(?!/|static|docs|signin|desk|large-type/)", link) and not _ELSEWHERE.search(link)
        ]

    while waiting:
        some, waiting = waiting[:16], waiting[16:]
        for links in await asyncio.gather(*(visit(path) for path in some)):
            for link in links:
                if link not in seen:
                    seen.add(link)
                    waiting.append(link)
    return found


async def test_packages_of_a_year_are_whole_json(site: Site) -> None:
    await three_cases(site.db)
    await make(site.settings)
    for kind in ("records", "releases"):
        package = json.loads(gzip.decompress(await site.file(f"ocds-{kind}-2026.json.gz")))
        assert package["version"] == "1.1"
        listed = (await site.json(f"/v1/ocds/{kind}"))[kind]
        assert sorted(package[kind], key=json.dumps) == sorted(listed, key=json.dumps)
        assert package["publishedDate"] == max(_dates(package[kind]))


def _dates(items: list[Any]) -> Iterator[str]:
    for item in items:
        yield (item.get("compiledRelease") or item)["date"]


async def test_a_correction_comes_by_the_feed(site: Site) -> None:
    case = case_id()
    await deliver(site.db, opened(case), bids_in(case), award(case))
    feed = f"/v1/villages/{VILLAGE}/feed.atom"
    before = await site.http.get(feed)
    assert before.headers["content-type"].startswith("application/atom+xml")
    await deliver(site.db, returned(case, 4))
    after = await site.http.get(feed, headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert "更正 Correction" in after.text
    assert (await site.http.get("/v1/villages/330421107999/feed.atom")).status_code == 404


@pytest.mark.browser
async def test_the_page_of_open_data_fits_a_phone_without_scripts(site: Site, browser: Browser) -> None:
    await three_cases(site.db)
    await make(site.settings)
    context = await browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, java_script_enabled=False
    )
    page = await context.new_page()
    await page.goto(f"{site.http.base_url}/data")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.locator("#contracts summary").click()
    assert await page.get_by_text("签订日期").is_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    async with page.expect_download() as download:
        await page.locator("#cases .files a").first.click()
    assert (await download.value).suggested_filename == "cases.csv"
    await context.close()
