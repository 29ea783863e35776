"""The poster of a village's code (PDF, A4) for its notice board, with the key of the log of disclosed papers."""

from pathlib import Path

from services.disclosure import qr
from services.disclosure.schemas import Named
from shared import regions
from shared.pdf import pdf

_TEMPLATE = Path(__file__).parent / "templates" / "poster.typ"


async def poster(code: str, address: str, key: str, fonts_dir: Path | None) -> bytes:
    """The poster of a village whose page is at this address; raises `NoChineseFont`."""
    village, town, county = (Named.region(region).zh for region in (code, regions.town_of(code), code[:6] + "000000"))
    data = {
        "title": f"{village} 一村一码",
        "foot": "村级小微权力公开 Village power in public view",
        "village": village,
        "town": town,
        "county": county,
        "code": qr.draw(address, "svg").decode(),
        "address": address,
        "key": key,
    }
    return await pdf(_TEMPLATE, data, fonts_dir)
