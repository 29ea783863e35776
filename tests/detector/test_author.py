"""The command line of rule authors: what is wrong is told by file, line and column."""

from pathlib import Path

import pytest

from services.detector import author
from services.detector.distil import facts_of
from services.detector.examples import events_of
from services.detector.explaining import explain, parts_of
from services.detector.registers import Reference
from services.detector.rules import RULEBOOK, load
from services.detector.subjects import View

GOOD = (RULEBOOK / "A061_contract_award_mismatch.yaml").read_text(encoding="utf-8").replace("id: A061", "id: A961")
GOOD = GOOD.replace("key: contract_award_mismatch", "key: mine")
NESTED = "bidding.phones.all(a, bidding.phones.all(b, bidding.phones.all(c, a == b)))"
FEATURES = GOOD[GOOD.index("features:") : GOOD.index("evidence:")]
ENDLESS = f"features: [case, bidding]\ncondition: {NESTED}\n"


@pytest.mark.parametrize(
    ("old", "new", "points_at", "told"),
    [
        ("has(case.award_fen)", "has(case.awrd_fen)", "(case.awrd_fen", "undefined field 'awrd_fen'"),
        ("case.flow != 'AS1'", "case.flow != 1", "!= 1", "no matching overload"),
        ("id: A961", "id: A062", "A062", "A062 is already taken by A062"),
        ("key: mine", "key: overpaid", "overpaid", "overpaid is already taken by A063"),
        (GOOD[GOOD.index("tests:") :], "tests: []\n", "[]", "at least 2 items"),
        (GOOD[GOOD.index("tests:") :], "", "id:", "tests: Field required"),
        (FEATURES, ENDLESS, "(a, ", "steps at worst"),
    ],
    ids=["field", "type", "duplicate number", "duplicate name", "no tests", "tests left out", "endless work"],
)
def test_a_bad_rule_is_refused_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, points_at: str, told: str
) -> None:
    assert old in GOOD
    file = tmp_path / "A961_mine.yaml"
    text = GOOD.replace(old, new, 1)
    file.write_text(text, encoding="utf-8")
    assert author.main(["validate", str(file)]) == 1
    first = capsys.readouterr().err.splitlines()[0]
    line, column, message = first.removeprefix(f"{file}:").split(":", 2)
    assert told in message
    assert text.splitlines()[int(line) - 1][int(column) - 1 :].startswith(points_at)


def test_two_files_of_one_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, key in (("A961_mine.yaml", "mine"), ("A961_other.yaml", "other")):
        (tmp_path / name).write_text(GOOD.replace("key: mine", f"key: {key}"), encoding="utf-8")
    assert author.main(["validate", str(tmp_path)]) == 1
    assert "A961_other.yaml:1:5: id: A961 is already taken by A961_mine.yaml" in capsys.readouterr().err


def test_a_good_rule_and_its_tests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "A961_mine.yaml"
    file.write_text(GOOD, encoding="utf-8")
    assert author.main(["test", str(file)]) == 0
    assert "1 / 1" in capsys.readouterr().out
    file.write_text(GOOD.replace("expect: [{grade: red", "expect: [{grade: prompt", 1), encoding="utf-8")
    assert author.main(["validate", str(file)]) == 0
    assert author.main(["test", str(file)]) == 1


def test_a_condition_is_cut_where_all_parts_must_hold() -> None:
    assert parts_of("a && (b && c) && x.exists(y, y && z) && '&&' == d") == [
        "a",
        "(b && c)",
        "x.exists(y, y && z)",
        "'&&' == d",
    ]
    assert parts_of("a && b || c") == ["a && b || c"]


def test_why_a_rule_fired_or_not() -> None:
    rulebook = load()
    rule = rulebook.rule("A061")
    for example in rule.spec.tests:
        facts = [fact for event in events_of(example.events) for fact in facts_of(event) if fact.key == "case:c1"]
        view = View("case:c1", facts, Reference(), facts[-1].occurred_at)
        (told,) = explain(rulebook, rule, view)
        assert told.fired == bool(example.expect)
        assert told.fired == all(part.value == "True" for part in told.parts)
        if told.fired:
            assert told.grade == example.expect[0].grade
            assert dict(told.values)["case.award_fen"].isdigit()
    facts = [fact for event in events_of([{"flow": "SE1", "at": "2026-03-01"}]) for fact in facts_of(event)]
    (told,) = explain(rulebook, rule, View("case:c1", facts, Reference(), facts[-1].occurred_at))
    assert told.not_asked == "matter SE is none of PR, EN, AS"
