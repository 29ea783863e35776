"""Received files in a folder and in a bucket: the same answers, over a server that speaks S3."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer

from shared.problems import Unavailable
from shared.settings import Settings
from shared.shelves import Bucket, Folder, NotOnTheShelf, Shelf, nearby, shelf_of

_SIGNED = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request"
CONTENT = bytes(range(256)) * 20_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def settings_in(folder: Path, **more: object) -> Settings:
    told = {"database_url": "postgresql://x", "kafka_bootstrap_servers": "x", "identity_secret": "i" * 16}
    return Settings.model_validate(told | {"session_secret": "s" * 16, "oidc_issuer": "x", "data_dir": folder} | more)


def in_bucket(folder: Path, endpoint: str, bucket: str = "papers") -> Settings:
    keys = {"s3_access_key_id": "county", "s3_secret_access_key": "secret-of-the-test"}
    return settings_in(folder, papers_url=f"s3://{bucket}/yunjing", s3_endpoint=endpoint, **keys)


@pytest.fixture(params=["folder", "bucket"])
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    if request.param == "folder":
        return shelf_of(settings_in(tmp_path), "documents")
    endpoint: str = request.getfixturevalue("endpoint")
    await made(endpoint)
    return shelf_of(in_bucket(tmp_path, endpoint), "documents")


async def made(endpoint: str) -> None:
    """Make the bucket, as an operator does."""
    async with httpx.AsyncClient(trust_env=False) as http:
        (await http.put(f"{endpoint}/papers", headers={"authorization": _SIGNED})).raise_for_status()


async def put(shelf: Shelf, content: bytes = CONTENT) -> None:
    shelf.incoming.mkdir(parents=True, exist_ok=True)
    partial = shelf.incoming / "partial"
    partial.write_bytes(content)
    await shelf.put(partial, hashlib.sha256(content).hexdigest())


async def read(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def test_what_is_put_there_comes_back_also_as_a_file(shelf: Shelf) -> None:
    await put(shelf)
    await put(shelf)
    assert await read(await shelf.open(SHA256)) == CONTENT
    async with nearby(shelf, SHA256) as file:
        assert file.read_bytes() == CONTENT
    assert isinstance(shelf, Folder) or not file.exists(), "a copy goes"


async def test_what_is_not_there_is_told(shelf: Shelf) -> None:
    with pytest.raises(NotOnTheShelf):
        await shelf.open("0" * 64)
    with pytest.raises(NotOnTheShelf):
        async with nearby(shelf, "0" * 64):
            pass


async def test_a_store_that_is_away_or_has_no_such_bucket_is_unavailable(tmp_path: Path, endpoint: str) -> None:
    for settings in (in_bucket(tmp_path, "http://127.0.0.1:9"), in_bucket(tmp_path, endpoint, "no-such-bucket")):
        shelf = shelf_of(settings, "documents")
        assert isinstance(shelf, Bucket)
        with pytest.raises(Unavailable):
            await put(shelf)


def test_an_address_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="papers_url"):
        settings_in(tmp_path, papers_url="http://bucket")
