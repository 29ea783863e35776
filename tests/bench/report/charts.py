"""The charts of the report: Vega-Lite drawn to SVG, each headed by the digest of what it was drawn from."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import altair as alt
import vl_convert

from tests.bench.report import scale
from tests.bench.report.measured import Runs

_FONT = '"PingFang SC", "Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei", sans-serif'
_GOOD, _SHORT, _OURS, _THEIRS = "#2f7d4f", "#c4281c", "#1f5fa8", "#d99a1c"
_WIDTH = 620


def specs(runs: Runs) -> dict[str, str]:
    """What each chart is drawn from, by its name; none of what wasn't measured."""
    made = {"goals": _goals(runs), "engine": _engine(runs), "costs": _costs(runs)}
    return {name: _spec(chart) for name, chart in made.items() if chart is not None}


def draw(spec: str) -> str:
    """A chart as SVG."""
    svg: str = vl_convert.vegalite_to_svg(spec)
    return f"<!-- {digest(spec)} -->\n{svg}\n"


def digest(spec: str) -> str:
    """What tells whether a drawn chart is of this spec."""
    return hashlib.sha256(spec.encode()).hexdigest()


def _spec(chart: Any) -> str:
    config = {"font": _FONT, "background": "white", "axis": {"labelFontSize": 12, "titleFontWeight": "normal"}}
    return json.dumps(chart.to_dict() | {"config": config}, ensure_ascii=False, sort_keys=True)


def _goals(runs: Runs) -> Any:
    some = [one for one in runs.all if one.of_goal and not one.name.startswith(("recall_", "precision_"))]
    if not some:
        return None
    rows = [
        {"name": one.name, "times": min(max(round(one.of_goal or 0, 3), 0.01), 100), "reached": str(one.reached)}
        for one in sorted(some, key=lambda one: one.of_goal or 0)
    ]
    base = alt.Chart(alt.InlineData(values=rows))
    color = alt.Color(
        "reached:N", scale=alt.Scale(domain=["True", "False"], range=[_GOOD, _SHORT]), legend=None
    )  # fmt: skip
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(
        y=alt.Y("name:N", sort=None, axis=alt.Axis(title=None, labelLimit=260, grid=True)),
        x=alt.X(
            "times:Q",
            scale=alt.Scale(type="log", domain=[0.01, 100]),
            axis=alt.Axis(
                title="目标的倍数 times the goal (log, 0.01 to 100)", values=[0.01, 0.1, 1, 10, 100], format="~g"
            ),
        ),
        color=color,
    )
    line = alt.Chart(alt.InlineData(values=[{"one": 1}])).mark_rule(color="#5c6370").encode(x="one:Q")
    return (line + dots).properties(width=_WIDTH, height=alt.Step(18))


def _engine(runs: Runs) -> Any:
    sides = (
        ("引擎 the engine", "engine_events_per_s", _THEIRS),
        ("我们,同样的规则 ours, the same rules", "detector_subset_events_per_s", _OURS),
        ("我们,全部规则 ours, all rules", "detector_whole_events_per_s", _OURS),
    )
    found = [(side, one.value, color) for side, name, color in sides if (one := runs.figure(name))]
    return _bars({side: value for side, value, _ in found}, "events/s", [color for *_, color in found])


def _costs(runs: Runs) -> Any:
    found = {server: one.value for server in scale.SERVERS if (one := runs.figure(f"cost_cpu_us_{server}"))}
    return _bars(found, "µs / event", [_OURS] * len(found))


def _bars(values: Mapping[str, float], unit: str, colors: list[str]) -> Any:
    if not values:
        return None
    rows = [{"name": name, "value": value} for name, value in values.items()]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("name:N", sort=None, axis=alt.Axis(title=None, labelLimit=320)),
        x=alt.X("value:Q", axis=alt.Axis(title=unit, tickCount=6)),
    )
    color = alt.Color("name:N", scale=alt.Scale(domain=list(values), range=colors), legend=None)
    told = base.mark_text(align="left", dx=4).encode(text=alt.Text("value:Q", format=",.0f"))
    return (base.mark_bar().encode(color=color) + told).properties(width=_WIDTH, height=alt.Step(30))
