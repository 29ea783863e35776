"""The public end points of disclosure, as `tests/disclosure/access.yaml` tells who may reach what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import yaml

_FILE = Path(__file__).parent.parent / "disclosure" / "access.yaml"
_PARAMETER = re.compile(r"{(\w+)}")
# What a parameter of a path names, where it has another name: a case is called by its id or number.
_CALLED = {"key": "case_id"}
_OF_TOWNS = "/towns/"


@dataclass(frozen=True)
class Route:
    """One end point that anybody may read."""

    path: str

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """What its path names, in order."""
        return tuple(self._called(name) for name in _PARAMETER.findall(self.path))

    def values(self, path: str) -> Mapping[str, str] | None:
        """What a path names if it is one of this end point."""
        found = self._shape.fullmatch(path)
        return dict(zip(self.parameters, found.groups(), strict=True)) if found else None

    def at(self, value: str) -> str:
        """The path that names a value; of an end point with one parameter."""
        return _PARAMETER.sub(value, self.path)

    def _called(self, name: str) -> str:
        return "town" if name == "code" and _OF_TOWNS in self.path else _CALLED.get(name, name)

    @cached_property
    def _shape(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(self.path)))


def public_routes() -> list[Route]:
    """All of them; where two fit a path, the one that names less comes first."""
    told = yaml.safe_load(_FILE.read_text(encoding="utf-8"))["end_points"]
    found = [
        Route(name.split()[1]) for name, line in told.items() if name.startswith("GET ") and line["who"] == "anyone"
    ]
    return sorted(found, key=lambda route: (len(route.parameters), -len(route.path)))


def route_of(url: str, routes: list[Route]) -> tuple[Route, Mapping[str, str]] | None:
    """The end point of a URL and what it names; none when nobody may read it without an account."""
    path = urlsplit(url).path
    return next(((route, values) for route in routes if (values := route.values(path)) is not None), None)
