"""Every rule proves itself by its own examples."""

import pytest

from services.detector.examples import mismatch
from services.detector.rules import Example, Rule
from tests.detector.rulebook import RULEBOOK

_EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.id} {example.name.split(' / ')[-1]}")
    for rule in RULEBOOK.rules
    for example in rule.spec.tests
]


@pytest.mark.parametrize(("rule", "example"), _EXAMPLES)
def test_example(rule: Rule, example: Example) -> None:
    assert mismatch(rule, example) is None


@pytest.mark.parametrize("rule", RULEBOOK.rules, ids=lambda rule: rule.id)
def test_fires_once_and_misses_once(rule: Rule) -> None:
    assert any(example.expect for example in rule.spec.tests)
    assert any(not example.expect for example in rule.spec.tests)
