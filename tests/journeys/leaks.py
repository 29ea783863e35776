"""What a log or a metric must never hold: secrets, tokens, numbers of persons, telephones."""

import re
from collections.abc import Iterable

from shared.identity import valid_id_no

_TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}")
_ID_NO = re.compile(r"(?<![\w.])\d{17}[\dXx](?![\w.])")
_PHONE = re.compile(r"(?<![\w.-])1[3-9]\d{9}(?![\w.-])")


def leaks(text: str, secrets: Iterable[str]) -> list[str]:
    """What of it stands in a text, with what is around."""
    places = [match.span() for pattern in (_TOKEN, _PHONE) for match in pattern.finditer(text)]
    places += [match.span() for match in _ID_NO.finditer(text) if valid_id_no(match[0])]
    places += [(at, at + len(secret)) for secret in secrets if secret and (at := text.find(secret)) >= 0]
    return [text[max(0, start - 80) : end + 20] for start, end in places]
