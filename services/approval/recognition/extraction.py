"""Amounts, dates, parties and numbers in the lines of a paper, each with its place and score. Pure.

What the reader confuses is forgiven where only one meaning is left: Y for ¥, full-width signs, blanks in numbers.
ID numbers, accounts and telephones are never among what is found.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from typing import Any, Literal

from services.approval.recognition.lines import Box, Line
from services.approval.recognition.numerals import NUMERAL, amount_in_words, digits_in_words, whole_number
from shared.identity import valid_id_no

Kind = Literal["amount", "date", "party", "invoice_no", "credit_code"]
_MOST = 200
_MOST_FEN = 10**14
_LEVEL = 25


@dataclass(frozen=True)
class Found:
    """One thing found. `value`: fen, an ISO date, a name or a number; `role` what the paper calls it, if anything."""

    kind: Kind
    role: str
    value: str
    page: int
    box: Box
    score: float

    @property
    def id(self) -> str:
        """Names it among what was found on its paper."""
        told = f"{self.kind}|{self.role}|{self.value}|{self.page}|{self.box}"
        return "f" + hashlib.sha256(told.encode()).hexdigest()[:12]

    def to_row(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Found":
        """From its JSON."""
        return cls(**{**row, "box": Box(**row["box"])})


def extract(lines: Sequence[Line]) -> tuple[Found, ...]:
    """What is found, in the order of the page; each once a place."""
    plain = [Line(normal(line.text), line.page, line.box, line.score) for line in lines]
    found: dict[str, Found] = {}
    for number, line in enumerate(plain):
        for one in (*_amounts(line), *_dates(line), *_numbers(line), *_parties(plain, number)):
            found.setdefault(one.id, one)
    return tuple(_with_sides(list(found.values())))[:_MOST]


def normal(text: str) -> str:
    """A line in one way of writing: half-width signs, no blanks within numbers."""
    told = re.sub("[‐‑–—−]", "-", unicodedata.normalize("NFKC", text))
    return re.sub(r"(?<=[\d¥,.])\s+(?=[\d,.])", "", told)


def _found(line: Line, kind: Kind, role: str, value: str, span: tuple[int, int]) -> Found:
    start, end, whole = (_width(line.text[:place]) for place in (*span, len(line.text)))
    place = line.box.part(start / whole, end / whole)
    return Found(kind, role, value, line.page, place, round(line.score, 3))


def _width(text: str) -> int:
    """How wide a text is: a Chinese sign takes two places."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


_NUMBER = r"(?:\d{1,3}(?:[,.]\d{3})+(?:\.\d{1,2})?|\d{1,12}(?:\.\d{1,6})?)"
_FIGURES = re.compile(
    rf"(?:(?P<sign>¥|(?<![A-Za-z])[Yy](?=\d[\d,]*\.\d\d))|(?<![\d.,A-Za-z]))(?P<number>{_NUMBER})(?![\d.,]*\d)"
    rf"(?:\s?(?P<unit>万元|亿元|元|圆))?"
)
_WORDS = re.compile(rf"{NUMERAL}+[元圆圓](?:{NUMERAL}角)?(?:零?{NUMERAL}分)?[整正]?")
_TOTAL = re.compile(
    r"价税合计|合计|总计|总价|总金额|总额|合同金额|合同价|成交价|中标价|金额大写|大写|小写|实付|应付|结算价"
)
_MONEY = re.compile(r"金额|价|款|费|合计|总计|小写")
_TIMES = {None: 100, "元": 100, "圆": 100, "万元": 10**6, "亿元": 10**10}


def _amounts(line: Line) -> Iterator[Found]:
    role = "total" if _TOTAL.search(line.text) else ""
    for match in _FIGURES.finditer(line.text):
        cents = re.search(r"\.\d\d$", match["number"]) and _MONEY.search(line.text[: match.start()])
        bare = re.fullmatch(r"[\s¥]*" + re.escape(match["number"]) + r"\s*", line.text) and "." in match["number"]
        if not (match["sign"] or match["unit"] or cents or bare):
            continue
        fen = _fen(match["number"], match["unit"])
        if fen is not None:
            yield _found(line, "amount", role, str(fen), match.span())
    for match in _WORDS.finditer(line.text):
        fen = amount_in_words(match.group())
        if fen is not None and len(match.group()) > 2:
            yield _found(line, "amount", role or "total", str(fen), match.span())


def _fen(number: str, unit: str | None) -> int | None:
    # A dot before three digits that more follow was a comma.
    whole = re.sub(r"[,.](?=\d{3}(?:[,.]|$))", "", number) if re.search(r"[,.]\d{3}[,.]|,", number) else number
    try:
        fen = Decimal(whole) * _TIMES[unit]
    except InvalidOperation:
        return None
    return int(fen) if fen == fen.to_integral_value() and 0 < fen <= _MOST_FEN else None


_DATE = re.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d\d)\s*(?:年|[-./])\s*(?P<m>\d{1,2})\s*(?:月|[-./])\s*(?P<d>\d{1,2})(?!\d)\s*日?"
)
_DATE_WORDS = re.compile(
    r"(?<![〇零○一二三四五六七八九])(?P<y>[〇零○OoО0一二三四五六七八九]{4}|二二[一二三四五六七八九])年(?P<m>[一二三四五六七八九十〇零]{1,3})月(?P<d>[一二三四五六七八九十廿卅〇零]{1,4})日"
)
_SIGNED = re.compile(r"签订|签署|签约|签字|订立")
_INVOICED = re.compile(r"开票")


