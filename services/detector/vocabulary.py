"""The words of conditions: features (frozen dataclasses) and forms as CEL message types, so that CEL checks them.

A field that may be None is optional: ask `has(case.contract_at)` before using it. Days are Shanghai midnights.
"""

import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any

from cel_expr_python import cel
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    timestamp_pb2,
)
from pydantic import BaseModel

from shared.workdays import SHANGHAI, add_working_days, is_working_day

PACKAGE = "yunjing"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STAMP = ".google.protobuf.Timestamp"
_SCALARS: Mapping[type, int] = {str: 9, float: 1, bool: 8, int: 3}
_MESSAGE, _SINGLE, _REPEATED = 11, 1, 3


def midnight(day: date) -> datetime:
    """The first moment of a day in Shanghai, in UTC."""
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)


def working_days_between(start: datetime, end: datetime) -> int:
    """Working days after the day of `start` up to the day of `end`; 0 when `end` isn't later."""
    first, last = start.astimezone(SHANGHAI).toordinal(), end.astimezone(SHANGHAI).toordinal()
    return sum(is_working_day(date.fromordinal(day)) for day in range(first + 1, last + 1))


def working_days_before(end: datetime, days: int) -> datetime:
    """When the last `days` working days before `end` begin: 1 is the start of the last one."""
    day = (end - timedelta(seconds=1)).astimezone(SHANGHAI).date()
    while (days := days - is_working_day(day)) > 0:
        day -= timedelta(days=1)
    return midnight(day)


def days_between(start: datetime, end: datetime) -> int:
    """Calendar days from the day of `start` to the day of `end`, negative when `end` is earlier."""
    return end.astimezone(SHANGHAI).toordinal() - start.astimezone(SHANGHAI).toordinal()


def days_after(start: datetime, days: int) -> datetime:
    """The same hour some calendar days later."""
    return start + timedelta(days=days)


class Vocabulary:
    """CEL types made of the models given, and values made of their instances."""

    def __init__(self, models: Iterable[type]) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        stamp = descriptor_pb2.FileDescriptorProto()
        timestamp_pb2.DESCRIPTOR.CopyToProto(stamp)
        self._pool.Add(stamp)
        file = descriptor_pb2.FileDescriptorProto(
            name="yunjing.proto", package=PACKAGE, syntax="proto3", dependency=["google/protobuf/timestamp.proto"]
        )
        self._models = list(dict.fromkeys(found for model in models for found in _with_parts(model)))
        for model in self._models:
            _declare(file.message_type.add(name=model.__name__), model)
        self._pool.Add(file)
        self._classes: dict[type, Any] = {
            model: message_factory.GetMessageClass(self._pool.FindMessageTypeByName(f"{PACKAGE}.{model.__name__}"))
            for model in self._models
        }
        self._shown = {
            model: {
                name: (self._show(annotation), _unwrapped(annotation)[1]) for name, annotation in _shape(model).items()
            }
            for model in self._models
        }
        self._told = {model: _told_by_default(model) for model in self._models}
        self._functions = cel.CelExtension("yunjing.days", _functions())
        self._binding = self.environment({})

    def environment(self, variables: Mapping[str, type | cel.Type], container: str = "") -> cel.Env:
        """An environment in which exactly these variables are known; what is in the container by its short name."""
        return cel.NewEnv(
            descriptor_pool=self._pool,
            extensions=[self._functions],
            container=container,
            variables={
                name: cel.Type(f"{PACKAGE}.{kind.__name__}")
                if isinstance(kind, type) and kind in self._classes
                else kind
                for name, kind in variables.items()
            },
        )

    def bind(self, values: Mapping[str, Any]) -> cel.Activation:
        """Values by the names of variables, for expressions of any environment."""
        return self._binding.Activation(values)

    def value(self, feature: Any) -> Any:
        """A feature as the message that conditions see."""
        kind = type(feature)
        parts, given = self._shown[kind], {}
        # Of a form's hundred fields few are filled in: only these are looked at.
        for name in feature.model_fields_set | self._told[kind] if isinstance(feature, BaseModel) else parts:
            shown, optional = parts[name]
            value = getattr(feature, name)
            # An empty part of a message is as good as one not set, unless it may be missing.
            if value or (optional and value is not None):
                given[name] = shown(value) if shown else value
        return self._classes[kind](**given)

    def _show(self, annotation: Any) -> Callable[[Any], Any] | None:
        """How a value of this type becomes a part of a message; None where it is one already."""
        inner, _, repeated = _unwrapped(annotation)
        one: Callable[[Any], Any] | None = {datetime: _stamp, date: _stamp_of_day}.get(inner)
        if _is_model(inner):
            one = self.value
        if repeated and one:
            each = one
            return lambda values: [each(value) for value in values]
        return one


