"""The county, its towns and villages by their 12-digit codes, read from `regions.yaml`; the city above it, if named."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

Level = Literal["village", "town", "county", "city"]
_FILE = Path(__file__).with_name("regions.yaml")
_FIRST_VILLAGE = 201


@dataclass(frozen=True, slots=True)
class Region:
    """One county, town or village, or the city above."""

    code: str
    zh: str
    en: str
    level: Level


def region(code: str) -> Region:
    """The region of a code; raises `KeyError` when it is not of this county."""
    return _REGIONS[code]


def name(code: str) -> str:
    """Its Chinese name, or the code itself when unknown."""
    if CITY and code == CITY.code:
        return CITY.zh
    found = _REGIONS.get(code)
    return found.zh if found else code


def towns() -> tuple[Region, ...]:
    """All towns, in the order of their codes."""
    return tuple(each for each in _REGIONS.values() if each.level == "town")


def villages(town_code: str | None = None) -> tuple[Region, ...]:
    """The villages of a town, or of the whole county."""
    found = (each for each in _REGIONS.values() if each.level == "village")
    return tuple(each for each in found if town_code in (None, town_of(each.code)))


def town_of(code: str) -> str:
    """The code of the town that a village (or the town itself) belongs to."""
    return code[:9] + "000"


def county_of(code: str) -> str:
    """The code of the county that a town or village (or the county itself) belongs to."""
    return code[:6] + "000000"


def city_of(code: str) -> str:
    """The code of the city that a county, town or village belongs to, whether `regions.yaml` names it or not."""
    return code[:4] + "00000000"


def level_of(code: str) -> Level:
    """What a code stands for, told by its form alone."""
    if code.endswith("00000000"):
        return "city"
    if code.endswith("000000"):
        return "county"
    return "town" if code.endswith("000") else "village"


def _read(county: dict[str, Any]) -> Iterator[Region]:
    yield Region(county["code"], county["zh"], county["en"], "county")
    for town in county["towns"]:
        yield Region(town["code"], town["zh"], town["en"], "town")
        for number, village in enumerate(town["villages"], start=_FIRST_VILLAGE):
            zh, en = village.split()
            yield Region(f"{town['code'][:9]}{number}", zh, en, "village")


_COUNTY = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
_REGIONS = {each.code: each for each in _read(_COUNTY)}
COUNTY = next(iter(_REGIONS))
# The file's `city: {code, zh, en}`, where a county is supervised from above by the same system.
CITY = Region(**_COUNTY["city"], level="city") if "city" in _COUNTY else None
