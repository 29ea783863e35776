"""Zip containers (XLSX, DOCX) opened only when they are sound: a small file may claim gigabytes."""

import struct
import zipfile
from typing import IO

_MAX_ENTRIES = 5000
_MAX_DIRECTORY_BYTES = 1024 * 1024
_TAIL_BYTES = 65_557
_END = b"PK\x05\x06"
_ZIP64_LOCATOR = b"PK\x06\x07"


class UnsoundArchive(Exception):
    """No zip container, or one that would grow too large."""


def open_sound(file: IO[bytes], *, max_unpacked: int | None = None) -> zipfile.ZipFile:
    """The archive behind `file`; raises `UnsoundArchive`."""
    # The directory's size is read before the directory: reading it makes an object of each entry.
    file.seek(0, 2)
    size = file.tell()
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read()
    end = tail.rfind(_END)
    if end < 0 or len(tail) < end + 22 or _ZIP64_LOCATOR in tail[:end][-20:]:
        raise UnsoundArchive("no ordinary zip container")
    entries, directory_bytes = struct.unpack("<HI", tail[end + 10 : end + 16])
    if entries > _MAX_ENTRIES or directory_bytes > _MAX_DIRECTORY_BYTES:
        raise UnsoundArchive("too many entries")
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UnsoundArchive(str(error)) from error
    if max_unpacked is not None and sum(info.file_size for info in archive.infolist()) > max_unpacked:
        raise UnsoundArchive("would unpack to too much")
    return archive
