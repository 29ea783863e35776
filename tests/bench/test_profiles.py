"""Profiles are told by function, with own time and that of what it calls."""

from tests.bench import profiles

_STACKS = (
    "main (services/detector/app.py:1);judge (services/detector/judging.py:90) 3",
    "serve (uvicorn/server.py:7);Config.load_app (uvicorn/config.py:9);create (a.py:1) 9",
    "main (services/detector/app.py:1);judge (services/detector/judging.py:95);load (/x/site-packages/y/z.py:7) 1",
)


def test_own_time_and_that_of_calls_are_told_apart() -> None:
    own, whole = profiles.counted(_STACKS)
    assert own == {"judge services/detector/judging.py": 3, "load y/z.py": 1}
    assert whole["main services/detector/app.py"] == 4
    assert "| 75.0 | 100.0 | `judge services/detector/judging.py` |" in profiles.page("replay", {"detector": _STACKS})
