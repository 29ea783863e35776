"""What a client says in the headers of tus 1.0 (https://tus.io/protocols/resumable-upload). Pure."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from services.approval.uploads.errors import NotAPiece, TusVersion
from shared.documents import MAX_BYTES, DocumentEmpty, DocumentTooLarge
from shared.problems import FieldError, InvalidInput

VERSION = "1.0.0"
PIECE = "application/offset+octet-stream"
_LONGEST_NAME = 300
_LONGEST_METADATA = 4_000


@dataclass(frozen=True)
class Announced:
    """A file that is to come: its bytes, its name, and what its sender takes it for."""

    length: int
    name: str
    declared: str | None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Self:
        """What creates an upload; raises `TusVersion`, `InvalidInput`, `DocumentEmpty`, `DocumentTooLarge`."""
        check_version(headers)
        length = number(headers, "upload-length")
        if not length:
            raise DocumentEmpty("文件是空的", "The file is empty")
        if length > MAX_BYTES:
            limit = MAX_BYTES // 1024 // 1024
            raise DocumentTooLarge(f"单个文件不得超过 {limit} MiB", f"A file may have {limit} MiB at most")
        told = _metadata(headers.get("upload-metadata", ""))
        return cls(length, told.get("filename", "")[:_LONGEST_NAME], told.get("filetype") or None)


def check_version(headers: Mapping[str, str]) -> None:
    """Raises `TusVersion` unless the client speaks ours."""
    if headers.get("tus-resumable") != VERSION:
        raise TusVersion(f"请带请求头 Tus-Resumable: {VERSION}", f"Send the header Tus-Resumable: {VERSION}")


def offset_of(headers: Mapping[str, str]) -> int:
    """Where a piece goes on; raises `TusVersion`, `NotAPiece`, `InvalidInput`."""
    check_version(headers)
    if headers.get("content-type", "").partition(";")[0].strip().lower() != PIECE:
        raise NotAPiece(f"Content-Type 应为 {PIECE}", f"The Content-Type must be {PIECE}")
    return number(headers, "upload-offset")


def number(headers: Mapping[str, str], name: str) -> int:
    """A header that counts bytes; raises `InvalidInput` that names it."""
    text = headers.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MAX_BYTES)) + 3:
        fault = FieldError(f"header.{name}", "应为字节数", "A number of bytes is needed")
        raise InvalidInput(f"请求头 {name} 应为字节数", f"The header {name} must be a number of bytes", [fault])
    return int(text)


def _metadata(text: str) -> dict[str, str]:
    """`filename 5ZCI5ZCMLnBkZg==,filetype YXBw…`: words and their values in Base64; raises `InvalidInput`."""
    told: dict[str, str] = {}
    try:
        for pair in filter(None, (part.strip() for part in text[:_LONGEST_METADATA].split(","))):
            key, _, value = pair.partition(" ")
            told[key] = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        fault = FieldError("header.upload-metadata", "每项应为“名 Base64值”", "Each entry is a word and Base64")
        raise InvalidInput("请求头 Upload-Metadata 读不懂", "Upload-Metadata can't be read", [fault]) from error
    return told