def _stamp(moment: datetime) -> dict[str, int]:
    since = moment - _EPOCH
    return {"seconds": since.days * 86400 + since.seconds, "nanos": since.microseconds * 1000}


def _stamp_of_day(day: date) -> dict[str, int]:
    return _stamp(midnight(day))


def _functions() -> list[cel.FunctionDecl]:
    stamp, whole = cel.Type.TIMESTAMP, cel.Type.INT
    signatures = (
        (add_working_days, "after_working_days", [stamp, whole], stamp),
        (days_after, "days_after", [stamp, whole], stamp),
        (days_between, "days_between", [stamp, stamp], whole),
        (working_days_before, "working_days_before", [stamp, whole], stamp),
        (working_days_between, "working_days_between", [stamp, stamp], whole),
    )
    return [
        cel.FunctionDecl(name, [cel.Overload(name, return_type=returns, parameters=takes, impl=made_by)])
        for made_by, name, takes, returns in signatures
    ]


@cache
def _shape(model: Any) -> Mapping[str, Any]:
    """Field names of a model and their annotations."""
    if issubclass(model, BaseModel):
        return {name: info.annotation for name, info in model.model_fields.items()}
    hints = typing.get_type_hints(model)
    return {field.name: hints[field.name] for field in fields(model)}


def _told_by_default(model: type) -> frozenset[str]:
    """The fields of a model that say something even when nobody has set them."""
    if not issubclass(model, BaseModel):
        return frozenset()
    return frozenset(name for name, field in model.model_fields.items() if field.get_default(call_default_factory=True))


def _with_parts(model: type) -> Iterator[type]:
    for annotation in _shape(model).values():
        inner, _, _ = _unwrapped(annotation)
        if _is_model(inner):
            yield from _with_parts(inner)
    yield model


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, BaseModel))


def _unwrapped(annotation: Any) -> tuple[Any, bool, bool]:
    """The innermost type of an annotation, whether it may be None, and whether it is a list."""
    optional = repeated = False
    while True:
        origin = typing.get_origin(annotation)
        if origin in (types.UnionType, typing.Union):
            optional = True
            annotation = next(option for option in typing.get_args(annotation) if option is not types.NoneType)
        elif origin is tuple:
            repeated = True
            annotation = typing.get_args(annotation)[0]
        elif origin is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif origin is typing.Literal:
            annotation = str
        else:
            return annotation, optional, repeated


def _declare(message: Any, model: type) -> None:
    for number, (name, annotation) in enumerate(_shape(model).items(), start=1):
        inner, optional, repeated = _unwrapped(annotation)
        field = message.field.add(name=name, number=number, label=_REPEATED if repeated else _SINGLE)
        if inner in (datetime, date):
            field.type, field.type_name = _MESSAGE, _STAMP
        elif inner in _SCALARS:
            field.type = _SCALARS[inner]
            if optional:
                field.proto3_optional, field.oneof_index = True, len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{name}")
        elif _is_model(inner):
            field.type, field.type_name = _MESSAGE, f".{PACKAGE}.{inner.__name__}"
        else:
            raise TypeError(f"{model.__name__}.{name}: {annotation} has no CEL type")
