"""One paper twice, and two papers from one form."""

from services.approval.recognition.extraction import extract
from services.approval.recognition.likeness import Traits, alike, bands_of, resemblance, sketch_of
from services.approval.recognition.lines import Box, Line

CONTRACT = """采购合同
甲方:地甸村股份经济合作社
乙方:宏达办公用品有限公司
经双方协商一致,甲方向乙方采购办公桌椅一批,双方订立本合同,共同遵守。
一、乙方应于签订之日起十五日内将货物送至甲方指定地点并安装完毕。
二、货物验收合格后甲方一次性付清全部价款,乙方开具正式发票。
三、货物质量保修期为一年,保修期内乙方免费维修更换。
合同金额:¥12,300.00元
签订日期:2026年3月1日"""


def read(text: str, look: int | None = None) -> Traits:
    lines = [Line(t, 1, Box(0, i, 9, i + 1), 0.9) for i, t in enumerate(text.splitlines())]
    return Traits.of(sketch_of(lines), look, extract(lines))


def test_a_paper_read_with_mistakes_is_the_same_paper() -> None:
    again = read(CONTRACT.replace("安装完毕", "安装宗毕").replace("保修期为", "保修朗为"))
    found = alike(read(CONTRACT), again)
    assert found
    assert found.how == "text"
    assert set(bands_of(read(CONTRACT).sketch)) & set(bands_of(again.sketch))


def test_the_order_of_lines_says_nothing() -> None:
    turned = "\n".join(reversed(CONTRACT.splitlines()))
    assert alike(read(CONTRACT), read(turned)) is not None


def test_one_form_filled_in_twice_is_two_papers() -> None:
    other = read(CONTRACT.replace("12,300.00", "9,800.00"))
    assert resemblance(read(CONTRACT).sketch, other.sketch) > 0.6
    assert alike(read(CONTRACT), other) is None


def test_another_text_is_another_paper() -> None:
    other = read(
        "会议纪要\n村民代表会议于三月二日召开,到会代表三十五人,讨论通过了道路硬化项目的预算方案并形成决议,全体签名。"
    )
    assert alike(read(CONTRACT), other) is None


def test_an_invoice_is_known_by_its_number_and_amount() -> None:
    one, other = read("发票号码:03321001\n合计:¥3,600.00"), read("No.03321001\n共计\n价税合计:¥3,600.00")
    found = alike(one, other)
    assert found
    assert found.how == "invoice"
    assert alike(one, read("发票号码:03321001\n合计:¥800.00")) is None
    assert alike(one, read("发票号码:03321002\n合计:¥3,600.00")) is None


def test_pictures_without_text_are_known_by_their_look() -> None:
    look = int("5a" * 32, 16)
    found = alike(read("", look), read("", look ^ 0b111))
    assert found
    assert (found.how, found.likeness) == ("look", 0.99)
    assert alike(read("", look), read("", ~look & (1 << 256) - 1)) is None
    assert alike(read("", None), read("", look)) is None
