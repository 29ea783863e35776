"""Numbers that lead to a person, wherever they stand in a text: identity, telephone, account, e-mail. Pure.

Any signs may stand between the digits, but no letters and no Chinese characters. Dates and times are spared.
"""

import re

from shared.texts import Folded

# Signs that people, or whoever wants to hide a number, write between its digits.
_S = r"[\W_]{0,4}"
_ID_OR_ACCOUNT = rf"\d(?:{_S}\d){{12,}}(?:{_S}x(?![a-z]))?"
_MOBILE = rf"(?:\+?{_S}86{_S})?1{_S}[3-9](?:{_S}\d){{9}}"
_LANDLINE = rf"0(?:{_S}\d){{9,11}}"
_NUMBER = re.compile(rf"(?<!\d)(?:{_ID_OR_ACCOUNT}|{_MOBILE}|{_LANDLINE})(?!\d)")
# A shorter one is told by the word before it.
_CALLED = re.compile(
    rf"(?:电话|手机|座机|联系方式|身份证|账号|帐号|卡号|微信|tel|phone|mobile|qq)[^\d\n]{{0,8}}(\d(?:{_S}\d){{4,}}x?)"
)
# Written in characters: no other text has eight of them in a row.
_IN_CHARACTERS = re.compile(r"[〇零一二三四五六七八九幺壹贰叁肆伍陆柒捌玖]{8,}")
_E_MAIL = re.compile(r"[a-z0-9._%+-]+\s*(?:@|\[at\]|\(at\))\s*[a-z0-9-]+(?:\s*\.\s*[a-z0-9-]+)+")
_CLOCK = r"(?:[01]?\d|2[0-4])\s?:\s?[0-5]\d(?::[0-5]\d)?"
_DAY = r"(?:19|20)\d{2}[^\w*]?(?:0?[1-9]|1[0-2])[^\w*]?(?:0?[1-9]|[12]\d|3[01])"
_DATES = re.compile(rf"(?:{_DAY}|{_CLOCK})(?:[^\w*]{{1,3}}(?:{_DAY}|{_CLOCK}))*")


def found(folded: Folded) -> list[tuple[int, int]]:
    """Where such numbers stand in a folded text."""
    text = folded.text
    spans = [each.span() for each in _NUMBER.finditer(text) if not _DATES.fullmatch(each[0])]
    spans += [each.span(1) for each in _CALLED.finditer(text)]
    for pattern in (_IN_CHARACTERS, _E_MAIL):
        spans += [each.span() for each in pattern.finditer(text)]
    return spans
