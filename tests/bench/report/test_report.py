"""The report is as its measured figures, and says of each that isn't reached why."""

import pytest

from tests.bench.report import charts, naming, scale
from tests.bench.report.__main__ import PAGE, PICTURES, profiles, read
from tests.bench.report.measured import Measured, Runs
from tests.bench.report.page import page


def test_page_and_charts_are_as_the_figures() -> None:
    runs = read()
    specs = charts.specs(runs)
    drawn = {path.stem: path.read_text(encoding="utf-8").splitlines()[0] for path in PICTURES.glob("*.svg")}
    assert PAGE.read_text(encoding="utf-8") == page(runs, naming.load(), list(specs), profiles()), (
        "run make report ARGS=--redraw"
    )
    assert drawn == {name: f"<!-- {charts.digest(spec)} -->" for name, spec in specs.items()}


def test_every_figure_that_falls_short_is_explained() -> None:
    short = {one.name for one in read().all if one.reached is False and not one.name.startswith(("recall_", "prec"))}
    assert short <= naming.load().why.keys(), "say why in figures.yaml"


@pytest.mark.parametrize(
    ("value", "unit", "reach", "reached"),
    [
        (24.9, "ms", 25, True),
        (25.1, "ms", 25, False),
        (9_999, "events/s", 10_000, False),
        (0, "alerts", 0, True),
        (1, "alerts", 0, False),
        (3, "events/s", 0, None),
        (3, "ms", None, None),
    ],
)
def test_a_figure_is_reached_by_the_direction_of_its_unit(
    value: float, unit: str, reach: float | None, reached: bool | None
) -> None:
    assert Measured("x", value, unit, reach, "", "bench").reached is reached


def test_a_hundred_counties_cost_a_hundred_times_one() -> None:
    told = {"unit": "", "reach": None, "how": ""}
    cpu = {f"cost_cpu_us_{server}": {"value": 1_000, **told} for server in scale.SERVERS}
    memory = {f"cost_memory_mb_{server}": {"value": 500, **told} for server in scale.SERVERS}
    bytes_ = {f"cost_{server}_bytes": {"value": 2_000, **told} for server in ("kafka", "postgres")}
    one, _, hundred = scale.costs(Runs({"bench": cpu | memory | bytes_}))
    assert (one.kafka_gb, one.core_hours, one.memory_gb) == (0.15, 0.125, 3.0)
    assert hundred.core_hours == 100 * one.core_hours
    assert scale.costs(Runs({"bench": cpu})) == []
