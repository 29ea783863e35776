"""Where received files lie, each under its own SHA-256: a folder, or a bucket of an S3-compatible store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from shared.problems import Unavailable
from shared.settings import Settings

_CHUNK_BYTES = 256 * 1024
_CONNECT_SECONDS, _ANSWER_SECONDS = "5s", "30s"


class NotOnTheShelf(Exception):
    """There is no file of this digest."""


class Shelf(Protocol):
    """Files by their SHA-256. What lies there never changes."""

    @property
    def incoming(self) -> Path:
        """A folder of this machine for a file that is on its way in."""
        ...

    async def put(self, partial: Path, sha256: str) -> None:
        """Put a file from `incoming` in its place; raises `Unavailable`."""
        ...

    async def open(self, sha256: str) -> AsyncIterator[bytes]:
        """The content, piece by piece; raises `NotOnTheShelf`, `Unavailable`."""
        ...


class Folder:
    """A folder of this machine, or one that several machines share."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.incoming = path / ".incoming"

    def place(self, sha256: str) -> Path:
        """Where the content of this digest lies."""
        return self.path / sha256[:2] / sha256[2:4] / sha256

    async def put(self, partial: Path, sha256: str) -> None:
        """Move the file to its place, unless the same content is there."""
        await asyncio.to_thread(self._settle, partial, self.place(sha256))

    async def open(self, sha256: str) -> AsyncIterator[bytes]:
        """The content; raises `NotOnTheShelf`."""
        try:
            file = await asyncio.to_thread(self.place(sha256).open, "rb")
        except FileNotFoundError as error:
            raise NotOnTheShelf(sha256) from error

        async def content() -> AsyncIterator[bytes]:
            with file:
                while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                    yield chunk

        return content()

    @staticmethod
    def _settle(partial: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            partial.replace(target)


class Bucket:
    """A bucket of a store that speaks S3."""

    def __init__(self, store: S3Store, prefix: str, incoming: Path) -> None:
        self._store = store
        self._prefix = prefix
        self.incoming = incoming

    async def put(self, partial: Path, sha256: str) -> None:
        """Send the file there; the same content twice is the same object."""
        try:
            await obstore.put_async(self._store, self._key(sha256), partial)
        except (BaseError, FileNotFoundError) as error:  # the latter: there is no such bucket
            raise _away() from error

    async def open(self, sha256: str) -> AsyncIterator[bytes]:
        """The content; raises `NotOnTheShelf`, `Unavailable`."""
        try:
            found = await obstore.get_async(self._store, self._key(sha256))
        except (NotFoundError, FileNotFoundError) as error:
            raise NotOnTheShelf(sha256) from error
        except BaseError as error:
            raise _away() from error

        async def content() -> AsyncIterator[bytes]:
            async for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
                yield bytes(chunk)

        return content()

    def _key(self, sha256: str) -> str:
        return f"{self._prefix}{sha256[:2]}/{sha256[2:4]}/{sha256}"


@cache
def shelf_of(settings: Settings, name: str) -> Shelf:
    """A service's shelf of this name, as the settings have it: below `PAPERS_URL` if that is set, else `DATA_DIR`."""
    if settings.papers_url is None:
        return Folder(settings.data_dir / name)
    parts = urlsplit(settings.papers_url)
    prefix = f"{parts.path.strip('/')}/{name}/".lstrip("/")
    endpoint = settings.s3_endpoint or ""
    store = S3Store(
        parts.netloc,
        endpoint=endpoint or None,
        region=settings.s3_region,
        access_key_id=settings.s3_access_key_id,
        secret_access_key=settings.s3_secret_access_key,
        virtual_hosted_style_request=False,
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": _CONNECT_SECONDS,
            "timeout": _ANSWER_SECONDS,
        },
        retry_config={"max_retries": 3},
    )
    return Bucket(store, prefix, settings.data_dir / name / ".incoming")


@asynccontextmanager
async def nearby(shelf: Shelf, sha256: str) -> AsyncIterator[Path]:
    """The content as a file of this machine, for readers that need one; raises `NotOnTheShelf`, `Unavailable`."""
    if isinstance(shelf, Folder):
        if not await asyncio.to_thread(shelf.place(sha256).exists):
            raise NotOnTheShelf(sha256)
        yield shelf.place(sha256)
        return
    with TemporaryDirectory(prefix="yunjing-paper-") as folder:
        copy = Path(folder) / sha256
        with copy.open("wb") as file:
            async for chunk in await shelf.open(sha256):
                await asyncio.to_thread(file.write, chunk)
        yield copy


def _away() -> Unavailable:
    return Unavailable("文件存储暂时不可用,请稍后重试", "The store of papers can't be reached right now: try again")
