"""What is found in the lines of papers, with its place; and what must never be found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.approval.recognition.extraction import Found, extract, valid_credit_code
from services.approval.recognition.lines import Box, Line


def lines(*texts: str) -> list[Line]:
    return [Line(text, 1, Box(100, 50 + 40 * i, 900, 80 + 40 * i), 0.98) for i, text in enumerate(texts)]


def values(kind: str, *texts: str) -> list[str]:
    return [found.value for found in extract(lines(*texts)) if found.kind == kind]


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("合同金额:¥12,300.00元", ["1230000"]),
        ("(小写)¥ 12,300.00", ["1230000"]),
        ("总价12300元", ["1230000"]),
        ("工程造价约 3.5 万元", ["3500000"]),
        ("合计 1.234.567.89 元", ["123456789"]),
        ("金额 12.300.00", ["1230000"]),
        ("价税合计(大写)壹万贰仟叁佰元整 (小写)Y12,300.00", ["1230000", "1230000"]),
        ("押金 200元,租金 1,800元", ["20000", "180000"]),
        ("数量 12.50 平方米", []),
        ("12300", []),
        ("税率 13%", []),
        ("电话 13800000000", []),
    ],
)
def test_amounts(text: str, fen: list[str]) -> None:
    assert values("amount", text) == fen


def test_a_total_is_told_from_a_price() -> None:
    found = extract(lines("单价:¥300.00", "价税合计(小写):¥3,600.00"))
    assert [(one.value, one.role) for one in found] == [("30000", ""), ("360000", "total")]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("签订日期:2025年3月1日", "2025-03-01"),
        ("签订日期:二〇二五年三月一日", "2025-03-01"),
        ("二O二五年十二月三十一日", "2025-12-31"),
        ("开票日期:2025 年 03 月 01 日", "2025-03-01"),
        ("2025-3-1", "2025-03-01"),
        ("签订日期:二二五年一月十八日", "2025-01-18"),
        ("二十二五年一月十八日", None),
        ("2025.03.15前交货", "2025-03-15"),
        ("2025年2月30日", None),
        ("二〇二五年十三月一日", None),
        ("编号12025-03-011", None),
    ],
)
def test_dates(text: str, day: str | None) -> None:
    assert values("date", text) == ([day] if day else [])


def test_what_a_date_is_of() -> None:
    roles = [one.role for one in extract(lines("签订日期:2025年3月1日", "开票日期:2025年3月2日", "2025年3月3日"))]
    assert roles == ["signed", "invoiced", ""]


@pytest.mark.parametrize(
    ("texts", "parties"),
    [
        (("甲方:地甸村股份经济合作社",), [("buyer", "地甸村股份经济合作社")]),
        (("乙方(供货方):宏达办公用品有限公司(盖章)",), [("seller", "宏达办公用品有限公司")]),
        (("销售方名称:宏达五金商店 纳税人识别号:91",), [("seller", "宏达五金商店")]),
        (("甲方:地甸村 乙方:宏达商店",), [("buyer", "地甸村"), ("seller", "宏达商店")]),
        (("名称:地甸村", "名称:宏达五金商店"), [("buyer", "地甸村"), ("seller", "宏达五金商店")]),
        (("出租方(甲方):青山村村民委员会",), [("buyer", "青山村村民委员会")]),
        (("甲方:________",), []),
        (("甲方应当在收货后付款",), []),
    ],
)
def test_parties(texts: tuple[str, ...], parties: list[tuple[str, str]]) -> None:
    assert [(one.role, one.value) for one in extract(lines(*texts)) if one.kind == "party"] == parties


def test_a_name_may_stand_beside_its_label() -> None:
    label = Line("乙方:", 1, Box(100, 100, 180, 130), 0.9)
    name = Line("宏达五金商店", 1, Box(200, 102, 400, 131), 0.8)
    [found] = extract([label, name])
    assert (found.role, found.value, found.box, found.score) == ("seller", "宏达五金商店", name.box, 0.8)


def test_invoice_numbers_and_credit_codes() -> None:
    code = with_check_digit("91330421MA2B1C2D3")
    assert values("invoice_no", "发票号码:25332000000012345678") == ["25332000000012345678"]
    assert values("invoice_no", "发票号码 03321001") == ["03321001"]
    assert values("invoice_no", "发票号码:123456789") == []
    assert values("credit_code", f"统一社会信用代码:{code}") == [code]
    assert values("credit_code", f"统一社会信用代码:{code[:-1]}{'0' if code[-1] != '0' else '1'}") == []


def with_check_digit(body: str) -> str:
    return next(body + sign for sign in "0123456789ABCDEFGHJKLMNPQRTUWXY" if valid_credit_code(body + sign))


@given(st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17), st.integers(0, 16), st.integers(1, 30))
def test_a_misread_sign_never_passes_the_check(body: str, place: int, by: int) -> None:
    signs = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    code = with_check_digit(body)
    wrong = signs[(signs.index(code[place]) + by) % 31]
    assert not valid_credit_code(code[:place] + wrong + code[place + 1 :])


@pytest.mark.parametrize("text", ["身份证 110101199003078515", "账号 6222021203012345678", "手机 13812345678"])
def test_what_names_a_person_is_never_found(text: str) -> None:
    assert extract(lines(text)) == ()


def test_the_place_is_the_part_of_the_line() -> None:
    [found] = extract([Line("合同金额为¥300.00", 2, Box(0, 100, 1000, 140), 0.91)])
    assert (found.page, found.score) == (2, 0.91)
    assert found.box == Box(588, 100, 1000, 140)


@given(st.lists(st.text("甲乙方名称::元¥0123456789年月日.,壹万 ()", max_size=30), max_size=6))
def test_any_lines_are_read_and_what_is_found_survives_storing(texts: list[str]) -> None:
    for found in extract(lines(*texts)):
        assert Found.from_row(found.to_row()) == found
        assert found.box.left <= found.box.right
