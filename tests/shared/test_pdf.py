"""Papers as PDF hold the Chinese they were given; data is text, never markup."""

from pathlib import Path

import pytest
import typst
from pypdf import PdfReader

from shared import pdf as printing
from shared.pdf import NoChineseFont, pdf

TEMPLATE = """#import "/shared/paper.typ": paper
#let data = json(bytes(sys.inputs.data))
#show: paper.with(title: data.title, foot: data.foot)
= #data.title
#data.text
#image(bytes(data.chart), format: "svg", width: 40mm)
"""
CHART = '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="20"><text x="0" y="15">柱</text></svg>'


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "sample.typ"
    path.write_text(TEMPLATE, encoding="utf-8")
    return path


async def test_a_paper_holds_its_words_its_chart_and_its_foot(template: Path, tmp_path: Path) -> None:
    data = {"title": "云睛月报", "text": "红色预警 3 条", "foot": "嘉南县", "chart": CHART}
    (tmp_path / "made.pdf").write_bytes(await pdf(template, data, None))
    text = PdfReader(tmp_path / "made.pdf").pages[0].extract_text()
    assert all(word in text for word in ("云睛月报", "红色预警 3 条", "嘉南县", "1 / 1"))


async def test_data_is_never_read_as_markup(template: Path, tmp_path: Path) -> None:
    hostile = '#panic("x") *bold* $x$ #read("/etc/passwd")'
    data = {"title": "t", "text": hostile, "foot": "", "chart": CHART}
    (tmp_path / "made.pdf").write_bytes(await pdf(template, data, None))
    assert hostile in PdfReader(tmp_path / "made.pdf").pages[0].extract_text().replace("\n", " ")


async def test_a_folder_of_fonts_may_be_named(template: Path, tmp_path: Path) -> None:
    assert await pdf(template, {"title": "t", "text": "", "foot": "", "chart": CHART}, tmp_path)


async def test_without_a_chinese_font_it_says_so(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "_fonts", lambda _: typst.Fonts(include_system_fonts=False))
    with pytest.raises(NoChineseFont):
        await pdf(template, {"title": "题", "text": "", "foot": "", "chart": CHART}, None)
