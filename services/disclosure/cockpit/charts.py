"""The cockpit's charts: Vega-Lite drawn to SVG on the server, its text as text, so that the reader's fonts show it."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import altair as alt
import vl_convert

from services.disclosure.cockpit import shown
from services.disclosure.cockpit.schemas import Concentration, Contractor, Group, Node, Outcome, Overview, Slot

WIDTH = 400
_FONT = '"PingFang SC", "Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei", sans-serif'
_RED, _YELLOW, _BLUE, _BRAND, _INK, _SOFT, _LINE = (
    *("#c4281c", "#d99a1c", "#1f5fa8", "#a3261f"),
    *("#1d2129", "#5c6370", "#e2e5ea"),
)
_GRADES = {"红色": _RED, "黄色": _YELLOW, "过程提示": _BLUE}
_MOST_BARS = 10
_LONGEST_LABEL = 200
_FEW_TICKS = 5
_SHORTEST_MONTH = 28


# The renderer completes an address without a host by one of its own; ours is taken off again.
_HERE = "https://here.invalid"
_SPELT = re.compile(r"; 链: [^\";]*(?:;(?! )[^\";]*)*")
Query = Mapping[str, str] | None


def all_of(seen: Overview, query: Query = None) -> dict[str, str]:
    """Each chart of an overview as SVG, empty where there is nothing to draw.

    With the page's `query` each bar leads to the list behind it.
    """
    return {
        "by_time": over_time(seen.by_time, query),
        "by_matter": groups(seen.by_matter, "matter", query),
        "by_place": groups(seen.by_place, "region", query),
        "by_rule": groups(seen.by_rule, "rule", query),
        "outcomes": outcomes(seen.outcomes, query),
        "nodes": nodes(seen.nodes, query),
        "contractors": contractors(seen.contractors, query),
        "places_contracting": concentrations(seen.places_contracting, query),
    }


def over_time(slots: Sequence[Slot], query: Query = None) -> str:
    """Alerts by day, week or month, stacked by grade."""
    rows = [
        {"日期": _label(slot), "等级": name, "层": layer, "数": n, "链": _alerts(query, _days(slot), grade=grade)}
        for slot in slots
        for layer, (name, grade, n) in enumerate(
            zip(_GRADES, ("red", "yellow", "prompt"), (slot.red, slot.yellow, slot.process), strict=True)
        )
    ]
    most = max((slot.red + slot.yellow + slot.process for slot in slots), default=0)
    if not most:
        return ""
    chart = _chart(rows, 190).mark_bar()
    every = max(1, len(slots) // 8)
    labels = [_label(slot) for slot in slots[::every]]
    axis = alt.Axis(values=labels, labelAngle=0, title=None, labelOverlap=True)
    y = alt.Y("数:Q", axis=_count(most))
    return _svg(chart.encode(x=alt.X("日期:O", sort=None, axis=axis), y=y, color=_grade(), order=_order()), query)


def _label(slot: Slot) -> str:
    whole_month = slot.first.day == 1 and (slot.last - slot.first).days >= _SHORTEST_MONTH - 1
    return f"{slot.first:%Y-%m}" if whole_month else f"{slot.first:%m-%d}"


def _days(slot: Slot) -> dict[str, str]:
    return {"from": str(slot.first), "to": str(slot.last), "period": ""}


def groups(some: Sequence[Group], by: str, query: Query = None) -> str:
    """Red and yellow alerts of each matter, place or rule."""
    shown_groups = [group for group in some if group.alerts][:_MOST_BARS]
    rows = [
        {"名": group.name.zh, "等级": name, "层": layer, "数": n, "链": _alerts(query, {by: group.code}, grade=grade)}
        for group in shown_groups
        for layer, (name, grade, n) in enumerate(
            zip(_GRADES, ("red", "yellow"), (group.red, group.yellow), strict=False)
        )
    ]
    if not rows:
        return ""
    chart = _chart(rows, 24 * len(shown_groups)).mark_bar()
    x = alt.X("数:Q", axis=_count(max(group.alerts for group in shown_groups)))
    return _svg(chart.encode(x=x, y=_names(), color=_grade(2), order=_order()), query)


def outcomes(some: Sequence[Outcome], query: Query = None) -> str:
    """How many alerts had each outcome."""
    bars = [(one.name.zh, one.alerts, _alerts(query, {"outcome": one.code}, state="closed")) for one in some]
    return _bars(bars, _count(max((one.alerts for one in some), default=0)), query)


def contractors(some: Sequence[Contractor], query: Query = None) -> str:
    """Each contractor's share of the money."""
    bars = [(one.name, one.share or 0, _contracts(query, {"contractor": one.key})) for one in some]
    return _bars(bars, alt.Axis(title=None, format="%", tickCount=4, grid=True), query)


