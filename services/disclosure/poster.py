"""Posters of villages' codes (PDF, A4 or A3) for their notice boards, with the key of the log of disclosed papers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

from services.disclosure import qr
from services.disclosure.schemas import Named
from shared import regions
from shared.pdf import pdf

Paper = Literal["a4", "a3"]
_TEMPLATE = Path(__file__).parent / "templates" / "poster.typ"
_SIGN = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 760" width="600" height="760">
<rect width="600" height="760" fill="#fff"/>
<svg x="30" y="20" width="540" height="540" viewBox="0 0 {side} {side}">{code}</svg>
<g text-anchor="middle" font-family="Noto Sans CJK SC, Microsoft YaHei, PingFang SC, sans-serif" fill="#1d2129">
<text x="300" y="630" font-size="56" font-weight="700">{village}</text>
<text x="300" y="684" font-size="34" fill="#a61e17">村务公开 一码可查</text>
<text x="300" y="726" font-size="20">{address}</text>
</g>
</svg>
"""


async def posters(addresses: Mapping[str, str], key: str, fonts_dir: Path | None, paper: Paper = "a4") -> bytes:
    """A poster a page for villages whose pages are at these addresses, by their codes; raises `NoChineseFont`."""
    data = {
        "title": f"{Named.region(next(iter(addresses))).zh if len(addresses) == 1 else ''} 一村一码".strip(),
        "foot": "村级小微权力公开 Village power in public view",
        "paper": paper,
        "key": key,
        "posters": [_poster(code, address) for code, address in addresses.items()],
    }
    return await pdf(_TEMPLATE, data, fonts_dir)


def sign(code: str, address: str) -> bytes:
    """The QR code of a village's page above its name, as SVG."""
    drawn, side = qr.inner(address)
    return _SIGN.format(side=side, code=drawn, village=escape(Named.region(code).zh), address=escape(address)).encode()


def _poster(code: str, address: str) -> dict[str, str]:
    village, town, county = (Named.region(each).zh for each in (code, regions.town_of(code), regions.county_of(code)))
    drawn = qr.draw(address, "svg").decode()
    return {"village": village, "town": town, "county": county, "code": drawn, "address": address}
