"""Public bytes as texts: whatever form an answer comes in is unpacked until only words are left."""

import gzip
import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping
from html import unescape
from urllib.parse import unquote

from pypdf import PdfReader

_DRAWINGS = re.compile(r"<(?:style|svg).*?</(?:style|svg)>|(?<=\s)d=\"[^\"]*\"", re.DOTALL)
_MARKUP = ("<?xml", "<!doctype", "<svg")
_WIDE = re.compile(r"[\uff00-\uffef\u2460-\u24ff]")
_ESCAPED = re.compile(r"\\u[0-9a-fA-F]{4}")
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff")


def texts(place: str, body: bytes) -> Iterator[tuple[str, str]]:
    """The texts within some bytes, each with where it stands: workbooks, papers, archives and gzipped files unpacked.

    Of a picture what is written beside its pixels: who drew it, with what, where.
    """
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for name in archive.namelist():
                yield f"{place}!", name
                yield from texts(f"{place}!{name}", archive.read(name))
    elif body.startswith(b"\x1f\x8b"):
        yield from texts(f"{place}!", gzip.decompress(body))
    elif body.startswith(b"%PDF"):
        paper = PdfReader(io.BytesIO(body))
        yield f"{place}!about", " ".join(str(value) for value in (paper.metadata or {}).values())
        for number, page in enumerate(paper.pages, start=1):
            yield f"{place}!{number}", _plain(page.extract_text())
    elif body.startswith(_PICTURES):
        yield place, " ".join(found.decode() for found in re.findall(rb"[\x20-\x7e]{6,}", body))
    else:
        yield place, _plain(body.decode())


def told_beside(place: str, headers: Mapping[str, str]) -> tuple[str, str]:
    """What an answer's headers say, each on a line, also where they are written in per cent signs."""
    said = "\n".join(f"{name}: {value}" for name, value in headers.items())
    return f"{place} headers", _plain(f"{said}\n{unquote(said)}")


def _plain(text: str) -> str:
    if text.lstrip()[:9].startswith(_MARKUP):
        text = unescape(_DRAWINGS.sub(" ", text))
    if _ESCAPED.search(text):
        text = _ESCAPED.sub(lambda found: str(json.loads(f'"{found[0]}"')), text)
    return unicodedata.normalize("NFKC", text) if _WIDE.search(text) else text