def _dates(line: Line) -> Iterator[Found]:
    role = "invoiced" if _INVOICED.search(line.text) else "signed" if _SIGNED.search(line.text) else ""
    for match in (*_DATE.finditer(line.text), *_DATE_WORDS.finditer(line.text)):
        day = _day(match["y"], match["m"], match["d"])
        if day:
            yield _found(line, "date", role, day.isoformat(), match.span())


def _day(year: str, month: str, day: str) -> date | None:
    year = re.sub("[OoО0]", "〇", year) if not year.isdigit() else year
    # The reader overlooks the round sign of 二〇二五, and only one year is left then.
    year = f"二〇二{year[-1]}" if len(year) == 3 else year
    numbers = [year if year.isdigit() else digits_in_words(year), *(_small(part) for part in (month, day))]
    try:
        return None if None in numbers else date(*(int(str(number)) for number in numbers))
    except ValueError:
        return None


def _small(text: str) -> str | None:
    if text.isascii():
        return text
    number = whole_number(text.lstrip("〇零").replace("廿", "二十").replace("卅", "三十"))
    return None if number is None else str(number)


_INVOICE = re.compile(r"(?:发票号码|发票号|发票代码及号码|[Nn][Oo0][.:]?)\s*[::]?\s*(?P<number>\d{20}|\d{8})(?!\d)")
_CODE = re.compile(r"(?<![0-9A-Z])[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}(?![0-9A-Z])")
_CODE_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def _numbers(line: Line) -> Iterator[Found]:
    for match in _INVOICE.finditer(line.text):
        yield _found(line, "invoice_no", "", match["number"], match.span("number"))
    for match in _CODE.finditer(line.text):
        if valid_credit_code(match.group()) and not valid_id_no(match.group()):
            yield _found(line, "credit_code", "", match.group(), match.span())


def valid_credit_code(code: str) -> bool:
    """Whether a unified social credit code (GB 32100) has 18 signs and its check digit."""
    if len(code) != 18 or any(sign not in _CODE_SIGNS for sign in code):
        return False
    total = sum(_CODE_SIGNS.index(sign) * pow(3, place, 31) for place, sign in enumerate(code[:17]))
    return _CODE_SIGNS[-total % 31] == code[17]


_SELLER = "乙方|销售方|销货方|销货单位|供货方|供方|卖方|出卖人|承包方|承包人|承揽方|施工方|中标人|中标单位|成交供应商"
_SELLER += "|承租方|承租人|收款人|收款单位"
_BUYER = "甲方|购买方|购货方|购货单位|采购方|采购人|需方|买方|买受人|发包方|发包人|招标人|出租方|出租人|付款人|付款单位"
_LABEL = re.compile(
    rf"(?:(?P<seller>{_SELLER})|(?P<buyer>{_BUYER}))\s*(?:名称|信息)?\s*(?:\([^)]{{0,14}}\))?\s*(?:名称)?\s*:\s*(?:名称\s*:)?\s*"
)
_NAMED = re.compile(r"(?:^|[销购买卖方息\s])名\s*称\s*:\s*(?P<name>.+)")
_NAME_ENDS = re.compile(
    r"\s{2,}|统一社会|纳税人|信用代码|地址|电话|法定代表|法人代表|开户|账号|帐号|签字|盖章|签章|\(盖|\(签|日期|身份证|[;;,,。]|乙方|销售方|卖方"
    r"|销\s*售|(?<=\s)名\s*称"
)
_OTHER_LABEL = re.compile(r"[::]|代码|地址|电话|日期|金额")


def _parties(lines: Sequence[Line], number: int) -> Iterator[Found]:
    line = lines[number]
    labels = list(_LABEL.finditer(line.text))
    for label, following in zip_longest(labels, labels[1:]):
        role, start = "seller" if label["seller"] else "buyer", label.end()
        told = line.text[start : following.start() if following else None]
        name = _name(told)
        if name:
            yield _found(line, "party", role, name, (start, start + len(name)))
        elif not told.strip():
            yield from _party_beside(lines, number, role)
    for match in () if labels else _NAMED.finditer(line.text):
        name, start = _name(match["name"]), match.start("name")
        if name:
            yield _found(line, "party", "", name, (start, start + len(name)))


def _party_beside(lines: Sequence[Line], number: int, role: str) -> Iterator[Found]:
    beside = _beside(lines, number)
    name = _name(beside.text) if beside and not _OTHER_LABEL.search(beside.text) else None
    if beside and name:
        yield _found(beside, "party", role, name, (0, len(beside.text)))


def _name(text: str) -> str | None:
    name = _NAME_ENDS.split(text.strip())[0].strip(" _:.")
    letters = sum("\u4e00" <= char <= "\u9fff" for char in name)
    return name if letters >= 2 and len(name) <= 60 and not re.search(r"\d{5}", name) else None


def _beside(lines: Sequence[Line], number: int) -> Line | None:
    """The line that goes on to the right of one, at the same height."""
    own = lines[number]
    level = (own.box.bottom - own.box.top) or 1
    right = [
        line
        for line in lines
        if line.page == own.page and line.box.left >= own.box.right - 5 and abs(line.box.top - own.box.top) < level
    ]
    return min(right, key=lambda line: line.box.left, default=None)


def _with_sides(found: list[Found]) -> Iterator[Found]:
    """Two names without a side on one page are an invoice's: the buyer stands above, or left at the same height."""
    bare = [one for one in found if one.kind == "party" and not one.role]
    for one in found:
        pair = sorted((b for b in bare if b.page == one.page), key=lambda b: b.box.top)
        if one in bare and len(pair) == 2:
            level = abs(pair[0].box.top - pair[1].box.top) < _LEVEL
            first = min(pair, key=lambda b: b.box.left) if level else pair[0]
            yield replace(one, role="buyer" if one == first else "seller")
        else:
            yield one
