"""A rule that can't be taken is refused when it loads, with file, line and column."""

from pathlib import Path

import pytest

from services.detector.rules import RULEBOOK, RulebookError, document, load

_GOOD = (RULEBOOK / "A061_contract_award_mismatch.yaml").read_text(encoding="utf-8")


def _refusal(tmp_path: Path, old: str, new: str) -> str:
    assert old in _GOOD
    file = tmp_path / "A061_changed.yaml"
    file.write_text(_GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RulebookError) as refused:
        load(file)
    return str(refused.value).removeprefix(f"{file}:")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("has(case.award_fen) &&", "has(case.awrd_fen) &&", "13:11: condition: undefined field 'awrd_fen'"),
        ("case.flow != 'AS1'", "case.flow != 1", "13:66: condition: found no matching overload"),
        ('{case.award_fen|yuan}"', '{case.award|yuan}"', "17:16: evidence.0.value: undefined field 'award'"),
        ('{case.award_fen|yuan}"', '{case.award_fen|yaun}"', "17:11: evidence.0.value: no format 'yaun'"),
        ("fields: [contract_fen]", "fields: [contract_fee]", "8:20: trigger.fields.0: no form has a field"),
        ("features: [case]", "features: [case, node]", "11:18: features.1: subject 'case' has no 'node'"),
        ("subject: case", "subject: cases", "6:10: subject: no subject 'cases'"),
        ("grade: red", "grade: purple", "7:8: grade: Input should be"),
        ("  && (case", "  && tolerance_day > 0 && (case", "14:6: condition: undeclared reference to 'tolerance_day'"),
        ("matters: [PR, EN, AS]", "matters: [PR, EN, AS", ""),
    ],
)
def test_refused_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert told in _refusal(tmp_path, old, new)


def test_two_rules_of_one_number_are_refused(tmp_path: Path) -> None:
    for name in ("A061_one.yaml", "A061_two.yaml"):
        (tmp_path / name).write_text(_GOOD, encoding="utf-8")
    with pytest.raises(RulebookError, match="already taken"):
        load(tmp_path)


def test_the_page_tells_every_rule() -> None:
    rulebook = load()
    page = document(rulebook)
    assert all(f"## {rule.id} {rule.spec.title.zh}" in page for rule in rulebook.rules)
