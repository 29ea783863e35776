"""Looks over public bytes for what must never be among them: numbers of identity cards, telephones, bank accounts,
e-mail addresses, plates of cars; and, told of them, the true secrets of people.

What is public and looks alike is left out: ids and fingerprints, times, codes of regions.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.privacy.forms import texts, told_beside
from tests.privacy.secrets import NOTHING, Secrets

_PUBLIC = re.compile(
    "|".join(
        (
            # Ids (UUID), and whatever is a fingerprint or an id made of one.
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            r"(?<![0-9a-zA-Z])(?=[0-9]*[a-f])[0-9a-f]{16}(?:[0-9a-f]{16}){0,3}(?![0-9a-zA-Z])",
            r"(?<![0-9a-zA-Z])[0-9]*[a-f][0-9a-f]{30,62}(?![0-9a-zA-Z])",
            r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})?",
            # A village's code, alone or before a case's number.
            r"(?<!\d)330421\d{6}(?!\d)(?:-[A-Z]{2}\d-\d{4}-\d+)?",
            # An amount as a workbook keeps it.
            r"<v>\d+\.\d+</v>",
            # The largest number that an interface describes.
            r"9223372036854775807",
            # Cursors, and keys and signatures of the log.
            r"after=[\w%-]+",
            r'"next":\s?"[\w-]+"',
            r"[0-9A-Za-z+/]{40,}={0,2}",
        )
    )
)
_AROUND = 100
_S = r"[ .·_-]?"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PATTERNS = {
    "identity": re.compile(
        rf"(?<!\d)(?<!\d\.)[1-9]\d{{5}}{_S}(?:(?:19|20)\d{{2}}{_S}[01]\d[0-3]\d{_S}\d{{3}}[\dXx]|\d{{2}}[01]\d[0-3]\d{{4}})(?!\d)"
    ),
    "telephone": re.compile(
        rf"(?<!\d)(?<!\d\.)(?:1[3-9]\d{_S}\d{{4}}{_S}\d{{4}}|0[1-9]\d{{1,2}}{_S}[1-9]\d{{6,7}})(?!\d|\.\d)"
    ),
    "account": re.compile(rf"(?<!\d)(?<!\d\.)\d{{4}}(?:{_S}\d{{4}}){{3,4}}(?:{_S}\d{{1,3}})?(?!\d)"),
    "mail": re.compile(r"[\w.+-]+@[\w-]+(?:\.[a-zA-Z]{2,})+"),
    "plate": re.compile(rf"[{_PROVINCES}][A-HJ-NP-Z][·• ]?(?=[A-Z]{{0,3}}\d)[A-HJ-NP-Z0-9]{{5,6}}(?![A-Za-z0-9])"),
}


@dataclass(frozen=True)
class Finding:
    """Something that must not be public, where, and in which words."""

    kind: str
    place: str
    words: str


def scan(
    place: str, body: bytes, headers: Mapping[str, str] | None = None, secrets: Secrets = NOTHING
) -> list[Finding]:
    """What is wrong with an answer's bytes and headers."""
    told = [told_beside(place, headers)] if headers else []
    return [
        finding
        for where, text in (*told, *texts(place, body))
        for finding in (*_looks(where, text), *_is(where, text, secrets))
    ]


def _looks(place: str, text: str) -> Iterator[Finding]:
    """What looks like a number of somebody."""
    for kind, pattern in _PATTERNS.items():
        for found in pattern.finditer(text):
            start = max(0, found.start() - _AROUND)
            at, end = found.start() - start, found.end() - start
            public = (each.span() for each in _PUBLIC.finditer(text[start : found.end() + _AROUND]))
            if not any(first < end and at < last for first, last in public):
                yield Finding(kind, place, text[max(0, found.start() - 30) : found.end() + 10])


def _is(place: str, text: str, secrets: Secrets) -> Iterator[Finding]:
    """What is a secret of somebody, known as such."""
    for kind, start, end in secrets.within(text):
        yield Finding(kind, place, text[max(0, start - 30) : end + 10])
