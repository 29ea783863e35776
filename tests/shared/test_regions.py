"""The county's codes."""

import pytest

from shared import regions
from shared.principals import Grant


def test_nine_towns_and_their_villages() -> None:
    assert regions.COUNTY == "330421000000"
    assert [town.zh for town in regions.towns()][:5] == ["魏塘街道", "罗星街道", "惠民街道", "大云镇", "西塘镇"]
    assert len(regions.towns()) == 9
    assert len(regions.villages()) == sum(len(regions.villages(town.code)) for town in regions.towns()) > 90


def test_levels_and_towns_of_codes() -> None:
    village = regions.villages("330421103000")[0]
    assert (village.code, village.level) == ("330421103201", "village")
    assert regions.town_of(village.code) == "330421103000"
    city = regions.city_of(village.code)
    assert city == "330400000000"
    assert [regions.level_of(code) for code in (village.code, "330421103000", regions.COUNTY, city)] == [
        "village",
        "town",
        "county",
        "city",
    ]
    assert Grant("auditor", city).covers(village.code)
    assert not Grant("auditor", city).covers("330521103201")


def test_an_unknown_code_keeps_its_digits_as_name() -> None:
    assert regions.name("330421103201") == "地甸村"
    assert regions.name("110101001001") == "110101001001"
    with pytest.raises(KeyError):
        regions.region("110101001001")
