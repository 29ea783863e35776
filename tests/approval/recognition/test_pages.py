"""Papers as pages: the text of born-digital ones needs no recognition, what can't be opened says why."""

import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
import typst
from PIL import Image, ImageDraw

from services.approval.recognition.likeness import LIKE_LOOK
from services.approval.recognition.pages import look_of, pages_of
from services.approval.recognition.reading import Reading, read
from services.approval.recognition.reasons import REASONS, Unreadable


def no_ocr(*_: Any) -> Any:
    raise AssertionError("a paper with its own text needs no recognition")


def test_the_text_of_a_pdf_is_read_directly_with_its_places(tmp_path: Path) -> None:
    source = b'#set page(width: 20cm, height: 10cm)\n#set text(font: "Noto Sans CJK SC", 12pt)\n'
    source += "= 采购合同\n乙方:宏达五金商店\n\n合同金额:¥12,300.00 元\n\n签订日期:2026年3月1日".encode()
    source += "\n#pagebreak()\n附件见后".encode()
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(typst.compile(source))
    reading = read(paper, "application/pdf", lambda picture, page: (picture, ()), tmp_path / "pages")
    assert {("amount", "1230000"), ("date", "2026-03-01"), ("party", "宏达五金商店")} <= {
        (one.kind, one.value) for one in reading.found
    }
    amount = next(one for one in reading.found if one.kind == "amount")
    assert 0 < amount.box.left < amount.box.right < 500
    assert (amount.page, amount.score) == (1, 1.0)
    assert [(tmp_path / "pages" / f"{page}.jpg").exists() for page in (1, 2)] == [True, True]
    assert Reading.from_row(reading.to_row()) == reading
    [first, second] = pages_of(paper, "application/pdf")
    assert first.lines
    assert second.lines is None  # hardly any text: it may be a picture with a stamp of text


def test_a_page_with_text_is_never_recognised(tmp_path: Path) -> None:
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(typst.compile(b"Contract 2026-03-01 total 1,230.00 yuan to be paid"))
    assert read(paper, "application/pdf", no_ocr, tmp_path / "pages").source == "text"


@pytest.mark.parametrize(
    ("content", "media_type", "reason"),
    [
        (b"%PDF-1.7 nothing", "application/pdf", "damaged"),
        (b"\x89PNG\r\n\x1a\n", "image/png", "damaged"),
        (b"\xff\xd8\xff\xe0 no picture", "image/jpeg", "damaged"),
    ],
)
def test_what_cannot_be_opened_says_why(tmp_path: Path, content: bytes, media_type: str, reason: str) -> None:
    (tmp_path / "paper").write_bytes(content)
    with pytest.raises(Unreadable, match=reason):
        list(pages_of(tmp_path / "paper", media_type))
    assert reason in REASONS


def test_a_picture_that_unfolds_to_gigabytes_is_not_unfolded(tmp_path: Path) -> None:
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    told = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    (tmp_path / "paper").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(told))
    with pytest.raises(Unreadable, match="too_large"):
        list(pages_of(tmp_path / "paper", "image/png"))


def photo(*, smaller: float = 1, lighter: int = 0, other: bool = False) -> Image.Image:
    """A drawn picture, as another scan gives it again."""
    image = Image.new("RGB", (900, 700), "white")
    draw = ImageDraw.Draw(image)
    for number in range(9):
        left, top = 60 + (number * 277) % 700, 50 + (number * 191) % 500
        shade = (number * 53 + lighter) % 200
        draw.ellipse((left, top, left + 180, top + 90 + 40 * other), fill=(shade, shade, 80 if other else 160))
    if other:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return image.resize((round(900 * smaller), round(700 * smaller)))


def test_a_look_survives_another_scan_and_tells_pictures_apart() -> None:
    looks = [look_of(each) for each in (photo(), photo(smaller=0.6, lighter=3), photo(other=True))]
    first, again, other = (look or 0 for look in looks)
    assert (first ^ again).bit_count() <= LIKE_LOOK
    assert (first ^ other).bit_count() > 2 * LIKE_LOOK
    assert look_of(Image.new("RGB", (300, 300), "white")) is None
