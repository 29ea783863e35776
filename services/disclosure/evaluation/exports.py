"""Cards as a file for a spreadsheet. Pure."""

import csv
import io
from collections.abc import Sequence

from openpyxl import Workbook

from services.disclosure.cockpit.exports import MEDIA as MEDIA
from services.disclosure.evaluation.indicators import Plan
from services.disclosure.evaluation.schemas import CardList
from services.disclosure.opendata.tables import Cell, sheet_cell, text

HEAD = (
    *("季度 quarter", "版本 revision", "地区代码 region", "名称 name", "镇 town", "级别 level", "得分 score"),
    *(
        "下限 low",
        "上限 high",
        "档次 bands",
        "可测分值 measured",
        "较上季 change",
        "超出偶然 beyond_chance",
        "否决 vetoes",
    ),
)


def written(cards: CardList, plan: Plan, shape: str) -> bytes:
    """CSV or XLSX, one line a card."""
    rows = [_row(cards, place, plan) for place in range(len(cards.cards))]
    if shape == "csv":
        out = io.StringIO(newline="")
        writer = csv.writer(out)
        writer.writerow(HEAD)
        writer.writerows([text(cell) for cell in row] for row in rows)
        return ("\ufeff" + out.getvalue()).encode()
    book, file = Workbook(write_only=True), io.BytesIO()
    sheet = book.create_sheet("evaluation")
    sheet.append(HEAD)
    for row in rows:
        sheet.append([sheet_cell(cell) for cell in row])
    book.save(file)
    return file.getvalue()


def _row(cards: CardList, place: int, plan: Plan) -> Sequence[Cell]:
    one = cards.cards[place]
    revision: Cell = "暂计 provisional" if cards.revision is None else cards.revision
    bands = "、".join(plan.bands[code].zh for code in one.bands)
    scores = [None if value is None else round(value, 2) for value in (one.score, one.low, one.high)]
    change = None if one.change is None else round(one.change, 2)
    vetoes = "、".join(plan.veto.items[code].zh for code in one.vetoes)
    return (
        *(cards.quarter, revision, one.region.code, one.region.zh, one.town.zh, one.level, *scores, bands),
        *(round(one.measured, 1), change, "是" if one.beyond_chance else "", vetoes),
    )
