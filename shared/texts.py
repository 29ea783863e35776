"""A text as its reader sees it, and folded as it is compared, so that writing it otherwise hides nothing. Pure.

Folding takes away width, case, circles and traditional forms: １, ① and ❶ are 1, 張 is 张, W is w.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from opencc import OpenCC

# Controls and format characters have no shape; neither have these, which Unicode calls letters, marks or symbols.
_SHAPELESS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u2800\u3164\uffa0")
_WITHOUT_SHAPE = frozenset(("Cc", "Cf", "Cs"))
_MARKS = frozenset(("Mn", "Me"))
_KEPT = frozenset("\t\n")
# A lone power belongs to a unit (m²) and is no digit of the number behind it.
_POWER = re.compile(r"(?<![⁰¹²³⁴-⁹])[²³](?![⁰¹²³⁴-⁹])")
# Squared units and the days and hours of the calendar (㎡, ㏠, ㍘) are signs, not digits.
_SIGNS = (range(0x32C0, 0x32CC), range(0x3300, 0x3400))
_TO_SIMPLIFIED = OpenCC("t2s")


def hidden(text: str) -> str | None:
    """The first character that a reader can't see, or that turns the line around; none in an honest text."""
    if text.isascii() and text.isprintable():
        return None
    return next((char for char in text if _shapeless(char)), None)


def seen(text: str) -> str:
    """The text as it is seen: without characters that have no shape, and without marks set upon others."""
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", text).translate(_SEEN)


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text, and which character of the original each of its characters comes from."""

    text: str
    origins: Sequence[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of the folded text stands in the original."""
        return self.origins[start], self.origins[end - 1] + 1


def fold(text: str) -> Folded:
    """The text as it is compared. What isn't `seen` should have been taken out before."""
    text = _POWER.sub("^", text)
    plain = text.translate(_FOLDED)
    if len(plain) == len(text):
        return Folded(plain, range(len(text)))
    origins = [at for at, char in enumerate(text) for _ in _FOLDED[ord(char)]]
    return Folded(plain, origins)


def _shapeless(char: str) -> bool:
    return char in _SHAPELESS or (char not in _KEPT and unicodedata.category(char) in _WITHOUT_SHAPE)


class _Seen(dict[int, str]):
    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = "" if _shapeless(char) or unicodedata.category(char) in _MARKS else char
        return self[code]


class _Folded(dict[int, str]):
    def __missing__(self, code: int) -> str:
        self[code] = _plain(chr(code)) or chr(code)
        return self[code]


def _plain(char: str) -> str:
    if any(ord(char) in signs for signs in _SIGNS):
        return char
    digit = unicodedata.digit(char, None)
    if digit is not None:
        return str(digit)
    folded = unicodedata.normalize("NFKC", char).casefold()
    return str(_TO_SIMPLIFIED.convert(folded)) if not folded.isascii() else folded


_SEEN = _Seen()
_FOLDED = _Folded()
