"""What a case was to cost, what was agreed and what was paid, side by side, with the differences in words. Pure."""

from collections.abc import Iterable, Iterator

from services.disclosure.case_view import HistoryEntry, ShownField
from services.disclosure.schemas import Answer, Bilingual
from shared.formats import yuan

_ROWS = (
    "estimate_fen",
    "budget_fen",
    "award_fen",
    "contract_fen",
    "change_fen",
    "settlement_fen",
    "payment_fen",
    "received_fen",
)
_PLANNED, _AGREED = ("budget_fen", "estimate_fen"), ("contract_fen", "award_fen")
_COMPARED = {"award_fen": _PLANNED, "contract_fen": (_AGREED[1], *_PLANNED), "settlement_fen": (*_AGREED, *_PLANNED)}
_OWED = ("settlement_fen", *_AGREED)
_MOVED = {"payment_fen": ("已付清", "paid in full", "未付", "yet to pay", "多付", "paid too much")}
_MOVED["received_fen"] = ("已收清", "received in full", "未收", "yet to come in", "多收", "received too much")


class MoneyRow(Answer):
    """One amount (fen) as it stands, and how it differs from what it is measured by; none where nothing measures it."""

    name: str
    label: Bilingual
    fen: int
    difference: Bilingual | None = None
    over: bool = False


def money_of(history: Iterable[HistoryEntry]) -> tuple[MoneyRow, ...]:
    """The public amounts of a case by its last word on each; what was put right counts as it was put right."""
    last: dict[str, ShownField] = {}
    for entry in history:
        last |= {field.name: field for field in entry.fields if field.name in _ROWS and not field.corrected}
    return tuple(_rows(last))


def _rows(last: dict[str, ShownField]) -> Iterator[MoneyRow]:
    for name in _ROWS:
        if not (field := last.get(name)):
            continue
        measure = next((last[by] for by in _measures(name) if by in last), None)
        said = _said(name, field.value, measure) if measure else None
        over = measure is not None and field.value > measure.value
        yield MoneyRow(name=name, label=field.label, fen=field.value, difference=said, over=over)


def _measures(name: str) -> tuple[str, ...]:
    return _OWED if name in _MOVED else _COMPARED.get(name, ())


def _said(name: str, fen: int, measure: ShownField) -> Bilingual:
    apart = abs(fen - measure.value)
    if name in _MOVED:
        even_zh, even_en, less_zh, less_en, more_zh, more_en = _MOVED[name]
        if not apart:
            return Bilingual(zh=even_zh, en=even_en)
        zh, en = (more_zh, more_en) if fen > measure.value else (less_zh, less_en)
        return Bilingual(zh=f"{zh} {yuan(apart)}", en=en)
    if not apart:
        return Bilingual(zh=f"与{measure.label.zh}相同", en=f"as the {measure.label.en.lower()}")
    zh, en = ("高", "above") if fen > measure.value else ("低", "below")
    part = f"（{100 * apart / measure.value:.1f}%）" if measure.value > 0 else ""
    return Bilingual(zh=f"比{measure.label.zh}{zh} {yuan(apart)}{part}", en=f"{en} the {measure.label.en.lower()}")
