"""Papers in pieces over a real database and a real socket: broken lines, deaths, doubles, and what is refused."""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.approval import documents
from services.approval.app import build
from services.approval.uploads import pieces
from services.approval.uploads.asked import VERSION, Announced, offset_of
from shared.db import Database, Scope
from shared.problems import Problem
from shared.settings import Settings
from tests.conftest import Token, eventually
from tests.disclosure.served import served

pytestmark = pytest.mark.without_broker
PAPER = b"%PDF-1.7\n" + bytes(range(256)) * 9_000
SHA256 = hashlib.sha256(PAPER).hexdigest()
TUS = {"tus-resumable": VERSION}
PIECE = TUS | {"content-type": "application/offset+octet-stream"}


@pytest.fixture
async def url(settings: Settings) -> AsyncIterator[str]:
    async with served(build(settings)) as address:
        yield address


@pytest.fixture
async def clerk(url: str, token: Token) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {token('handler@330421103201')}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
        yield client


async def begun(client: httpx.AsyncClient, content: bytes = PAPER, name: str = "合同.pdf", kind: str = "") -> str:
    """The address of a new upload."""
    told = f"filename {base64.b64encode(name.encode()).decode()}"
    told += f",filetype {base64.b64encode(kind.encode()).decode()}" if kind else ""
    answer = await client.post(
        "/v1/uploads", headers=TUS | {"upload-length": str(len(content)), "upload-metadata": told}
    )
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def sent(client: httpx.AsyncClient, place: str, offset: int, body: bytes) -> httpx.Response:
    return await client.patch(place, headers=PIECE | {"upload-offset": str(offset)}, content=body)


async def test_a_broken_line_goes_on_where_it_ended(url: str, clerk: httpx.AsyncClient, settings: Settings) -> None:
    place = await begun(clerk)
    assert (await sent(clerk, place, 0, PAPER[:1000])).headers["upload-offset"] == "1000"
    await break_off(url, clerk, place, 1000, PAPER[1000:900_000])

    async def arrived() -> int:
        offset = int((await clerk.head(place, headers=TUS)).headers["upload-offset"])
        return offset if offset > 1000 else 0

    offset = await eventually(arrived)
    assert offset <= 900_000
    done = await sent(clerk, place, offset, PAPER[offset:])
    assert (done.status_code, done.headers["upload-offset"]) == (204, str(len(PAPER)))
    told = (await clerk.get(place)).json()
    assert (told["sha256"], told["name"], told["offset"]) == (SHA256, "合同.pdf", len(PAPER))
    content = await documents.shelf(settings).open(SHA256)
    assert b"".join([piece async for piece in content]) == PAPER


