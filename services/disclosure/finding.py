"""Villages by what people type: Chinese, English, pinyin or its initials (xt finds 西塘), or a code. Pure."""

import re
from functools import lru_cache

from pypinyin import Style, lazy_pinyin

from services.disclosure.schemas import Named, TownEntry
from shared.texts import fold

_LATIN = re.compile(r"[a-z][a-z' -]*")
_BETWEEN = re.compile(r"[' -]+")


def matching(towns: tuple[TownEntry, ...], words: str) -> tuple[TownEntry, ...]:
    """The towns with those of their villages that the words name; naming a town finds all of it."""
    asked = fold(words).text.strip()
    if not asked:
        return towns
    found = []
    for town in towns:
        some = tuple(each for each in town.villages if _names(town.town, asked) or _names(each.village, asked))
        if some:
            found.append(town.model_copy(update={"villages": some}))
    return tuple(found)


def _names(place: Named, asked: str) -> bool:
    if asked in fold(f"{place.zh} {place.en} {place.code}").text:
        return True
    return bool(_LATIN.fullmatch(asked)) and any(said.startswith(_BETWEEN.sub("", asked)) for said in _spoken(place.zh))


@lru_cache(maxsize=4096)
def _spoken(name: str) -> tuple[str, str]:
    return "".join(lazy_pinyin(name)), "".join(lazy_pinyin(name, style=Style.FIRST_LETTER))
