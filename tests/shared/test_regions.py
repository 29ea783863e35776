"""The county's codes."""

from pathlib import Path

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


COUNTY = """
code: "330500000000"
city: {code: "330500000000", zh: 湖州市, en: Huzhou}
zh: 德清县
en: Deqing
towns:
- {code: "330521100000", zh: 乾元镇, en: Qianyuan, villages: [金鹅山村 Jineshan]}
""".replace("330500000000", "330521000000", 1)


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ('"330521100000"', "330521100000", "towns.0.code"),
        ('"330521100000"', '"330522100000"', "no code of 330521000000"),
        ("金鹅山村 Jineshan", "金鹅山村", "towns.0.villages.0"),
        ("en: Deqing\n", "", "en"),
        ("towns:", "towns: [", "expected"),
        ('"330500000000"', '"330521000000"', "city.code"),
    ],
)
def test_a_county_s_own_file_is_read_and_its_faults_are_told(tmp_path: Path, wrong: str, right: str, told: str) -> None:
    file = tmp_path / "regions.yaml"
    file.write_text(COUNTY, encoding="utf-8")
    found, city = regions.read(file)
    assert [each.zh for each in found.values()] == ["德清县", "乾元镇", "金鹅山村"]
    assert [city.zh if city else None] == ["湖州市"]
    file.write_text(COUNTY.replace(wrong, right), encoding="utf-8")
    with pytest.raises(regions.RegionsUnsound, match=told):
        regions.read(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(regions.RegionsUnsound, match="none"):
        regions.read(tmp_path / "none.yaml")
