"""`python -m tests.quality.papers`: how much is found on drawn papers, clean and as scanners and telephones give them.

Draws invoices and contracts with known contents, spoils them, reads them, and counts the fields that come out exactly.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from services.approval.recognition.extraction import valid_credit_code
from services.approval.recognition.ocr import Ocr
from services.approval.recognition.reading import read

FONTS = ("NotoSansCJK-Regular.ttc", "NotoSerifCJK-Bold.ttc")
_FOLDER = Path("/usr/share/fonts/opentype/noto")
_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLAIN = "〇一二三四五六七八九"
_FIRMS = ("宏达五金商店", "桃源建筑工程有限公司", "春晖办公用品经营部", "青山农机服务中心", "永兴道路养护有限公司")
_BODIES = ("地甸村股份经济合作社", "青山村村民委员会", "柳溪村股份经济合作社")


@dataclass(frozen=True)
class Drawn:
    """A drawn paper and what stands on it, as kind and value."""

    picture: Image.Image
    fields: tuple[tuple[str, str], ...]


def invoice(chance: random.Random) -> Drawn:
    """An electronic invoice: buyer left, seller right, the total in words and figures."""
    seller, buyer, code = chance.choice(_FIRMS), chance.choice(_BODIES), _credit_code(chance)
    number = "25" + "".join(chance.choice("0123456789") for _ in range(18))
    fen, day = chance.randrange(10, 90_000) * 100, _day(chance)
    year, month, date = day.split("-")
    sheet = _Sheet(chance, 1500, 980)
    sheet.text(520, 40, "电子发票(普通发票)", 44)
    sheet.text(980, 60 + 60, f"发票号码:{number}", 26)
    sheet.text(980, 120 + 50, f"开票日期:{year}年{month}月{date}日", 26)
    sheet.text(70, 260, f"名称:{buyer}", 26)
    sheet.text(770, 260, f"名称:{seller}", 26)
    sheet.text(770, 320, f"统一社会信用代码/纳税人识别号:{code}", 24)
    sheet.text(70, 420, "项目名称      规格型号      单位      数量      单价      金额", 26)
    sheet.text(70, 480, "*办公用品*桌椅          套          1", 26)
    sheet.text(70, 700, f"价税合计(大写)  {_in_words(fen)}", 28)
    sheet.text(900, 700, f"(小写)¥{fen / 100:,.2f}", 28)
    fields = [("invoice_no", number), ("amount", str(fen)), ("date", day), ("credit_code", code)]
    return Drawn(sheet.image, (*fields, ("party", seller), ("party", buyer)))


def contract(chance: random.Random) -> Drawn:
    """A contract whose date is written out."""
    seller, buyer = chance.choice(_FIRMS), chance.choice(_BODIES)
    fen, day = chance.randrange(10, 90_000) * 100, _day(chance)
    sheet = _Sheet(chance, 1240, 1500)
    sheet.text(480, 70, "采购合同", 48)
    lines = (
        f"甲方(采购方):{buyer}",
        f"乙方(供货方):{seller}",
        "经双方协商一致,订立本合同,共同遵守。",
        "一、乙方应于签订之日起十五日内将货物送至指定地点。",
        f"二、合同金额为人民币{_in_words(fen)}",
        f"(小写:¥{fen / 100:,.2f}元)。",
        "三、验收合格后甲方一次性付清价款,乙方开具发票。",
        "四、质量保修期为一年,期内免费维修更换。",
        f"签订日期:{_day_in_words(day)}",
    )
    for number, line in enumerate(lines):
        sheet.text(110, 220 + 90 * number, line, 30)
    return Drawn(sheet.image, (("amount", str(fen)), ("date", day), ("party", seller), ("party", buyer)))


class _Sheet:
    def __init__(self, chance: random.Random, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width, height), "white")
        self._draw = ImageDraw.Draw(self.image)
        self._font = str(_FOLDER / chance.choice(FONTS))

    def text(self, left: int, top: int, text: str, size: int) -> None:
        self._draw.text((left, top), text, font=ImageFont.truetype(self._font, size, index=2), fill="#222")


def _credit_code(chance: random.Random) -> str:
    body = "9133042" + str(chance.randrange(10)) + "".join(chance.choice(_SIGNS) for _ in range(9))
    return next(body + sign for sign in _SIGNS if valid_credit_code(body + sign))


def _day(chance: random.Random) -> str:
    return f"202{chance.randrange(4, 7)}-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}"


def _day_in_words(day: str) -> str:
    year, month, date = day.split("-")
    tens = ["", "十", "二十"]
    small = [tens[int(part) // 10] + (_PLAIN[int(part) % 10] if int(part) % 10 else "") for part in (month, date)]
    return "".join(_PLAIN[int(digit)] for digit in year) + f"年{small[0]}月{small[1]}日"


def _in_words(fen: int) -> str:
    yuan, text, gap = fen // 100, "", False
    for place in range(4, -1, -1):
        digit = yuan // 10**place % 10
        gap = gap or (digit == 0 and bool(text))
        if digit:
            text += ("零" if gap else "") + _DIGITS[digit] + ("", "拾", "佰", "仟", "万")[place]
            gap = False
    return text + "元整"


def _noisy(image: Image.Image, chance: random.Random) -> Image.Image:
    grain = Image.effect_noise(image.size, 60).convert("RGB")
    return Image.blend(image, grain, 0.22)


def _shaded(image: Image.Image, chance: random.Random) -> Image.Image:
    shade = Image.linear_gradient("L").resize(image.size).point(lambda value: 110 + value // 2)
    return Image.composite(image, Image.new("RGB", image.size, "#555"), shade).filter(ImageFilter.GaussianBlur(0.7))


def _squeezed(image: Image.Image, chance: random.Random) -> Image.Image:
    out = BytesIO()
    image.save(out, "JPEG", quality=20)
    return Image.open(out).convert("RGB")


def _smaller(image: Image.Image, chance: random.Random) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)


def _tiny(image: Image.Image, chance: random.Random) -> Image.Image:
    return image.resize((image.width // 3, image.height // 3), Image.Resampling.LANCZOS)


def _turned(degrees: float) -> "Spoil":
    return lambda image, chance: image.rotate(
        degrees, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC
    )


Spoil = Callable[[Image.Image, random.Random], Image.Image]
SPOILT: dict[str, Spoil] = {
    "清晰 clean": lambda image, chance: image,
    "歪斜 2° askew": _turned(2),
    "歪斜 5° askew": _turned(5),
    "横放 90° on its side": _turned(90),
    "倒放 180° upside down": _turned(180),
    "模糊 blurred (1.5 px)": lambda image, chance: image.filter(ImageFilter.GaussianBlur(1.5)),
    "很模糊 blurred (4 px)": lambda image, chance: image.filter(ImageFilter.GaussianBlur(4)),
    "噪点 noisy": _noisy,
    "压缩 JPEG 20": _squeezed,
    "分辨率减半 half the size": _smaller,
    "分辨率三分之一 a third of the size": _tiny,
    "阴影 shaded": _shaded,
}


def measured(papers: int, seed: int) -> Iterator[tuple[str, Counter[str], Counter[str], float]]:
    """Of each way to spoil them: fields found exactly, fields there were, and seconds a paper."""
    ocr = Ocr()
    for name, spoil in SPOILT.items():
        chance = random.Random(seed)
        right, there, began = Counter[str](), Counter[str](), time.monotonic()
        for number in range(papers):
            drawn = (invoice if number % 2 else contract)(chance)
            with TemporaryDirectory() as folder:
                place = Path(folder) / "paper.png"
                spoil(drawn.picture, chance).save(place)
                reading = read(place, "image/png", ocr.read, Path(folder) / "pages")
            found = {(one.kind, one.value) for one in reading.found}
            there.update(kind for kind, _ in drawn.fields)
            right.update(kind for kind, value in drawn.fields if (kind, value) in found)
        yield name, right, there, (time.monotonic() - began) / papers


def main(papers: int = 20, seed: int = 5) -> None:
    """Print the table of `docs/recognition.md`."""
    kinds = ("amount", "date", "party", "invoice_no", "credit_code")
    print("| | 金额 amount | 日期 date | 单位 party | 发票号码 invoice no. | 信用代码 credit code | 秒/页 s a page |")
    print("|---|---|---|---|---|---|---|")
    for name, right, there, seconds in measured(papers, seed):
        cells = " | ".join(f"{right[kind]}/{there[kind]}" for kind in kinds)
        print(f"| {name} | {cells} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
