"""Why a rule fired on a key or not: which occasions it was asked about, part by part of its condition. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cel_expr_python import cel

from services.detector.detection import bound, concerns, occasions_of
from services.detector.eras import Law
from services.detector.rules import Rule, Rulebook, environment
from services.detector.sentences import evaluate
from services.detector.subjects import Occasion, View
from shared.contracts.alerts import Grade

_QUOTED = ("'", '"')


@dataclass(frozen=True)
class Part:
    """A part of the condition, which all of them must hold, with what it came to or the error it ended in."""

    text: str
    value: str


@dataclass(frozen=True)
class Explained:
    """One occasion of a rule. `not_asked` says why it was not asked; then there are no parts."""

    rule: Rule
    case_nos: tuple[str, ...]
    node: str | None
    day: datetime
    not_asked: str | None = None
    parts: tuple[Part, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    fired: bool = False
    grade: Grade | None = None


def explain(rulebook: Rulebook, rule: Rule, view: View) -> Iterator[Explained]:
    """What a rule made of each occasion that a key offers it, by the law of the occasion's day."""
    timeline = rulebook.timelines.get(rule.id)
    if timeline is None:
        asked = [(rule, occasion) for occasion in occasions_of(rule, view)]
    else:
        asked = [(one.rule, one.occasion) for one in Law(rulebook, rule, timeline).asked(view, occasions_of)]
    for variant, occasion in asked:
        yield _explained(variant, occasion, view)


def parts_of(condition: str) -> list[str]:
    """A condition cut at the `&&` that hold it together."""
    parts, depth, quote, start = [], 0, "", 0
    for at, character in enumerate(condition):
        if quote:
            quote = "" if character == quote and condition[at - 1] != "\\" else quote
        elif character in _QUOTED:
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif depth == 0 and condition.startswith("||", at):
            return [condition.strip()]
        elif depth == 0 and condition.startswith("&&", at):
            parts.append(condition[start:at].strip())
            start = at + 2
    return [*parts, condition[start:].strip()]


def _explained(rule: Rule, occasion: Occasion, view: View) -> Explained:
    told = Explained(rule, tuple(no for _, no in occasion.cases), occasion.node, occasion.occurred_at)
    if not rule.enabled:
        return replace(told, not_asked="it is switched off here on that day")
    if not concerns(rule, occasion):
        return replace(told, not_asked=_why_not(rule, occasion))
    values = bound([rule], occasion, view)
    env = environment(rule.spec, rule.subject)
    parts = tuple(
        Part(" ".join(text.split()), _tried(env.compile(text), values)) for text in parts_of(rule.spec.condition)
    )
    fired = _tried(rule.condition, values) == "True"
    grade = None
    if fired:
        grade = next((grade for when, grade in rule.grades if _tried(when, values) == "True"), rule.spec.grade)
    return replace(told, parts=parts, values=tuple(_seen(rule, occasion)), fired=fired, grade=grade)


def _why_not(rule: Rule, occasion: Occasion) -> str:
    trigger = rule.spec.trigger
    if occasion.matter not in rule.spec.matters:
        return f"matter {occasion.matter} is none of {', '.join(rule.spec.matters)}"
    if rule.asked_by and rule.asked_by.isdisjoint(occasion.given):
        return f"none of {', '.join(sorted(rule.asked_by))} was filled in or due"
    if trigger.flows and occasion.flow not in trigger.flows:
        return f"flow {occasion.flow} is none of {', '.join(trigger.flows)}"
    return f"node {occasion.node} is none of {', '.join(trigger.nodes)}"


def _seen(rule: Rule, occasion: Occasion) -> Iterator[tuple[str, str]]:
    """Parameters, and the values of features that the condition and the grades name."""
    yield from ((name, str(value)) for name, value in rule.params.items())
    texts = " ".join((rule.spec.condition, *(graded.when for graded in rule.spec.grades)))
    for feature in rule.spec.features:
        known: Any = occasion.features[feature]()
        for name in dict.fromkeys(re.findall(rf"\b{feature}\.(\w+)", texts)):
            if hasattr(known, name):
                yield f"{feature}.{name}", str(getattr(known, name))


def _tried(expression: cel.Expression, values: cel.Activation) -> str:
    try:
        return str(evaluate(expression, values))
    except Exception as error:  # an author wants to see it
        return f"{type(error).__name__}: {error}"
