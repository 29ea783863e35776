"""公示: the notice of a case as a paper to hang up, from what is public of the case alone."""

from datetime import datetime
from pathlib import Path
from typing import Self

from services.disclosure import qr
from services.disclosure.case_view import CaseView, ShownField
from services.disclosure.cases import Case
from services.disclosure.errors import NoSuchNotice
from services.disclosure.masking import Masks
from services.disclosure.money import MoneyRow, money_of
from services.disclosure.schemas import Answer, Bilingual, Named
from services.disclosure.vocabulary import Vocabulary
from shared.formats import local_time, yuan
from shared.pdf import pdf

_TEMPLATE = Path(__file__).parent / "templates" / "notice.typ"
_SAID = ("item", "asset_name", "location", "supplier_name", "beneficiary_name", "hire_name", "position", "relief_kind")
_RELIEF = "relief_fen"


class Notice(Answer):
    """What was decided, for how much, with whom, from when to when (UTC): as it was put up, and put right since."""

    case_id: str
    case_no: str
    title: Bilingual
    village: Named
    town: Named
    matter: Named
    flow: Named
    node: Named
    begins_at: datetime
    ends_at: datetime
    decided: tuple[ShownField, ...]
    money: tuple[MoneyRow, ...]

    @classmethod
    def of(cls, case: Case, node: str | None, masks: Masks, words: Vocabulary) -> Self:
        """The notice at a node, or the latest, of what still stands; raises `NoSuchNotice`."""
        notices = case.notices
        node = node or next(reversed(notices), None)
        if node is None or node not in notices:
            raise NoSuchNotice("这个案件没有公示,或公示已不作数", "The case has no notice, or none that still stands")
        view = CaseView.at(case, notices[node], masks, words)
        put_up = [each for each in view.history if each.notice_ends_at and each.node and each.node.code == node][-1]
        told = {field.name for each in view.history if each.sequence <= put_up.sequence for field in each.fields}
        held = [each for each in view.history if each.sequence <= put_up.sequence or each.kind.code == "amended"]
        last = {
            field.name: field for each in held for field in each.fields if field.name in told and not field.corrected
        }
        return cls(
            case_id=case.case_id,
            case_no=case.case_no,
            title=view.title,
            village=view.village,
            town=view.town,
            matter=view.matter,
            flow=view.flow,
            node=Named.of(node, words.flow(case.flow, case.flow_version).nodes[node]),
            begins_at=put_up.at,
            ends_at=notices[node],
            decided=tuple(last[name] for name in (*_SAID, _RELIEF) if name in last),
            money=tuple(row for row in money_of(held) if row.name in told),
        )


async def printed(notice: Notice, address: str, fonts_dir: Path | None) -> bytes:
    """The notice as PDF, with the code of the village's page at this address; raises `NoChineseFont`."""
    rows = [[f"{each.label.zh} {each.label.en}", _text(each)] for each in notice.decided]
    rows += [[f"{each.label.zh} {each.label.en}", _compared(each)] for each in notice.money]
    data = {
        "title": f"公示:{notice.title.zh}",
        "foot": f"{notice.village.zh} 村级小微权力公开 Village power in public view",
        "village": notice.village.zh,
        "town": notice.town.zh,
        "heading": notice.title.zh,
        "node": f"{notice.node.zh} {notice.node.en}",
        "rows": [
            ["编号 No.", notice.case_no],
            ["事项 Matter", f"{notice.matter.zh} · {notice.flow.zh} {notice.flow.en}"],
            *rows,
        ],
        "begins": local_time(notice.begins_at),
        "ends": local_time(notice.ends_at),
        "code": qr.draw(address, "svg").decode(),
        "address": address,
    }
    return await pdf(_TEMPLATE, data, fonts_dir)


def _text(field: ShownField) -> str:
    return yuan(field.value) if field.kind == "money" else " ".join(filter(None, (str(field.value), field.value_en)))


def _compared(row: MoneyRow) -> str:
    return f"{yuan(row.fen)}　{row.difference.zh}" if row.difference else yuan(row.fen)
