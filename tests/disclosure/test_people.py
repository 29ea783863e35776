"""Who is a person and who a firm, and how a person is shown."""

import pytest

from services.disclosure.people import is_organisation, mask, organisation

PERSONS = [
    "周镇海",
    "王小明(农业银行)",
    "张三代超市付",
    "王小明(个体工商户)",
    "王小明个体工商户",
    "王小明、嘉善云河建设有限公司",
    "王小明 嘉善云河建设有限公司",
    "王小明与嘉善云河建设有限公司",
    "王小明的商店",
    "嘉善云河建设有限公司王小明",
    "Wang Ming",
    "",
]
FIRMS = [
    "嘉善云河建设有限公司",
    "嘉善永和建设有限公司",
    "嘉善农商银行(魏塘支行)",
    "嘉善农商银行魏塘支行",
    "嘉善建设(集团)有限公司",
    "嘉善王小明建材店(个体工商户)",
    "黄河家庭农场",
    "蒋村村民委员会",
    "县农业农村局",
    "Jiaxing Trading Co., Ltd.",
    "嘉善云河建设有限公司、嘉善南塘建设有限公司",
    "嘉善雲河建設有限公司",
]


@pytest.mark.parametrize("name", PERSONS)
def test_a_party_is_a_person_when_in_doubt(name: str) -> None:
    assert not is_organisation(name)


@pytest.mark.parametrize("name", FIRMS)
def test_a_firm_is_told_by_the_end_of_its_name(name: str) -> None:
    assert is_organisation(name)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("嘉善云河建设有限公司(王小明)", "嘉善云河建设有限公司"),
        ("嘉善农商银行(魏塘支行)", "嘉善农商银行(魏塘支行)"),
        ("嘉善建设(集团)有限公司", "嘉善建设(集团)有限公司"),
    ],
)
def test_what_stands_in_brackets_behind_a_firm_is_shown_only_when_it_is_a_branch(name: str, shown: str) -> None:
    assert organisation(name) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("王小明", "王**"),
        ("王明", "王**"),
        ("王", "**"),
        ("欧阳娜娜", "欧阳**"),
        ("王小明、李四四", "王**、李**"),
        ("王小明和李四四", "王**、李**"),
        ("王小明(户主)", "王**"),
        ("Wang Ming", "W**"),
        ("", "**"),
    ],
)
def test_one_mask_for_all_who_hold_no_office(name: str, shown: str) -> None:
    assert mask(name) == shown
