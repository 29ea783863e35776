"""Figures as people read them, in Chinese with English beside. Pure."""

from urllib.parse import urlencode

from services.disclosure.cockpit.plan import Definition
from services.disclosure.cockpit.schemas import Figure
from shared.formats import number

_HOURS_OF_A_DAY = 8
_WAN, _YI = 10_000, 100_000_000
# Which list lies behind which figure, and how it is narrowed.
BEHIND = {
    "red": ("alerts", {"grade": "red"}),
    "yellow": ("alerts", {"grade": "yellow"}),
    "process": ("alerts", {"grade": "prompt"}),
    "acknowledged": ("alerts", {"grade": "graded", "state": "acknowledged"}),
    "closed": ("alerts", {"grade": "graded", "state": "closed"}),
    "overdue": ("alerts", {"grade": "graded", "state": "overdue"}),
    "to_acknowledge": ("alerts", {"grade": "graded", "state": "acknowledged"}),
    "to_acknowledge_p90": ("alerts", {"grade": "graded", "state": "acknowledged"}),
    "to_close": ("alerts", {"grade": "graded", "state": "closed"}),
    "to_close_p90": ("alerts", {"grade": "graded", "state": "closed"}),
    "at_stake": ("cases", {"which": "at_stake"}),
    "recovered": ("alerts", {"state": "recovered"}),
    "people": ("alerts", {"state": "judged"}),
    "reopened": ("alerts", {"grade": "graded", "state": "reopened"}),
    "withdrawn": ("alerts", {"state": "withdrawn"}),
    "cases_opened": ("cases", {}),
    "cases_closed": ("cases", {"which": "closed"}),
    "steps": ("steps", {}),
    "steps_late": ("steps", {"late": "true"}),
    "proposals": ("proposals", {}),
    "proposals_answered": ("proposals", {"state": "answered"}),
    "proposals_adopted": ("proposals", {"state": "adopted"}),
    "contractors": ("cases", {"which": "contracted"}),
    "largest": ("cases", {"which": "contracted"}),
    "hhi": ("cases", {"which": "contracted"}),
}


def value(figure: Figure) -> str:
    """`12`, `83.3%`, `6.5 小时`, `12.30 万元`; a dash for nothing."""
    return _shown(figure.unit, figure.value)


def change(figure: Figure, definition: Definition) -> tuple[str, str]:
    """How much more or less than before, and whether that is good, bad or neither. Of few, nothing is said."""
    if figure.value is None or figure.before is None or figure.few:
        return "", "none"
    more = figure.value - figure.before
    if abs(more) < 1e-9:
        return "持平", "none"
    sign = "+" if more > 0 else "−"
    size = f"{abs(more) * 100:.1f} 个百分点" if figure.unit == "share" else _shown(figure.unit, abs(more))
    good = "none" if definition.better == "none" else "good" if (more > 0) == (definition.better == "up") else "bad"
    return f"{sign}{size}", good


def few(figure: Figure) -> str:
    """What is said of a small sample."""
    return f"仅 {figure.of} 例,不足以判断 only {figure.of}" if figure.few else ""


def share(part: float | None) -> str:
    """0.8333 -> `83.3%`."""
    return "—" if part is None else f"{part * 100:.1f}%"


def days(value: float | None) -> str:
    """Working days with one decimal."""
    return "—" if value is None else f"{value:.1f}"


def money(fen: int | float | None) -> str:
    """Fen as 元, 万元 or 亿元, whichever reads best."""
    if fen is None:
        return "—"
    yuan = fen / 100
    if abs(yuan) >= _YI:
        return f"{yuan / _YI:,.2f} 亿元"
    return f"{yuan / _WAN:,.2f} 万元" if abs(yuan) >= _WAN else f"{yuan:,.2f} 元"


def link(list: str, query: dict[str, str], **filters: str) -> str:
    """The list behind a number."""
    return f"/cockpit/{list}?{urlencode(query | {name: text for name, text in filters.items() if text})}"


def behind(key: str, query: dict[str, str]) -> str | None:
    """The list behind a figure; None where there is none."""
    if key not in BEHIND:
        return None
    name, filters = BEHIND[key]
    return link(name, query, **filters)


def _shown(unit: str, value: float | None) -> str:
    if value is None:
        return "—"
    match unit:
        case "share":
            return share(value)
        case "hours":
            return f"{value:.1f} 小时" if value < 3 * _HOURS_OF_A_DAY else f"{value / _HOURS_OF_A_DAY:.1f} 工作日"
        case "fen":
            return money(value)
        case "index":
            return f"{value:,.0f}"
    return number(value)