def concentrations(some: Sequence[Concentration], query: Query = None) -> str:
    """The index of each place that has enough works to tell."""
    bars = [(one.name.zh, one.hhi or 0, _contracts(query, {"region": one.code})) for one in some if not one.few]
    return _bars(bars, alt.Axis(title=None, format="d", tickCount=4, grid=True), query)


def nodes(some: Sequence[Node], query: Query = None) -> str:
    """The slowest nodes: median as a bar, nine tenths as a mark."""
    slow = [node for node in some if not node.few and node.median_days is not None][:_MOST_BARS]
    rows = [
        {
            "名": f"{n.node} {n.name.zh}",
            "中位": n.median_days,
            "九成": n.p90_days,
            "链": _steps(query, {"node": n.node}),
        }
        for n in slow
    ]
    if not rows:
        return ""
    base = _chart(rows, 26 * len(slow))
    axis = alt.Axis(title="工作日(条:中位数,线:九成以内)", tickCount=5, grid=True)
    bar = base.mark_bar(color=_BLUE).encode(x=alt.X("中位:Q", axis=axis), y=_names(), **_link(query))
    tick = base.mark_tick(color=_INK, thickness=2, size=14).encode(x=alt.X("九成:Q"), y=_names())
    return _svg(bar + tick, None)


def _bars(values: Sequence[tuple[str, float, str]], axis: alt.Axis, query: Query) -> str:
    kept = [each for each in values if each[1]][:_MOST_BARS]
    if not kept:
        return ""
    rows = [{"名": name, "数": value, "链": link} for name, value, link in kept]
    chart = _chart(rows, 24 * len(kept)).mark_bar(color=_BRAND)
    return _svg(chart.encode(x=alt.X("数:Q", axis=axis), y=_names()), query)


def _alerts(query: Query, narrowed: Mapping[str, str], **filters: str) -> str:
    return _behind("alerts", query, narrowed, {"grade": "graded"} | filters)


def _contracts(query: Query, narrowed: Mapping[str, str]) -> str:
    return _behind("cases", query, narrowed, {"which": "contracted"})


def _steps(query: Query, narrowed: Mapping[str, str]) -> str:
    return _behind("steps", query, narrowed, {})


def _behind(list: str, query: Query, narrowed: Mapping[str, str], filters: Mapping[str, str]) -> str:
    if query is None:
        return ""
    asked = {name: text for name, text in {**query, **narrowed, **filters}.items() if text}
    return _HERE + shown.link(list, asked)


def _chart(rows: Sequence[dict[str, Any]], height: int) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=list(rows))).properties(width=WIDTH, height=max(height, 40))


def _link(query: Query) -> dict[str, alt.Href]:
    return {} if query is None else {"href": alt.Href("链:N")}


def _names() -> alt.Y:
    return alt.Y("名:N", sort=None, axis=alt.Axis(title=None, labelLimit=_LONGEST_LABEL, ticks=False))


def _count(most: int) -> alt.Axis:
    """Whole numbers only, however few."""
    few = list(range(most + 1)) if most <= _FEW_TICKS else alt.Undefined
    return alt.Axis(title=None, format="d", tickCount=_FEW_TICKS, grid=True, values=few)


def _grade(first: int = len(_GRADES)) -> alt.Color:
    scale = alt.Scale(domain=list(_GRADES)[:first], range=list(_GRADES.values())[:first])
    return alt.Color("等级:N", scale=scale, legend=alt.Legend(title=None, orient="top"))


def _order() -> alt.Order:
    return alt.Order("层:Q")


def _svg(chart: Any, query: Query) -> str:
    chart = chart.encode(**_link(query)) if query is not None else chart
    config = {
        "font": _FONT,
        "background": "transparent",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "view": {"stroke": None},
        "axis": {
            **{"labelColor": _SOFT, "titleColor": _SOFT, "gridColor": _LINE, "domainColor": _LINE, "tickColor": _LINE},
            **{"labelFontSize": 13, "titleFontSize": 13, "titleFontWeight": "normal"},
        },
        "legend": {"labelFontSize": 13, "labelColor": _SOFT},
        "bar": {"cornerRadiusEnd": 2},
    }
    return _drawn(json.dumps(chart.to_dict() | {"config": config}, ensure_ascii=False, sort_keys=True))


@lru_cache(maxsize=256)
def _drawn(spec: str) -> str:
    svg: str = vl_convert.vegalite_to_svg(spec)
    # The table below has the same links: a keyboard needn't pass each bar, and a screen reader needn't spell them.
    return _SPELT.sub("", svg).replace(f'xlink:href="{_HERE}', 'tabindex="-1" href="')
