"""An uploaded file becomes a job: kept under the job's id, noted, its worker woken."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid4

from services.approval.flows import Catalogue
from services.approval.imports import jobs, mappings
from services.approval.imports.jobs import Job, Wish
from services.approval.imports.mapping import Mapping
from services.approval.imports.worker import file_of
from shared import audit, regions
from shared.db import Connection
from shared.documents import MAX_BYTES, DocumentEmpty, Readable, chunks_of, safe_name
from shared.lengths import UploadTooLarge
from shared.principals import Principal
from shared.problems import FieldError, InvalidInput

_FLUSH = 4 * 1024 * 1024


class Kept:
    """A file that lies ready for a job that isn't there yet."""

    def __init__(self, job_id: UUID, path: Path, name: str, sha256: str, size: int) -> None:
        self.job_id = job_id
        self.path = path
        self.name = name
        self.sha256 = sha256
        self.size = size


class Upload(Readable, Protocol):
    """A file of a form."""

    filename: str | None


async def keep(data_dir: Path, file: Upload) -> Kept:
    """Write an uploaded file to its place, for its owner's eyes alone; raises `UploadTooLarge`, `DocumentEmpty`."""
    return await keep_chunks(data_dir, chunks_of(file), file.filename or "")


async def keep_chunks(data_dir: Path, chunks: AsyncIterator[bytes], name: str, *, most: int = MAX_BYTES) -> Kept:
    """As `keep`, of a stream."""
    job_id = uuid4()
    path = file_of(data_dir, job_id)
    await asyncio.to_thread(path.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb", buffering=_FLUSH) as copy:
            async for chunk in chunks:
                size += len(chunk)
                if size > most:
                    mib = most // 1024 // 1024
                    raise UploadTooLarge(f"一次最多 {mib} MiB,请拆分", f"{mib} MiB at most at a time: split the file")
                digest.update(chunk)
                await asyncio.to_thread(copy.write, chunk)
        if not size:
            raise DocumentEmpty("文件是空的", "The file is empty")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Kept(job_id, path, safe_name(name) or "sheet", digest.hexdigest(), size)


async def mapping_of(
    conn: Connection, name: str | None, flow: str, node: str, catalogue: Catalogue
) -> tuple[Mapping, str | None]:
    """The named mapping, or none but flow and node, and what it is called with its version; raises
    `MappingNotFound`, `InvalidInput`."""
    if not name:
        mapping, called = Mapping(flow=flow, node=node), None
    else:
        named = await mappings.find(conn, name)
        mapping, called = named.mapping, f"{named.name} v{named.version}"
        mapping = mapping.model_copy(update={"flow": flow or mapping.flow, "node": node or mapping.node})
    mapping.check(catalogue)
    return mapping, called


def check_region(code: str) -> None:
    """Refuse a code that is neither this county nor a town or village of it; raises `InvalidInput`."""
    try:
        regions.region(code)
    except KeyError as error:
        fault = FieldError("region_code", "不是本县的地区", "No region of this county")
        raise InvalidInput("请按提示修改", "Please mend the named fields", [fault]) from error


async def note(
    conn: Connection, kept: Kept, by: Principal, *, region: str, mapping: Mapping, mapping_name: str | None, wish: Wish
) -> Job:
    """Make the job of a kept file."""
    job = await jobs.create(
        conn,
        kept.job_id,
        by,
        region=region,
        file_name=kept.name,
        sha256=kept.sha256,
        size=kept.size,
        mapping=mapping,
        mapping_name=mapping_name,
        wish=wish,
    )
    told = {"sha256": kept.sha256, "wish": wish, "size": kept.size}
    await audit.record(conn, by, "import.uploaded", f"import:{job.job_id}", told, region=region)
    if wish != "look":
        await audit.record(conn, by, "case.imported", f"import:{job.job_id}", {"wish": wish}, region=region)
    return job
