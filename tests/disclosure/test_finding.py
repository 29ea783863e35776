"""A village is found by whatever people type of its name."""

import pytest

from services.disclosure.finding import matching
from services.disclosure.schemas import Named, TownEntry, VillageEntry, VillageLinks
from shared import regions


def county() -> tuple[TownEntry, ...]:
    def village(code: str) -> VillageEntry:
        return VillageEntry(village=Named.region(code), links=VillageLinks.of(code))

    return tuple(
        TownEntry(
            town=Named.region(town.code), villages=tuple(village(each.code) for each in regions.villages(town.code))
        )
        for town in regions.towns()
    )


@pytest.mark.parametrize("words", ["西塘", "xt", "XT", "ｘｔ", "xitang", "Xi tang", "xitangzhen"])
def test_a_town_is_found_by_its_name_pinyin_and_initials(words: str) -> None:
    assert "西塘镇" in [town.town.zh for town in matching(county(), words)]


def test_naming_a_town_finds_all_its_villages_and_naming_a_village_finds_it() -> None:
    town = next(each for each in county() if each.town.zh == "西塘镇")
    assert matching(county(), "西塘镇") == (town,)
    village = town.villages[0].village
    found = [each.village for one in matching(county(), village.code) for each in one.villages]
    assert found == [village]


def test_nothing_asked_finds_all_and_nonsense_finds_none() -> None:
    assert matching(county(), "  ") == county()
    for words in ("qqq", "%", "塘x", "'"):
        assert not matching(county(), words), words