async def break_off(url: str, client: httpx.AsyncClient, place: str, offset: int, body: bytes) -> None:
    """Send a part of what was promised, then cut the line."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    headers = PIECE | {"upload-offset": str(offset), "content-length": str(len(PAPER) - offset), "host": host}
    headers |= {"authorization": client.headers["authorization"]}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"PATCH {place} HTTP/1.1\r\n{head}\r\n".encode() + body)
    await writer.drain()
    writer.transport.abort()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)


async def test_of_two_who_send_the_same_piece_one_counts(clerk: httpx.AsyncClient) -> None:
    place = await begun(clerk)
    answers = await asyncio.gather(*(sent(clerk, place, 0, PAPER[:5000]) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [204, 409, 409, 409]
    late = await sent(clerk, place, 4000, b"x")
    assert (late.status_code, late.json()["type"].rsplit("/", 1)[-1]) == (409, "upload-offset")
    assert "5000" in late.json()["detail_en"]
    assert (await clerk.head(place, headers=TUS)).headers["upload-offset"] == "5000"


async def test_a_whole_file_whose_taker_died_is_taken_at_the_next_look(
    clerk: httpx.AsyncClient, settings: Settings
) -> None:
    place = await begun(clerk)
    db = Database(settings, "approval")
    await db.open()
    async with db.begin(Scope.system()) as conn:
        upload = await pieces.find(conn, place.rsplit("/", 1)[-1])  # type: ignore[arg-type]  # asyncpg takes text
        await pieces.append(conn, upload, 0, PAPER)
    await db.close()
    assert (await clerk.head(place, headers=TUS)).headers["upload-offset"] == str(len(PAPER))
    assert (await clerk.get(place)).json()["sha256"] == SHA256
    assert (await clerk.get(place)).json()["sha256"] == SHA256, "and once is enough"


async def test_what_no_document_may_be_is_refused_at_its_end_and_forgotten(clerk: httpx.AsyncClient) -> None:
    for content, kind, code in (
        (b"MZ" + b"x" * 50, "", "document-type-refused"),
        (PAPER, "image/png", "document-type-refused"),
    ):
        place = await begun(clerk, content, kind=kind)
        answer = await sent(clerk, place, 0, content)
        assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (415, code)
        assert (await clerk.head(place, headers=TUS)).status_code == 404
    place = await begun(clerk, b"%PDF-1.7")
    assert (await sent(clerk, place, 0, b"%PDF-1.7 and more")).status_code == 413


async def test_another_s_upload_is_as_if_it_were_not(url: str, clerk: httpx.AsyncClient, token: Token) -> None:
    place = await begun(clerk)
    headers = {"authorization": f"Bearer {token('handler@330421103201', subject='wang')}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as other:
        assert (await other.head(place, headers=TUS)).status_code == 404
        assert (await sent(other, place, 0, b"x")).status_code == 404
        assert (await other.delete(place, headers=TUS)).status_code == 404
    assert (await clerk.delete(place, headers=TUS)).status_code == 204
    assert (await clerk.head(place, headers=TUS)).status_code == 404


async def test_odd_requests_name_the_header_and_change_nothing(clerk: httpx.AsyncClient) -> None:
    for length, code in (("", 422), ("-1", 422), ("١٢", 422), ("0", 422), (str(10**10), 413), ("9" * 40, 422)):
        raw = [(b"tus-resumable", VERSION.encode()), (b"upload-length", length.encode())]
        assert (await clerk.post("/v1/uploads", headers=raw)).status_code == code, length
    bad = await clerk.post("/v1/uploads", headers=TUS | {"upload-length": "5", "upload-metadata": "filename %%%"})
    assert bad.json()["errors"][0]["field"] == "header.upload-metadata"
    assert (await clerk.post("/v1/uploads", headers={"upload-length": "5"})).status_code == 412
    place = await begun(clerk)
    assert (await clerk.patch(place, headers=TUS | {"upload-offset": "0"}, content=b"x")).status_code == 415
    assert (await clerk.patch(place, headers=PIECE, content=b"x")).status_code == 422
    assert (await clerk.options("/v1/uploads")).headers["tus-extension"] == "creation,expiration,termination"


async def test_so_many_may_be_unfinished_and_old_ones_go(clerk: httpx.AsyncClient, settings: Settings) -> None:
    places = [await begun(clerk) for _ in range(50)]
    refused = await clerk.post("/v1/uploads", headers=TUS | {"upload-length": "5"})
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[-1]) == (409, "too-many-uploads")
    db = Database(settings, "approval")
    await db.open()
    async with db.begin(Scope.system()) as conn:
        await conn.execute("UPDATE uploads SET expires_at = now() - interval '1 minute'")
    assert (await clerk.head(places[0], headers=TUS)).status_code == 404
    async with db.begin(Scope.system()) as conn:
        await pieces.forget_old(conn)
        assert await conn.fetchval("SELECT count(*) FROM uploads") == 0
    await db.close()
    await begun(clerk)


HEADERS = st.dictionaries(
    st.sampled_from(["tus-resumable", "upload-length", "upload-metadata", "upload-offset", "content-type"]),
    st.one_of(st.text(max_size=40), st.just(VERSION), st.just(PIECE["content-type"]), st.integers(0, 10**9).map(str)),
)


@given(HEADERS)
def test_whatever_headers_say_they_are_read_or_refused(headers: dict[str, str]) -> None:
    for read in (Announced.of, offset_of):
        with contextlib.suppress(Problem):
            read(headers)
