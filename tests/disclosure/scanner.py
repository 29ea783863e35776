"""Looks over public bytes for what must never be among them: numbers of identity cards, telephones, bank accounts.

What is public and looks alike is left out first: ids and fingerprints, times, codes of regions.
"""

import gzip
import io
import re
import zipfile
from dataclasses import dataclass
from html import unescape

from pypdf import PdfReader

_PUBLIC = (
    # Ids (UUID), and whatever is a fingerprint or an id made of one.
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    r"(?<![0-9a-zA-Z])(?=[0-9]*[a-f])[0-9a-f]{16}(?:[0-9a-f]{16}){0,3}(?![0-9a-zA-Z])",
    r"(?<![0-9a-zA-Z])[0-9]*[a-f][0-9a-f]{30,62}(?![0-9a-zA-Z])",
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})?",
    # A village's code, alone or before a case's number.
    r"(?<!\d)330421\d{6}(?!\d)(?:-[A-Z]{2}\d-\d{4}-\d+)?",
    # The largest number that an interface describes.
    r"9223372036854775807",
    # Cursors.
    r"after=[\w%-]+",
    r'"next":\s?"[\w-]+"',
)
_LEFT_OUT = re.compile("|".join(_PUBLIC))
_SIGNS = r"[ .·_-]?"
_PATTERNS = {
    "identity": re.compile(
        rf"(?<![\d.])[1-9]\d{{5}}{_SIGNS}(?:19|20)\d{{2}}{_SIGNS}[01]\d[0-3]\d{_SIGNS}\d{{3}}[\dXx](?!\d)"
    ),
    "telephone": re.compile(rf"(?<![\d.])1[3-9]\d{_SIGNS}\d{{4}}{_SIGNS}\d{{4}}(?![\d.])"),
    "account": re.compile(rf"(?<![\d.])\d{{4}}(?:{_SIGNS}\d{{4}}){{3,4}}(?:{_SIGNS}\d{{1,3}})?(?!\d)"),
}


@dataclass(frozen=True)
class Finding:
    """Something that must not be public, where, and in which words."""

    kind: str
    place: str
    words: str


def scan(place: str, body: bytes) -> list[Finding]:
    """What is wrong with some public bytes; workbooks, papers and gzipped files are unpacked first."""
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            parts = [(f"{place}!{name}", archive.read(name)) for name in archive.namelist()]
        return [finding for name, part in parts for finding in scan(name, part)]
    if body.startswith(b"\x1f\x8b"):
        return scan(f"{place}!", gzip.decompress(body))
    if body.startswith(b"\x89PNG"):
        return []
    if body.startswith(b"%PDF"):
        pages = PdfReader(io.BytesIO(body)).pages
        return scan(f"{place}!", "\n".join(page.extract_text() for page in pages).encode())
    text = _LEFT_OUT.sub(" ", unescape(body.decode()))
    if text.lstrip().startswith(("<?xml", "<!doctype")):
        text = re.sub(r"<(?:style|svg).*?</(?:style|svg)>|(?<=\s)d=\"[^\"]*\"", " ", text, flags=re.DOTALL)
    return [
        Finding(kind, place, text[max(0, found.start() - 30) : found.end() + 10])
        for kind, pattern in _PATTERNS.items()
        for found in pattern.finditer(text)
    ]
