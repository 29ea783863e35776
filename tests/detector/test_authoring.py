"""A rule of an author's own is refused with line and column, in both languages, and can't keep anybody busy."""

from pathlib import Path

import pytest

from services.detector import trial
from services.detector.authoring import RuleFault, faults_of
from services.detector.rules import RULEBOOK, load

FILE = Path("rule.yaml")
GOOD = (RULEBOOK / "A061_contract_award_mismatch.yaml").read_text(encoding="utf-8").replace("id: A061", "id: C001")
NESTED = "fields.workers.exists(a, fields.workers.exists(b, a.person_key != b.person_key && a.name == b.name))"
ENDLESS = f"""\
id: C002
key: endless
title: {{zh: 试, en: trial}}
matters: [LA]
subject: node
grade: yellow
features: [case, node, fields]
condition: |
  case.flow == 'LA1' &&
  {NESTED}
explanation: {{zh: 试, en: trial}}
basis: [试]
innocent_explanations: [{{zh: 试, en: trial}}]
dedupe: "{{case.id}}"
tests:
- name: fires
  events: [{{flow: LA1, at: 2026-03-01}}]
  expect: [{{grade: yellow}}]
- name: just not
  events: [{{flow: LA1, at: 2026-03-01}}]
"""
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


def faults(text: str) -> tuple[RuleFault, ...]:
    return faults_of(text, FILE, custom=True)


def test_a_good_rule_has_none() -> None:
    assert faults(GOOD) == ()


@pytest.mark.parametrize(
    ("old", "new", "points_at", "zh", "en"),
    [
        ("has(case.award_fen) &&", "has(case.awrd_fen) &&", "(case.awrd_fen", "没有字段“awrd_fen”", "undefined field"),
        ("case.flow != 'AS1'", "case.flow != 1", "!= 1", "类型不符", "no matching overload"),
        ("id: C001", "id: A061", "A061", "取值不合要求", "C001 onwards"),
        ("id: C001", "id: X1", "X1", "取值不合要求", "should match"),
        ("expect: [{grade: red", "expect: [{grade: yellow", "name:", "测试未通过", "expected"),
        ("at: 2026-", "at: 2O26-", "name:", "测试有误", "the test can't be run"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old: str, new: str, points_at: str, zh: str, en: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    first = faults(text)[0]
    assert zh in first.zh
    assert en in first.en
    assert text.splitlines()[first.line - 1][first.column - 1 :].startswith(points_at)


def test_no_test_is_refused() -> None:
    (fault,) = faults(GOOD[: GOOD.index("tests:")])
    assert "tests" in fault.en
    firing = GOOD[: GOOD.index("tests:")] + "tests: []\n"
    (fault,) = faults(firing)
    assert firing.splitlines()[fault.line - 1].startswith("tests:")


def test_lists_gone_through_within_lists_are_refused_where_they_stand() -> None:
    fault = faults(ENDLESS)[0]
    assert "steps at worst" in fault.en
    assert "计算量过大" in fault.zh
    assert ENDLESS.splitlines()[fault.line - 1][fault.column - 1 :].startswith("(a, fields.workers")


@pytest.mark.parametrize("text", ["", "- 1", "a: [", "\x00", "&a [*a]", "{}", "🙈" * 100])
def test_what_is_no_rule_is_refused(text: str) -> None:
    assert faults(text)


def test_too_large_is_refused() -> None:
    assert "64 KB" in faults(GOOD + "#" * 70_000)[0].en


def test_a_text_that_grows_by_its_aliases_is_refused_where_it_has_grown_too_large() -> None:
    (fault,) = faults(BOMB)
    assert "More than 20000 values" in fault.en
    assert (fault.zh, fault.line) == ("超过 20000 个值", 5)


async def test_what_does_not_end_in_time_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_WALL_SECONDS", 0.05)  # less than a process takes to begin
    assert await trial.try_out([trial.Candidate(GOOD)]) == [[trial.TOO_MUCH]]


async def test_a_good_rule_passes_its_trial() -> None:
    assert await trial.try_out([trial.Candidate(GOOD)]) == [[]]


def test_the_rulebooks_own_rules_are_cheap_enough() -> None:
    for rule in load().rules:
        told = faults_of(rule.source.read_text(encoding="utf-8"), rule.source, custom=False)
        assert told == (), (rule.id, told)
