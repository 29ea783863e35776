"""A paper as pages: the text that a PDF carries with it, and pictures of what is to be read from them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pypdfium2
from PIL import Image, ImageFilter, ImageOps

from services.approval.recognition.likeness import LOOK_BITS
from services.approval.recognition.lines import Box, Line
from services.approval.recognition.reasons import Unreadable

MOST_PAGES = 20
_LONGEST = 2000
_MOST_PIXELS = 100_000_000
_LEAST_TEXT = 20
_INK = 160
_SIDE = 16


@dataclass(frozen=True)
class Page:
    """A page as it is seen. `lines` are given for one whose text came with it."""

    number: int
    of: int
    picture: Image.Image
    lines: tuple[Line, ...] | None = None


def pages_of(path: Path, media_type: str) -> Iterator[Page]:
    """The first pages of a PDF, or a picture as the one page that it is; raises `Unreadable`."""
    if media_type == "application/pdf":
        yield from _pdf(path)
    else:
        yield Page(1, 1, _picture(path))


def _picture(path: Path) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise Unreadable("too_large")
            image.draft("RGB", (_LONGEST, _LONGEST))
            return _on_white(ImageOps.exif_transpose(image))
    except (OSError, SyntaxError, ValueError) as error:
        raise Unreadable("damaged") from error


def _on_white(image: Image.Image) -> Image.Image:
    image.thumbnail((_LONGEST, _LONGEST))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.new("RGBA", layer.size, "white")
        image.alpha_composite(layer)
    return image.convert("RGB")


def _pdf(path: Path) -> Iterator[Page]:
    try:
        with pypdfium2.PdfDocument(path) as document:
            for number in range(min(len(document), MOST_PAGES)):
                page = document[number]
                width, height = page.get_size()
                lines = _text(page, number + 1, width, height)
                whole = sum(len(line.text) for line in lines) >= _LEAST_TEXT
                scale = min(_LONGEST / max(width, height, 1.0), 4.0)
                picture = page.render(scale=scale).to_pil().convert("RGB")
                yield Page(number + 1, len(document), picture, lines if whole else None)
    except pypdfium2.PdfiumError as error:
        raise Unreadable("encrypted" if "password" in str(error).lower() else "damaged") from error


def _text(page: pypdfium2.PdfPage, number: int, width: float, height: float) -> tuple[Line, ...]:
    """What a page carries as text: its rectangles, those of one height and close together as one line."""
    text = page.get_textpage()
    rects = [text.get_rect(i) for i in range(text.count_rects())]
    lines: list[tuple[str, list[float]]] = []
    for left, bottom, right, top in rects:
        told = text.get_text_bounded(left, bottom, right, top).strip()
        if not told:
            continue
        last = lines[-1][1] if lines else None
        if last and abs(last[1] - bottom) < (top - bottom) / 2 and -1 <= left - last[2] < (top - bottom):
            lines[-1] = (f"{lines[-1][0]} {told}", [last[0], min(last[1], bottom), right, max(last[3], top)])
        else:
            lines.append((told, [left, bottom, right, top]))
    return tuple(
        Line(told, number, Box.of(left / width, 1 - top / height, right / width, 1 - bottom / height), 1.0)
        for told, (left, bottom, right, top) in lines
    )


def look_of(picture: Image.Image) -> int | None:
    """How a page looks, in 256 bits: where it grows lighter from left to right. None for a blank one."""
    grey = ImageOps.autocontrast(picture.convert("L").filter(ImageFilter.BoxBlur(2)))
    low, high = grey.getextrema()
    inked = grey.point(lambda value: 255 * (value < _INK)).getbbox()
    if not inked or low == high:
        return None
    small = grey.crop(inked).resize((_SIDE + 1, _SIDE), Image.Resampling.BOX)
    values = small.tobytes()
    bits = 0
    for row in range(_SIDE):
        for column in range(_SIDE):
            place = row * (_SIDE + 1) + column
            bits = bits << 1 | (values[place] < values[place + 1])
    return bits if bits.bit_length() <= LOOK_BITS else None
