"""Sentences with CEL in braces: `已付 {case.paid_fen|yuan}`. Filled in when a rule has fired."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cel_expr_python import cel

from shared import regions
from shared.workdays import SHANGHAI

_PLACE = re.compile(r"\{([^{}]+)\}")
_FORMAT = re.compile(r"(?<!\|)\|(\w+)\s*$")


class EvaluationError(Exception):
    """An expression had no value: a division by zero, an index out of range, a feature that failed."""


def evaluate(expression: cel.Expression, values: cel.Activation) -> Any:
    """The plain value of an expression; raises `EvaluationError`."""
    value = expression.eval(activation=values)
    plain = value.plain_value()
    # An error's plain value is its text. To ask each value for its type would take a third of the time.
    if isinstance(plain, str) and value.type() == cel.Type.ERROR:
        raise EvaluationError(str(plain))
    return plain


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, datetime):
        return _day(value)
    if isinstance(value, list):
        return "、".join(_text(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _yuan(fen: Any) -> str:
    return f"{fen / 100:,.2f}"


def _day(moment: Any) -> str:
    return str(moment.astimezone(SHANGHAI).date())


def _time(moment: Any) -> str:
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def _chance(probability: Any) -> str:
    """A probability in percent; what is rarer than one in a thousand is said to be so."""
    return "<0.1%" if probability < 0.001 else f"{100 * probability:.1f}%"


def _tenth(value: Any) -> str:
    return f"{value:.1f}"


FORMATS: Mapping[str, Callable[[Any], str]] = {
    "text": _text,
    "yuan": _yuan,
    "day": _day,
    "time": _time,
    "region": regions.name,
    "chance": _chance,
    "tenth": _tenth,
}


@dataclass(frozen=True)
class Sentence:
    """Fixed text and expressions in turn; each expression with its format."""

    texts: tuple[str, ...]
    places: tuple[tuple[cel.Expression, Callable[[Any], str]], ...]

    @classmethod
    def parse(cls, template: str, compile: Callable[[str, int], cel.Expression]) -> "Sentence":
        """Compile a template; `compile` gets an expression and its offset. An unknown format is a `ValueError`."""
        texts, places, end = [], [], 0
        for found in _PLACE.finditer(template):
            texts.append(template[end : found.start()])
            end = found.end()
            named = _FORMAT.search(found[1])
            if named and named[1] not in FORMATS:
                raise ValueError(f"no format '{named[1]}'; there are {', '.join(FORMATS)}")
            expression = found[1][: named.start()] if named else found[1]
            places.append((compile(expression, found.start(1)), FORMATS[named[1] if named else "text"]))
        return cls((*texts, template[end:]), tuple(places))

    def fill(self, values: cel.Activation) -> str:
        """The sentence with its values; raises `EvaluationError`."""
        filled = [self.texts[0]]
        for (expression, shown), text in zip(self.places, self.texts[1:], strict=True):
            filled += [shown(evaluate(expression, values)), text]
        return "".join(filled)
