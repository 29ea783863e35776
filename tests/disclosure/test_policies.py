"""Which policies hold on a day, for whom and in which village; what a policy may say."""

import re
import uuid
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services import disclosure
from services.disclosure.policies.plan import plan
from services.disclosure.policies.policy import Content, Version, chosen, in_force, newest, of_village, state

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = date(2026, 3, 10)
POLICY = uuid.UUID(int=7)
SAID: dict[str, Any] = {
    **{"title_zh": "高龄津贴", "title_en": "Allowance for the very old", "groups": ["elderly"]},
    **{"benefit": "按月发放到社会保障卡", "amount_fen": 10_000, "unit": "person_month"},
    **{
        "conditions": "年满八十周岁的老年人",
        "applying": "到村便民服务中心申请",
        "papers": "户口簿、社会保障卡",
    },
    **{"office": "镇便民服务中心", "issuer": "县民政局", "document_no": "示民发〔2026〕3号", "flow": "RE1"},
    **{"valid_from": "2026-01-01", "valid_to": "2026-12-31"},
}


def version(number: int = 1, *, published: bool = True, withdrawn: bool = False, **said: Any) -> Version:
    return Version(
        policy_id=POLICY,
        version=number,
        region="330421000000",
        content=Content.model_validate(SAID | said),
        written_at=NOW,
        published_at=NOW if published else None,
        withdrawn_at=NOW if withdrawn else None,
    )


def test_a_village_has_its_own_its_towns_and_its_countys_policies() -> None:
    assert of_village("330421107201") == ("330421107201", "330421107000", "330421000000")


def test_a_change_holds_from_its_first_day_and_the_old_version_until_then() -> None:
    old, new = version(1), version(2, valid_from="2026-07-01")
    assert newest([old, new], date(2026, 6, 30)) == old
    assert newest([old, new], date(2026, 7, 1)) == new
    assert state(new, [old, new], DAY) == "coming"
    assert state(old, [old, new], date(2026, 7, 1)) == "replaced"


@pytest.mark.parametrize(
    ("one", "is_"),
    [
        (version(), "in_force"),
        (version(published=False), "draft"),
        (version(withdrawn=True), "withdrawn"),
        (version(valid_to="2026-03-09"), "over"),
        (version(valid_to="2026-03-10"), "in_force"),
        (version(valid_from="2026-03-11"), "coming"),
    ],
)
def test_only_what_is_in_force_holds(one: Version, is_: str) -> None:
    assert state(one, [one], DAY) == is_
    assert bool(in_force([one], DAY)) == (is_ == "in_force")


@given(st.lists(st.tuples(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.booleans(), st.booleans()), max_size=6))
def test_of_one_policy_at_most_one_version_holds(made: list[tuple[date, bool, bool]]) -> None:
    some = [
        version(n, published=published, withdrawn=withdrawn, valid_from=begins.isoformat(), valid_to=None)
        for n, (begins, published, withdrawn) in enumerate(made, start=1)
    ]
    holding = in_force(some, DAY)
    assert len(holding) <= 1
    assert all(each.holds(DAY) for each in holding)


def test_policies_are_found_by_group_and_words() -> None:
    old, all_ = version(), version(groups=["everybody"], title_zh="春耕补贴")
    assert chosen([old, all_], "elderly", "") == [old, all_]
    assert chosen([old, all_], "farmers", "") == [all_]
    assert chosen([old, all_], "", "津贴 3号") == [old]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"valid_to": "2025-12-31"}, "valid_to"),
        ({"groups": []}, "groups"),
        ({"groups": ["gods"]}, "groups"),
        ({"unit": "per_wish"}, "unit"),
        ({"unit": ""}, ""),
        ({"amount_fen": -1}, "amount_fen"),
        ({"flow": "PR1"}, "flow"),
        ({"title_zh": " "}, "title_zh"),
        ({"benefit": "长" * 2001}, "benefit"),
        ({"valid_from": "2026-02-30"}, "valid_from"),
    ],
)
def test_what_a_policy_can_not_say_is_told_by_field(said: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as told:
        Content.model_validate(SAID | said)
    assert [".".join(map(str, each["loc"])) for each in told.value.errors()] == [field]


def test_persons_and_numbers_are_struck_out_and_plain_words_stay() -> None:
    plain = Content.model_validate(SAID)
    assert plain.masked() == plain
    told = Content.model_validate(SAID | {"office": "联系人:王建国 13812345678"}).masked()
    assert "13812345678" not in told.office
    assert "王建国" not in told.office
    assert told.masked() == told


def test_the_database_lets_the_same_posts_write_as_the_list_names() -> None:
    migration = (Path(disclosure.__file__).parent / "migrations/0010_policies.sql").read_text(encoding="utf-8")
    named = re.search(r"split_part\(held, '@', 1\) IN \(([^)]*)\)", migration)
    assert named is not None
    assert set(re.findall(r"'(\w+)'", named[1])) == set(plan().writers)
