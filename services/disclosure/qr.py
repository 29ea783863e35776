"""The QR code of a village's page: printed on a card, hung at the village hall."""

import io
from functools import lru_cache
from typing import Literal

import segno

_DARK = "#1d2129"
_SCALE = 12
_BORDER = 2


@lru_cache(maxsize=512)
def draw(url: str, kind: Literal["svg", "png"]) -> bytes:
    """The code of a URL; a fifth of it may be dirt (error correction Q)."""
    out = io.BytesIO()
    segno.make(url, error="q", micro=False).save(out, kind=kind, scale=_SCALE, border=_BORDER, dark=_DARK, light="#fff")
    return out.getvalue()


def inner(url: str) -> tuple[str, int]:
    """The code of a URL as SVG to be put into another drawing, and the length of its side there."""
    drawn = segno.make(url, error="q", micro=False)
    return drawn.svg_inline(border=_BORDER, dark=_DARK, light="#fff"), int(drawn.symbol_size(border=_BORDER)[0])
