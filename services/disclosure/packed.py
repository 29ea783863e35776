"""Bytes that are ready to send, plain and gzipped, each with its own strong ETag. Pure."""

import gzip
from dataclasses import dataclass
from typing import Self

from shared.etags import etag


@dataclass(frozen=True, slots=True)
class Packed:
    """One answer in both forms."""

    plain: bytes
    plain_etag: str
    zipped: bytes
    zipped_etag: str

    @classmethod
    def of(cls, plain: bytes) -> Self:
        """Both forms of these bytes, the same at every moment."""
        return cls.from_zipped(gzip.compress(plain, mtime=0), plain)

    @classmethod
    def from_zipped(cls, zipped: bytes, plain: bytes | None = None) -> Self:
        """Both forms of what was kept gzipped."""
        plain = gzip.decompress(zipped) if plain is None else plain
        return cls(plain, etag(plain), zipped, etag(zipped))
