"""The county, its towns and villages by their 12-digit codes; the city above it, if named.

They are read once from `regions.yaml`, or from the county's own file of the same form that the environment names by
`REGIONS_FILE`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

Level = Literal["village", "town", "county", "city"]
OURS = Path(__file__).with_name("regions.yaml")
_FIRST_VILLAGE = 201
_VILLAGES_OF_A_TOWN = 999 - _FIRST_VILLAGE + 1


class RegionsUnsound(ValueError):
    """The file of regions can't be used: which file, where in it, and what is wrong."""


class _Named(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    zh: Annotated[str, StringConstraints(min_length=1)]
    en: Annotated[str, StringConstraints(min_length=1)]


class _City(_Named):
    code: Annotated[str, StringConstraints(pattern=r"^[1-9]\d{3}0{8}$")]


class _Town(_Named):
    code: Annotated[str, StringConstraints(pattern=r"^[1-9]\d{8}000$")]
    villages: list[Annotated[str, StringConstraints(pattern=r"^\S+ \S+$")]] = Field(max_length=_VILLAGES_OF_A_TOWN)


class _County(_Named):
    code: Annotated[str, StringConstraints(pattern=r"^[1-9]\d{5}0{6}$")]
    city: _City | None = None
    towns: list[_Town] = Field(min_length=1)


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


def read(file: Path) -> tuple[dict[str, Region], Region | None]:
    """The county, towns and villages of a file by their codes, and the city it names; raises `RegionsUnsound`."""
    try:
        county = _County.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RegionsUnsound(f"{file}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise RegionsUnsound(f"{file}: {'.'.join(map(str, first['loc'])) or '-'}: {first['msg']}") from error
    found: dict[str, Region] = {}
    for each in _regions(county):
        if each.code in found or county_of(each.code) != county.code:
            raise RegionsUnsound(f"{file}: {each.code} {each.zh} is given twice, or is no code of {county.code}")
        found[each.code] = each
    city = county.city
    return found, Region(city.code, city.zh, city.en, "city") if city else None


def _regions(county: _County) -> Iterator[Region]:
    yield Region(county.code, county.zh, county.en, "county")
    for town in county.towns:
        yield Region(town.code, town.zh, town.en, "town")
        for number, village in enumerate(town.villages, start=_FIRST_VILLAGE):
            zh, en = village.split()
            yield Region(f"{town.code[:9]}{number}", zh, en, "village")


_REGIONS, CITY = read(Path(os.environ.get("REGIONS_FILE") or OURS))
COUNTY = next(iter(_REGIONS))
