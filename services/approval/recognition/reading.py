"""One paper read from its pages: what is found on it, what it is compared by, and its pictures."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from services.approval.recognition.extraction import Found, extract
from services.approval.recognition.likeness import sketch_of
from services.approval.recognition.lines import Line
from services.approval.recognition.pages import look_of, pages_of

_SHOWN = 1400
ReadPicture = Callable[[Image.Image, int], tuple[Image.Image, tuple[Line, ...]]]


@dataclass(frozen=True)
class Reading:
    """What came of a paper. Its text isn't kept, for it may name persons by their numbers: only what is `found`.

    `sizes` are those of the kept pictures in pixels, one a page that was read.
    """

    source: Literal["text", "picture"]
    pages: int
    sizes: tuple[tuple[int, int], ...]
    lines: int
    found: tuple[Found, ...]
    sketch: tuple[int, ...]
    look: int | None

    def to_row(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Reading":
        """From its JSON."""
        return cls(
            **{
                **row,
                "found": tuple(map(Found.from_row, row["found"])),
                "sketch": tuple(row["sketch"]),
                "sizes": _sizes(row["sizes"]),
            }
        )


def read(path: Path, media_type: str, ocr: ReadPicture, pictures: Path) -> Reading:
    """Read a paper and leave its pages as pictures in a folder, as `1.jpg`; raises `Unreadable`."""
    pictures.mkdir(parents=True, exist_ok=True)
    lines: list[Line] = []
    sizes: list[tuple[int, int]] = []
    total, by_sight, look = 0, False, None
    for page in pages_of(path, media_type):
        upright, told = (page.picture, page.lines) if page.lines is not None else ocr(page.picture, page.number)
        by_sight = by_sight or page.lines is None
        look = look_of(upright) if page.number == 1 else look
        sizes.append(_keep(upright, pictures / f"{page.number}.jpg"))
        lines += told
        total = page.of
    source: Literal["text", "picture"] = "picture" if by_sight else "text"
    return Reading(source, total, tuple(sizes), len(lines), extract(lines), sketch_of(lines), look)


def _sizes(told: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((width, height) for width, height in told)


def _keep(picture: Image.Image, place: Path) -> tuple[int, int]:
    shown = picture.copy()
    shown.thumbnail((_SHOWN, _SHOWN))
    partial = place.with_suffix(".partial")
    shown.save(partial, "JPEG", quality=80)
    partial.replace(place)
    return shown.size
