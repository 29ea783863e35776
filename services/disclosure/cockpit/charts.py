"""The cockpit's charts: Vega-Lite drawn to SVG on the server, its text as text, so that the reader's fonts show it."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import altair as alt
import vl_convert

from services.disclosure.cockpit.schemas import Concentration, Contractor, Group, Node, Outcome, Overview, Slot

WIDTH = 440
_FONT = '"PingFang SC", "Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei", sans-serif'
_RED, _YELLOW, _BLUE, _BRAND, _INK, _SOFT, _LINE = (
    *("#c4281c", "#d99a1c", "#1f5fa8", "#a3261f"),
    *("#1d2129", "#5c6370", "#e2e5ea"),
)
_GRADES = {"红色": _RED, "黄色": _YELLOW, "过程提示": _BLUE}
_MOST_BARS = 10
_LONGEST_LABEL = 150
_SHORTEST_MONTH = 28


def all_of(seen: Overview) -> dict[str, str]:
    """Each chart of an overview as SVG, empty where there is nothing to draw."""
    return {
        "by_time": over_time(seen.by_time),
        "by_matter": groups(seen.by_matter),
        "by_place": groups(seen.by_place),
        "by_rule": groups(seen.by_rule),
        "outcomes": outcomes(seen.outcomes),
        "nodes": nodes(seen.nodes),
        "contractors": contractors(seen.contractors),
        "places_contracting": concentrations(seen.places_contracting),
    }


def over_time(slots: Sequence[Slot]) -> str:
    """Alerts by day, week or month, stacked by grade."""
    rows = [
        {"日期": _label(slot), "等级": name, "层": layer, "数": n}
        for slot in slots
        for layer, (name, n) in enumerate(zip(_GRADES, (slot.red, slot.yellow, slot.process), strict=True))
    ]
    if not any(row["数"] for row in rows):
        return ""
    chart = _chart(rows, 190).mark_bar()
    every = max(1, len(slots) // 8)
    labels = [_label(slot) for slot in slots[::every]]
    axis = alt.Axis(values=labels, labelAngle=0, title=None, labelOverlap=True)
    return _svg(
        chart.encode(
            x=alt.X("日期:O", sort=None, axis=axis), y=alt.Y("数:Q", axis=_count()), color=_grade(), order=_order()
        )
    )


def _label(slot: Slot) -> str:
    whole_month = slot.first.day == 1 and (slot.last - slot.first).days >= _SHORTEST_MONTH - 1
    return f"{slot.first:%Y-%m}" if whole_month else f"{slot.first:%m-%d}"


def groups(some: Sequence[Group]) -> str:
    """Red and yellow alerts of each matter, place or rule."""
    shown = [group for group in some if group.alerts][:_MOST_BARS]
    rows = [
        {"名": group.name.zh, "等级": name, "层": layer, "数": n}
        for group in shown
        for layer, (name, n) in enumerate(zip(_GRADES, (group.red, group.yellow), strict=False))
    ]
    if not rows:
        return ""
    chart = _chart(rows, 24 * len(shown)).mark_bar()
    return _svg(chart.encode(x=alt.X("数:Q", axis=_count()), y=_names(), color=_grade(2), order=_order()))


def outcomes(some: Sequence[Outcome]) -> str:
    """How many alerts had each outcome."""
    return _bars([(one.name.zh, one.alerts) for one in some], "d")


def contractors(some: Sequence[Contractor]) -> str:
    """Each contractor's share of the money."""
    return _bars([(one.name, one.share or 0) for one in some], "%")


def concentrations(some: Sequence[Concentration]) -> str:
    """The index of each place that has enough works to tell."""
    return _bars([(one.name.zh, one.hhi or 0) for one in some if not one.few], "d")


def nodes(some: Sequence[Node]) -> str:
    """The slowest nodes: median as a bar, nine tenths as a mark."""
    shown = [node for node in some if not node.few and node.median_days is not None][:_MOST_BARS]
    rows = [{"名": f"{n.name.zh} {n.node}", "中位": n.median_days, "九成": n.p90_days} for n in shown]
    if not rows:
        return ""
    base = _chart(rows, 26 * len(shown))
    axis = alt.Axis(title="工作日(条:中位数,线:九成以内)", tickCount=5, grid=True)
    bar = base.mark_bar(color=_BLUE).encode(x=alt.X("中位:Q", axis=axis), y=_names())
    tick = base.mark_tick(color=_INK, thickness=2, size=14).encode(x=alt.X("九成:Q"), y=_names())
    return _svg(bar + tick)


def _bars(values: Sequence[tuple[str, float]], shape: str) -> str:
    shown = [(name, value) for name, value in values if value][:_MOST_BARS]
    if not shown:
        return ""
    rows = [{"名": name, "数": value} for name, value in shown]
    axis = alt.Axis(title=None, format=shape, tickCount=4, grid=True)
    chart = _chart(rows, 24 * len(shown)).mark_bar(color=_BRAND)
    return _svg(chart.encode(x=alt.X("数:Q", axis=axis), y=_names()))


def _chart(rows: Sequence[dict[str, Any]], height: int) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=list(rows))).properties(width=WIDTH, height=max(height, 40))


def _names() -> alt.Y:
    return alt.Y("名:N", sort=None, axis=alt.Axis(title=None, labelLimit=_LONGEST_LABEL, ticks=False))


def _count() -> alt.Axis:
    return alt.Axis(title=None, format="d", tickMinStep=1, tickCount=5, grid=True)


def _grade(first: int = len(_GRADES)) -> alt.Color:
    scale = alt.Scale(domain=list(_GRADES)[:first], range=list(_GRADES.values())[:first])
    return alt.Color("等级:N", scale=scale, legend=alt.Legend(title=None, orient="top"))


def _order() -> alt.Order:
    return alt.Order("层:Q")


def _svg(chart: Any) -> str:
    config = {
        "font": _FONT,
        "background": "transparent",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "view": {"stroke": None},
        "axis": {
            **{"labelColor": _SOFT, "titleColor": _SOFT, "gridColor": _LINE, "domainColor": _LINE, "tickColor": _LINE},
            **{"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
        },
        "legend": {"labelFontSize": 12, "labelColor": _SOFT},
        "bar": {"cornerRadiusEnd": 2},
    }
    return _drawn(json.dumps(chart.to_dict() | {"config": config}, ensure_ascii=False, sort_keys=True))


@lru_cache(maxsize=256)
def _drawn(spec: str) -> str:
    svg: str = vl_convert.vegalite_to_svg(spec)
    return svg
