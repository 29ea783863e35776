"""A rule as its author hands it in: read, compiled, weighed and tried on its own tests. Pure.

May take endless time on what was meant to harm: run it where time and memory are bounded (`trial.py`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cel_expr_python import cel

from services.detector.costs import BUDGET, cost
from services.detector.examples import mismatch
from services.detector.rules import CUSTOM, Reader, Rule, RulebookError
from services.detector.sentences import Sentence

LARGEST = 64 * 1024
MOST_TESTS = 50
Where = tuple[str | int, ...]
_WORDS: Mapping[str, str] = {
    r"undefined field '(.*?)'": "没有字段“{}”",
    r"undeclared reference to '(.*?)'": "没有这个名称“{}”",
    r"found no matching overload": "类型不符",
    r"Syntax error": "语法有误",
    r"Not valid YAML": "不是有效的 YAML",
    r"Nested deeper than (\d+)": "嵌套超过 {} 层",
    r"More than (\d+) values": "超过 {} 个值",
    r"contains itself": "引用了自身",
    r"Field required": "必填项缺失",
    r"Extra inputs are not permitted": "多余的项",
    r"no form has a field '(.*?)'": "表单没有字段“{}”",
    r"has no '(.*?)'; it has (.*)": "该对象没有特征“{}”",
    r"no subject '(.*?)'": "没有对象“{}”",
    r"no format '(.*?)'": "没有格式“{}”",
    r"(\S+) is needed, this is (\S+)": "应为 {},现为 {}",
    r"already taken": "编号或名称已被占用",
    r"steps at worst": "计算量过大:嵌套遍历过长的列表",
    r"expected (.*), found": "测试未通过:结果与预期不符",
    r"findings expected": "测试未通过:结果与预期不符",
    r"should (have at least|match|be)": "取值不合要求",
    r"test": "测试有误",
}


@dataclass(frozen=True)
class RuleFault:
    """One thing to mend, at a line and column from 1."""

    line: int
    column: int
    zh: str
    en: str


def faults_of(text: str, file: Path, *, custom: bool, tests: bool = True) -> tuple[RuleFault, ...]:
    """What is to be mended in a rule; nothing when it may be taken.

    `custom`: it must be a county's own. `tests`: they are run.
    """
    if len(text.encode()) > LARGEST:
        return (RuleFault(1, 1, f"规则超过 {LARGEST // 1024} KB", f"A rule has at most {LARGEST // 1024} KB"),)
    try:
        reader = Reader(text, file)
        if custom and not reader.spec.id.startswith(CUSTOM):
            raise reader.wrong(("id",), f"a county's own rule is numbered {CUSTOM}001 onwards; it should be free")
        rule = reader.rule()
    except RulebookError as error:
        return (_fault(error),)
    except MemoryError:
        raise
    except Exception as error:  # whatever YAML may hold: keys that are lists, a list that holds itself
        return (RuleFault(1, 1, "无法读取", f"it can't be read: {type(error).__name__}"),)
    return tuple(
        _fault(error) for error in (*_too_costly(reader, rule), *_unfit(reader), *_failing(reader, rule, tests))
    )


def in_chinese(told: str) -> str:
    """What an error of the compiler or the schema says, shortly."""
    for pattern, words in _WORDS.items():
        if found := re.search(pattern, told):
            return words.format(*found.groups())
    return "写法有误"


def _fault(error: RulebookError) -> RuleFault:
    return RuleFault(error.line, error.column, in_chinese(error.told), error.told)


def _too_costly(reader: Reader, rule: Rule) -> Iterator[RulebookError]:
    lists = [name for name, value in rule.bound.items() if isinstance(value, list)]
    for where, expression in _expressions(rule):
        weighed = cost(expression, lists)
        if weighed.steps > BUDGET:
            text = rule.spec.condition if where == ("condition",) else ""
            line = text.count("\n", 0, weighed.offset) + 1
            column = weighed.offset - (text.rfind("\n", 0, weighed.offset) + 1) + 1 if text else 1
            told = f"{weighed.steps} steps at worst, {BUDGET} are allowed: lists are gone through within lists"
            yield reader.wrong(where, told, line, column)


def _expressions(rule: Rule) -> Iterator[tuple[Where, cel.Expression]]:
    yield ("condition",), rule.condition
    yield from ((("grades", at, "when"), when) for at, (when, _) in enumerate(rule.grades))
    yield from ((("again_at", at), moment) for at, moment in enumerate(rule.again_at))
    sentences: list[tuple[Where, Sentence]] = [
        (("dedupe",), rule.dedupe),
        (("explanation", "zh"), rule.explanation[0]),
        (("explanation", "en"), rule.explanation[1]),
        *((("evidence", at, "value"), sentence) for at, (_, sentence) in enumerate(rule.evidence)),
    ]
    yield from ((where, expression) for where, sentence in sentences for expression, _ in sentence.places)


def _unfit(reader: Reader) -> Iterator[RulebookError]:
    tests = reader.spec.tests
    if len(tests) > MOST_TESTS:
        yield reader.wrong(("tests",), f"there should be at most {MOST_TESTS} tests")
    if not any(test.expect for test in tests):
        yield reader.wrong(("tests",), "one test should have the rule fire")
    if all(test.expect for test in tests):
        yield reader.wrong(("tests",), "one test should have the rule just not fire")


def _failing(reader: Reader, rule: Rule, run: bool) -> Iterator[RulebookError]:
    for at, test in enumerate(rule.spec.tests[:MOST_TESTS] if run else ()):
        try:
            wrong = mismatch(rule, test)
        except MemoryError:
            raise
        except Exception as error:  # whatever an author wrote into a test
            wrong = f"the test can't be run: {type(error).__name__}: {str(error)[:500]}"
        if wrong:
            yield reader.wrong(("tests", at), f"{test.name}: {wrong}")
