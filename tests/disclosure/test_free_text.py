"""However it is written, a number that leads to a person is struck out; dates, quantities and codes stay."""

import time

import pytest

from services.disclosure.free_text import LONGEST, cut, scrub
from services.disclosure.people import keys

HIDDEN = [
    "138.0013.8000",
    "138/0013/8000",
    "138–0013–8000",
    "138  0013  8000",
    "(138)0013-8000",
    "138\n00138000",
    "138、0013、8000",
    "+86 138 0013 8000",
    "１３８００１３８０００",
    "①③⑧⓪⓪①③⑧⓪⓪⓪",
    "1️⃣3️⃣8️⃣0️⃣0️⃣1️⃣3️⃣8️⃣0️⃣0️⃣0️⃣",
    "138\ufe0f00138000",
    "138\u180e00138000",
    "138\u316400138000",
    "138\U000e002000138000",
    "138\u200b0013\u200b8000",
    "(0573)84021234",
    "0573-84021234",
    "057384021234",
    "330421.19800101.1234",
    "33042119800101123X",
    "330421 19800101 123x",
    "6222 0212 0000 1234 567",
    "wang@qq.com",
    "wang.xm+1 @ mail.example.com",
    "幺三八零零幺三八零零零",
    "浙F·A1234",
    "浙ＦＡ１２３４",
    "浙FD12345",
    "银杏新村12幢3单元501室",
]


@pytest.mark.parametrize("number", HIDDEN)
@pytest.mark.parametrize(("before", "after"), [("", ""), ("联系", "谢谢"), ("编号2,", "。")])
def test_a_number_is_struck_out_however_it_is_written(number: str, before: str, after: str) -> None:
    shown = scrub(f"{before}{number}{after}")
    assert not any(char.isdigit() for char in shown.removeprefix("编号2"))
    assert not any(word in shown for word in ("qq", "mail", "幺"))
    assert shown.endswith(after)


def test_a_shorter_number_is_told_by_the_word_before_it() -> None:
    assert scrub("电话:84021234,面积84021234平方") == "电话:********,面积84021234平方"


def test_a_home_is_told_by_the_word_before_it() -> None:
    assert scrub("住址:银杏路12号,修路灯") == "住址:******,修路灯"
    assert scrub("王小明家住东港路3弄,已核实", keys("王小明")) == "王**家住*****,已核实"


def test_a_name_in_rarer_characters_is_one_as_well() -> None:
    assert scrub("联系人王𬭚,村民李㛃𬭚。") == "联系人王**,村民李**。"


KEPT = [
    "20260301-20260430",
    "2026-03-01 至 2026-04-30",
    "2026.3.1-2026.4.30",
    "每日08:00-11:30,13:30-17:00开放",
    "2026-03-01 08:30",
    "330421107201-EN1-2026-0001",
    "硬化1200米,宽3.5米,厚0.18米,造价380000.00元",
    "100m²、200㎡",
    "二〇二六年三月",
    "村民代表会议",
    "黄河家庭农场",
    "国家补助,困难家庭,种植户",
    "保证金账户、车辆已过户",
    "浙江F1234号井",
    "苏浙A级企业名录",
    "新建厂房3幢,共2026平方",
    "办公楼3号楼会议室",
]


@pytest.mark.parametrize("text", KEPT)
def test_dates_quantities_and_codes_stay(text: str) -> None:
    assert scrub(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("贫困户王小明", "贫困户王**"),
        ("户主:王小明", "户主:王**"),
        ("村民王小明,路灯", "村民王**,路灯"),
        ("祝英台家门口", "祝**家门口"),
        ("欧阳娜娜家", "欧阳**家"),
        ("张伟户屋顶", "张**户屋顶"),
        ("孙慕雪女士", "孙**女士"),
    ],
)
def test_who_is_spoken_of_is_struck_out_best_effort(text: str, shown: str) -> None:
    assert scrub(text) == shown
    assert scrub(shown) == shown


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("张 三", "发给张三", "发给张**"),
        ("张三", "发给张 三", "发给张**"),
        ("王小明、李四四", "李四四与王小明", "李**与王**"),
        ("王小明;李四四", "李四四", "李**"),
        ("王小明和李四四", "李四四", "李**"),
        ("李和平", "李和平在", "李**在"),
        ("王小明(户主)", "王小明的路", "王**的路"),
        ("户主王小明", "王小明的路", "王**的路"),
        ("嘉善某店(王小明)", "王小明的路", "王**的路"),
        ("王·小明", "王小明、王 小 明、王.小_明", "王**、王**、王**"),
        ("張偉", "张伟与張偉", "张**与張**"),
        ("张伟", "張偉", "張**"),
        ("Wang Ming", "WANG MING, wangming; limited", "W**, w**; limited"),
        ("孙慕雪", "孙\u2060慕雪在场", "孙**在场"),
        ("张三代超市付", "张三来了", "张**来了"),
    ],
)
def test_a_name_is_struck_out_however_it_is_written(name: str, text: str, shown: str) -> None:
    assert scrub(text, keys(name)) == shown


def test_names_one_after_another_strike_out_as_much_as_all_at_once() -> None:
    for first, second in (("王小", "王小明"), ("小明", "王小明"), ("王小明", "王小")):
        assert scrub(scrub("王小明", keys(first)), keys(second)) == "王**"
        assert scrub("王小明", keys(first) | keys(second)) == "王**"


@pytest.mark.parametrize("at", range(LONGEST - 12, LONGEST + 2))
@pytest.mark.parametrize("secret", ["13800138000", "王小明"])
def test_what_lies_on_the_cut_is_struck_out_before_the_cut(at: int, secret: str) -> None:
    shown = cut(scrub("灯" * at + secret + "灯" * 50, keys("王小明")))
    assert len(shown) <= LONGEST + 1
    assert set(shown) <= set("灯*王…")


def test_the_cut_leaves_no_part_of_a_number() -> None:
    assert cut("灯" * (LONGEST - 4) + "123456789012") == "灯" * (LONGEST - 4) + "…"
    assert cut("短") == "短"


@pytest.mark.parametrize(
    "hostile", ["1 " * 2000, "1    " * 800, "a@" * 2000, "0-" * 2000, "张" * 4000, "2026-03-01 " * 400]
)
def test_no_text_takes_long(hostile: str) -> None:
    began = time.perf_counter()
    scrub(hostile, keys("王小明"))
    assert time.perf_counter() - began < 1
