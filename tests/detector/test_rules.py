"""A rule that can't be taken is refused when it loads, with file, line and column."""

from pathlib import Path

import pytest

from services.detector.rules import RULEBOOK, RulebookError, load

_GOOD = (RULEBOOK / "A061_contract_award_mismatch.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "points_at", "told"),
    [
        ("has(case.award_fen) &&", "has(case.awrd_fen) &&", "(case.awrd_fen", "undefined field 'awrd_fen'"),
        ("case.flow != 'AS1'", "case.flow != 1", "!= 1", "found no matching overload"),
        ("  && (case", "  && days > 0 && (case", "days > 0", "undeclared reference to 'days'"),
        ('value: "{case.award_fen', 'value: "{case.award', ".award|", "undefined field 'award'"),
        ('value: "{case.award_fen|yuan', 'value: "{case.award_fen|yaun', "{case", "no format 'yaun'"),
        ("[contract_fen]", "[contract_fee]", "contract_fee", "no form has a field 'contract_fee'"),
        ("features: [case]", "features: [case, node]", "node", "subject 'case' has no 'node'"),
        ("subject: case", "subject: cases", "cases", "no subject 'cases'"),
        ("grade: red", "grade: purple", "purple", "Input should be 'red', 'yellow' or 'prompt'"),
        ("grade: red", "grde: red", "red", "Extra inputs are not permitted"),
        ("features: [case]", "features: [case, bidding]\nvillage_visible: true", "true", "rests on its case alone"),
        ("dedupe: ", "again_at: [case.award_fen]\ndedupe: ", "case.award_fen]", "TIMESTAMP is needed, this is INT"),
        ("matters: [PR, EN, AS]", "matters: [PR, EN, AS", ": case", "expected"),
    ],
)
def test_refused_with_its_place(tmp_path: Path, old: str, new: str, points_at: str, told: str) -> None:
    assert old in _GOOD
    file = tmp_path / "A061_changed.yaml"
    file.write_text(_GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RulebookError) as refused:
        load(file)
    line, column, message = str(refused.value).removeprefix(f"{file}:").split(":", 2)
    assert told in message
    assert file.read_text(encoding="utf-8").splitlines()[int(line) - 1][int(column) - 1 :].startswith(points_at)


def test_two_rules_of_one_number_are_refused(tmp_path: Path) -> None:
    for name in ("A061_one.yaml", "A061_two.yaml"):
        (tmp_path / name).write_text(_GOOD, encoding="utf-8")
    with pytest.raises(RulebookError, match="already taken"):
        load(tmp_path)
