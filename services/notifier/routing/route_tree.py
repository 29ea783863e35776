"""The tree of routes: how it is written, read and checked, and which way an alert takes through it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.notifier.errors import BadRoutes
from shared import workdays, yaml_text
from shared.contracts.alerts import Alert, Bilingual, Grade
from shared.contracts.base import RegionCode
from shared.contracts.power import Matter
from shared.principals import Grant
from shared.problems import FieldError, field_errors
from shared.words import words

Place = Literal["village", "town", "county", "city"]
PLACES: tuple[Place, ...] = ("village", "town", "county", "city")
FILE = Path(__file__).with_name("routing.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Seat(_Strict):
    """A post, seen from the alert: a role at its village, town, county or city."""

    role: str
    at: Place


class Wait(_Strict):
    """How long until a step joins, in one unit: working hours, working days (to the day's end), hours by the clock."""

    working_hours: Annotated[float, Field(ge=0, le=1000)] = 0
    working_days: Annotated[int, Field(ge=0, le=250)] = 0
    hours: Annotated[float, Field(ge=0, le=8760)] = 0

    def after(self, moment: datetime) -> datetime:
        """When it has passed since a moment, in UTC."""
        if self.working_days:
            return workdays.add_working_days(moment, self.working_days)
        if self.working_hours:
            return workdays.add_working_hours(moment, self.working_hours)
        return moment + timedelta(hours=self.hours)

    @property
    def units(self) -> int:
        """How many units are given."""
        return sum(1 for value in (self.working_hours, self.working_days, self.hours) if value)


class StepLine(_Strict):
    """One step of an escalation: who joins, and how long after the one before (the first: after the term's end)."""

    after: Wait
    to: Annotated[tuple[Seat, ...], Field(min_length=1)]


class Match(_Strict):
    """What a node takes: all that is given must hold. A region takes all below it; `rules` are rule ids."""

    regions: tuple[RegionCode, ...] = ()
    grades: tuple[Grade, ...] = ()
    matters: tuple[Matter, ...] = ()
    rules: tuple[str, ...] = ()
    village_visible: bool | None = None

    @property
    def anything(self) -> bool:
        """Whether it takes every alert."""
        return self == Match()

    def misses(self, alert: Alert) -> str | None:
        """The first condition that doesn't hold, by its name; None when it takes the alert."""
        if self.regions and not any(Grant("", code).covers(alert.village_code) for code in self.regions):
            return "regions"
        if self.grades and alert.grade not in self.grades:
            return "grades"
        if self.matters and alert.matter not in self.matters:
            return "matters"
        if self.rules and alert.rule_id not in self.rules:
            return "rules"
        if self.village_visible is not None and alert.village_visible is not self.village_visible:
            return "village_visible"
        return None


class Node(_Strict):
    """One node: what it takes, and what it says about those that come to it; what is None its parent says."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
    match: Match = Match()
    onward: Annotated[bool, Field(alias="continue")] = False
    to: Annotated[tuple[Seat, ...] | None, Field(min_length=1)] = None
    escalation: tuple[StepLine, ...] | None = None
    why: Bilingual | None = None
    routes: tuple["Node", ...] = ()


@dataclass(frozen=True)
class Tried:
    """A node that was asked, at which depth, and why it did not take the alert; None when it did."""

    name: str
    depth: int
    misses: str | None
    adds: bool = False


@dataclass(frozen=True)
class Way:
    """The way of an alert: all nodes asked in turn, and what the nodes that took it say together."""

    tried: tuple[Tried, ...]
    to: tuple[Seat, ...]
    escalation: tuple[StepLine, ...]
    why: Bilingual

    @property
    def path(self) -> tuple[str, ...]:
        """The names of the nodes that took it, from the root."""
        return tuple(one.name for one in self.tried if one.misses is None)


class Tree(_Strict):
    """A whole tree of routes."""

    above: Mapping[str, Seat]
    last: Seat
    route: Node

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.route.to is None or self.route.escalation is None or self.route.why is None:
            raise ValueError("the root must say to, escalation and why / 根节点须写明 to、escalation、why")
        return self

    def way(self, alert: Alert) -> Way:
        """Which way an alert takes."""
        assert self.route.to is not None
        assert self.route.escalation is not None
        assert self.route.why is not None
        tried = [Tried(self.route.name, 0, None)]
        to, escalation, why = self.route.to, self.route.escalation, self.route.why
        more: list[Seat] = []
        reasons: list[Bilingual] = []
        node: Node | None = self.route
        depth = 0
        while node:
            depth += 1
            node = _next(node, alert, depth, tried, more, reasons)
            if node:
                to = node.to if node.to is not None else to
                escalation = node.escalation if node.escalation is not None else escalation
                why = node.why or why
        return Way(tuple(tried), tuple(dict.fromkeys((*to, *more))), escalation, _joined(why, *reasons))


def _next(
    node: Node, alert: Alert, depth: int, tried: list[Tried], more: list[Seat], reasons: list[Bilingual]
) -> Node | None:
    """The first child that takes the alert further; those that only add have been heard before it."""
    for child in node.routes:
        misses = child.match.misses(alert)
        tried.append(Tried(child.name, depth, misses, adds=child.onward))
        if misses is None and not child.onward:
            return child
        if misses is None:
            more += child.to or ()
            reasons += [child.why] if child.why else []
    return None


def _joined(*reasons: Bilingual) -> Bilingual:
    return Bilingual(zh=";".join(one.zh for one in reasons), en=". ".join(one.en for one in reasons))


# --- reading a tree ---------------------------------------------------------------------------------------------------

_At = tuple[str | int, ...]


@lru_cache(maxsize=64)
def read(text: str) -> Tree:
    """The tree of a YAML text; raises `BadRoutes` with line and column of each fault."""
    try:
        root, plain = yaml_text.read(text)
    except yaml_text.Unreadable as error:
        raise BadRoutes(errors=[FieldError(f"tree:{error.line}:{error.column}", error.zh, error.en)]) from error
    if root is None or not isinstance(plain, dict):
        raise BadRoutes(errors=[FieldError("tree:1:1", "应为 above、last、route 三项", "Give above, last and route")])
    places = dict(_places(root, ()))
    try:
        tree = Tree.model_validate(plain)
    except ValidationError as error:
        told = [(tuple(e["loc"]), field_errors([e])[0]) for e in error.errors()]
        raise BadRoutes(errors=[_placed(places, at, fault.zh, fault.en) for at, fault in told]) from error
    if faults := [_placed(places, *fault) for fault in _faults(tree)]:
        raise BadRoutes(errors=faults)
    return tree


def default() -> Tree:
    """The tree of the file."""
    return read(FILE.read_text(encoding="utf-8"))


def _places(node: yaml.Node, at: _At) -> Iterator[tuple[_At, yaml.Mark]]:
    yield at, node.start_mark
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _places(value, (*at, key.value))
            yield (*at, key.value), key.start_mark
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _places(value, (*at, number))


def _placed(places: Mapping[_At, yaml.Mark], at: _At, zh: str, en: str) -> FieldError:
    """A fault with the line and column of what it is about, or of what that should be in."""
    known = at
    while known not in places:
        known = known[:-1]
    mark, path = places[known], ".".join(str(part) for part in at) or "tree"
    line, column = mark.line + 1, mark.column + 1
    return FieldError(f"tree:{line}:{column}", f"第 {line} 行第 {column} 列,{path}:{zh}", f"{path}: {en}")


_Fault = tuple[_At, str, str]


def _faults(tree: Tree) -> Iterator[_Fault]:
    """What pydantic can't see: names twice, roles unknown, nodes never reached, ways up that lead nowhere."""
    names: set[str] = set()
    yield from _root_faults(tree.route)
    for at, node in _nodes(tree.route, ("route",)):
        if node.name in names:
            yield (*at, "name"), f"名称“{node.name}”重复", f"The name “{node.name}” is used twice"
        names.add(node.name)
        yield from _node_faults(at, node)
        for where, seat in _seats(at, node):
            yield from _seat_faults(tree, where, seat)
    for role, seat in tree.above.items():
        yield from _above_faults(tree, role, seat)
    if tree.last.role not in words().roles:
        yield ("last", "role"), f"没有“{tree.last.role}”这一角色", f"There is no role “{tree.last.role}”"
    if tree.last.at != "county":
        yield ("last", "at"), "兜底岗位须在县一级", "The last resort must be the county's"


def _nodes(node: Node, at: _At) -> Iterator[tuple[_At, Node]]:
    yield at, node
    for number, child in enumerate(node.routes):
        yield from _nodes(child, (*at, "routes", number))


def _seats(at: _At, node: Node) -> Iterator[tuple[_At, Seat]]:
    for number, seat in enumerate(node.to or ()):
        yield (*at, "to", number), seat
    for step_number, step in enumerate(node.escalation or ()):
        for number, seat in enumerate(step.to):
            yield (*at, "escalation", step_number, "to", number), seat


def _root_faults(root: Node) -> Iterator[_Fault]:
    if not root.match.anything:
        yield ("route", "match"), "根节点须接收全部预警,不写 match", "The root takes every alert: no match there"
    if root.onward:
        yield ("route", "continue"), "根节点不能写 continue", "The root can't continue"


def _node_faults(at: _At, node: Node) -> Iterator[_Fault]:
    if node.onward and (node.to is None or node.escalation is not None or node.routes):
        yield (
            (*at, "continue"),
            "带 continue 的节点只增加收件岗位:须写 to,不写 escalation、routes",
            "A node with `continue` only adds recipients: give to, and neither escalation nor routes",
        )
    for number, child in enumerate(node.routes[:-1]):
        if child.match.anything and not child.onward:
            yield (
                (*at, "routes", number + 1),
                f"永远到不了:前面的“{child.name}”已接收全部预警",
                f"Never reached: “{child.name}” before it takes every alert",
            )
    for number, step in enumerate(node.escalation or ()):
        if step.after.units > 1:
            yield (*at, "escalation", number, "after"), "等待时间只写一种单位", "Give the wait in one unit only"


def _seat_faults(tree: Tree, at: _At, seat: Seat) -> Iterator[_Fault]:
    if seat.role not in words().roles:
        yield (*at, "role"), f"没有“{seat.role}”这一角色", f"There is no role “{seat.role}”"
    elif seat.role not in tree.above and PLACES.index(seat.at) < PLACES.index("county"):
        yield (
            (*at, "role"),
            f"“{seat.role}”没有上一级(above):岗位缺位或须回避时无人接收",
            f"“{seat.role}” has nobody `above`: nobody would get what nobody there can take",
        )


def _above_faults(tree: Tree, role: str, seat: Seat) -> Iterator[_Fault]:
    for name in (role, seat.role):
        if name not in words().roles:
            yield ("above", role), f"没有“{name}”这一角色", f"There is no role “{name}”"
    seen, at = {role}, seat
    while at.role in tree.above:
        if at.role in seen:
            yield ("above", role), "上一级不能绕回自己", "The way up comes back to itself"
            return
        seen.add(at.role)
        at = tree.above[at.role]
    if PLACES.index(at.at) < PLACES.index("county"):
        yield ("above", role), "逐级往上须到县或市", "The way up must lead to the county or the city"


def text_of(tree_file: Path = FILE) -> str:
    """The text of the file, to begin a tree of one's own from."""
    return tree_file.read_text(encoding="utf-8")


def plain(tree: Tree) -> dict[str, Any]:
    """The tree as data."""
    return tree.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
