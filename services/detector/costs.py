"""What an expression may cost at worst: steps of nested comprehensions, from its checked syntax tree. Pure.

The engine ends an evaluation after `BUDGET` steps with an error, so a rule that needs more would only ever fail.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cel_expr_python import cel
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

BUDGET = 10_000
# Lists of an event are taken as long as the longest sheets are, those of a parameter as long as a county makes them,
# those of a case's nodes and papers as long as a flow may be.
_LONG = 200
_PARAMETER = 20
_FLOW = 40
_OF_A_FLOW = frozenset({"steps", "completed", "skipped", "documents", "required", "missing"})
_TYPES: Mapping[str, int] = {"int64": 3, "int32": 5, "string": 9, "message": 11}
# The part of cel.expr.CheckedExpr that tells nesting: message -> (field, number, type, repeated).
_SYNTAX: Mapping[str, tuple[tuple[str, int, str, bool], ...]] = {
    "Select": (("operand", 1, "Expr", False), ("field", 2, "string", False)),
    "Ident": (("name", 1, "string", False),),
    "Call": (("target", 1, "Expr", False), ("function", 2, "string", False), ("args", 3, "Expr", True)),
    "CreateList": (("elements", 1, "Expr", True),),
    "Entry": (("map_key", 3, "Expr", False), ("value", 4, "Expr", False)),
    "CreateStruct": (("entries", 2, "Entry", True),),
    "Comprehension": (
        ("iter_range", 2, "Expr", False),
        ("accu_init", 4, "Expr", False),
        ("loop_condition", 5, "Expr", False),
        ("loop_step", 6, "Expr", False),
        ("result", 7, "Expr", False),
    ),
    "Expr": (
        ("id", 2, "int64", False),
        ("ident_expr", 4, "Ident", False),
        ("select_expr", 5, "Select", False),
        ("call_expr", 6, "Call", False),
        ("list_expr", 7, "CreateList", False),
        ("struct_expr", 8, "CreateStruct", False),
        ("comprehension_expr", 9, "Comprehension", False),
    ),
    "Position": (("key", 1, "int64", False), ("value", 2, "int32", False)),
    "SourceInfo": (("positions", 4, "Position", True),),
    "CheckedExpr": (("expr", 4, "Expr", False), ("source_info", 5, "SourceInfo", False)),
}


@dataclass(frozen=True)
class Cost:
    """Steps at worst, and where in the text (from 0) the most expensive comprehension begins."""

    steps: int
    offset: int


def cost(expression: cel.Expression, parameters: Iterable[str]) -> Cost:
    """The cost of a compiled expression; `parameters` are the rule's own lists, as it binds them."""
    packed = any_pb2.Any.FromString(expression.serialize())
    checked = _CHECKED.FromString(packed.value)
    positions = {one.key: one.value for one in checked.source_info.positions}
    weigher = _Weigher(frozenset(parameters))
    steps = weigher.steps(checked.expr)
    return Cost(steps, positions.get(weigher.heaviest, 0))


class _Weigher:
    """Walks a tree; knows the heaviest comprehension on its way."""

    def __init__(self, parameters: frozenset[str]) -> None:
        self._parameters = parameters
        self._most = 0
        self.heaviest = 0

    def steps(self, expr: Any) -> int:
        """Steps of an expression at worst."""
        loop = expr.comprehension_expr
        if not expr.HasField("comprehension_expr"):
            return sum(self.steps(part) for part in _parts(expr))
        once = 1 + self.steps(loop.loop_step) + self.steps(loop.loop_condition)
        total = self.steps(loop.iter_range) + self._length(loop.iter_range) * once + self.steps(loop.result)
        if total > self._most:
            self._most, self.heaviest = total, expr.id
        return total

    def _length(self, expr: Any) -> int:
        """How many elements a list may have."""
        if expr.HasField("list_expr"):
            return len(expr.list_expr.elements)
        if expr.HasField("ident_expr") and expr.ident_expr.name in self._parameters:
            return _PARAMETER
        if expr.HasField("select_expr") and expr.select_expr.field in _OF_A_FLOW:
            return _FLOW
        if expr.HasField("comprehension_expr"):
            return self._length(expr.comprehension_expr.iter_range)
        if expr.HasField("call_expr") and expr.call_expr.function == "_+_":
            return sum(self._length(part) for part in expr.call_expr.args)
        return _LONG


def _parts(expr: Any) -> list[Any]:
    call, struct = expr.call_expr, expr.struct_expr
    return [
        *([expr.select_expr.operand] if expr.HasField("select_expr") else ()),
        *([call.target] if call.HasField("target") else ()),
        *call.args,
        *expr.list_expr.elements,
        *(part for entry in struct.entries for part in (entry.map_key, entry.value)),
    ]


def _checked() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="syntax.proto", package="syntax", syntax="proto3")
    for name, fields in _SYNTAX.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            plain = _TYPES.get(kind)
            made = message.field.add(name=field, number=number, label=3 if repeated else 1, type=plain or 11)
            if plain is None:
                made.type_name = f".syntax.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("syntax.CheckedExpr"))


_CHECKED = _checked()
