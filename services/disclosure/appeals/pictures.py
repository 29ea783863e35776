"""Pictures of an appeal: drawn anew, so that nothing but the picture is kept of what was sent; for its desk only."""

import asyncio
import io
from collections.abc import AsyncIterator

from PIL import Image, ImageOps, UnidentifiedImageError

from services.disclosure.appeals.plan import Limits
from shared.documents import StoredDocument, receive
from shared.settings import Settings
from shared.shelves import Shelf, shelf_of

# A picture is measured before it is drawn: a small file may unfold to anything.
_MOST_PIXELS = 60_000_000
# Ours is the bound; that of Pillow would only warn.
Image.MAX_IMAGE_PIXELS = None
_FORMATS = ("JPEG", "PNG", "WEBP")
MEDIA_TYPE = "image/jpeg"


class NotAPicture(ValueError):
    """Not a JPEG, PNG or WebP, broken, or too large to draw."""


def shelf(settings: Settings) -> Shelf:
    """Where the pictures of appeals lie."""
    return shelf_of(settings, "appeals")


async def drawn_anew(raw: bytes, limits: Limits) -> bytes:
    """The picture as a plain JPEG without a word about camera, place or time; raises `NotAPicture`."""
    return await asyncio.to_thread(_redraw, raw, limits.picture_side)


async def keep(settings: Settings, content: bytes) -> StoredDocument:
    """Store what was drawn anew."""

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    return await receive(shelf(settings), chunks(), "picture.jpg", MEDIA_TYPE)


def _redraw(raw: bytes, side: int) -> bytes:
    try:
        with Image.open(io.BytesIO(raw), formats=_FORMATS) as sent:
            if sent.width * sent.height > _MOST_PIXELS:
                raise NotAPicture("too many pixels")
            sent.draft("RGB", (side, side))
            plain = ImageOps.exif_transpose(sent).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NotAPicture(type(error).__name__) from error
    plain.thumbnail((side, side))
    bare = Image.new("RGB", plain.size)
    bare.paste(plain)
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=82)
    return out.getvalue()
