"""Papers as PDF: a Typst template beside the code that fills it, and data that is never read as markup.

A template begins with

    #import "/shared/paper.typ": paper
    #let data = json(bytes(sys.inputs.data))
    #show: paper.with(title: data.title, foot: data.foot)

and shows a picture that came as SVG text by `#image(bytes(data.chart), format: "svg")`. Chinese needs one of the fonts
of `paper.typ` on the machine (`apt install fonts-noto-cjk`) or in the folder that the setting `fonts_dir` names, read
when a process prints its first paper.
"""

import asyncio
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import typst

from shared.problems import Problem

_ROOT = Path(__file__).parent.parent
_CHINESE = ("CJK SC", "Han Sans SC", "Sans SC", "YaHei", "PingFang SC", "WenQuanYi Micro Hei", "SimHei")


class NoChineseFont(Problem):
    """Nothing on this machine can print Chinese; the page itself can still be printed by a browser."""

    status, code = 503, "no-chinese-font"
    title_zh, title_en = "打印不了中文", "Chinese cannot be printed"

    def __init__(self) -> None:
        super().__init__(
            "服务器上没有中文字体:请管理员安装 fonts-noto-cjk,或在浏览器中打印网页",
            "The server has no Chinese font: have fonts-noto-cjk installed, or print the page from the browser",
        )


async def pdf(template: Path, data: Mapping[str, Any], fonts_dir: Path | None) -> bytes:
    """The template filled with the data (as JSON: strings, numbers, lists, objects) as PDF; raises `NoChineseFont`."""
    return await asyncio.to_thread(_compiled, template, json.dumps(data, ensure_ascii=False), fonts_dir)


def _compiled(template: Path, data: str, fonts_dir: Path | None) -> bytes:
    fonts = _fonts(fonts_dir)
    if not any(family.endswith(_CHINESE) for family in fonts.families()):
        raise NoChineseFont
    compiler = typst.Compiler(root=_ROOT, font_paths=fonts, sys_inputs={"data": data})
    made = compiler.compile(template.read_bytes(), format="pdf")
    assert isinstance(made, bytes)
    return made


@cache
def _fonts(fonts_dir: Path | None) -> typst.Fonts:
    return typst.Fonts(font_paths=[fonts_dir] if fonts_dir else [])
