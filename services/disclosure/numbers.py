"""Numbers that lead to a person, wherever they stand in a text: identity, telephone, account, e-mail, a car's plate,
the flat somebody lives in. Pure.

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
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PLATE = re.compile(rf"[{_PROVINCES}]{_S}[a-hj-np-z]{_S}(?=[a-z]{{0,3}}\d)[a-hj-np-z0-9]{{5,6}}(?![a-z0-9])")
# A home: what follows the word for it, or a flat by its house and door.
_HOME = re.compile(
    r"(?:住址|家庭地址|家住|现住|居住地)(?:是|为|在)?[^\w\n]{0,3}(?P<told>[^,，。;；、)）\n]{2,40})"
    r"|(?P<flat>[一-鿿]{0,8}\d{1,4}\s?(?:幢|栋|号楼)(?:[^,，。;；、\n]{0,6}单元)?[^,，。;；、\n\d]{0,4}\d{1,4}室)"
)
_CLOCK = r"(?:[01]?\d|2[0-4])\s?:\s?[0-5]\d(?::[0-5]\d)?"
_DAY = r"(?:19|20)\d{2}[^\w*]?(?:0?[1-9]|1[0-2])[^\w*]?(?:0?[1-9]|[12]\d|3[01])"
_DATES = re.compile(rf"(?:{_DAY}|{_CLOCK})(?:[^\w*]{{1,3}}(?:{_DAY}|{_CLOCK}))*")


def found(folded: Folded) -> list[tuple[int, int]]:
    """Where such numbers stand in a folded text."""
    text = folded.text
    spans = [each.span() for each in _NUMBER.finditer(text) if not _DATES.fullmatch(each[0])]
    spans += [each.span(1) for each in _CALLED.finditer(text)]
    spans += [each.span(each.lastgroup or 0) for each in _HOME.finditer(text)]
    for pattern in (_IN_CHARACTERS, _E_MAIL, _PLATE):
        spans += [each.span() for each in pattern.finditer(text)]
    return spans
