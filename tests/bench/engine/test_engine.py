"""What an engine is asked, and when its alerts are ours."""

import pytest

from deploy.local import kafka
from tests.bench.engine import ours
from tests.bench.engine.esper import LOCK, asked
from tests.bench.engine.same import as_asked, compare


@pytest.mark.parametrize(
    ("rule", "key", "about"),
    [
        ("A016", "c1|PR1-01|2", "c1|PR1-01"),
        ("A075", "village:330421107201:EN|item|村道硬化工程|2026", "330421107201|村道硬化工程"),
        ("A075", "village:330421107201:EN|supplier|S1|2026", None),
        ("A075", "company:S1|item|路灯安装|2026", None),
        ("A078", "company:S1|2026", "S1"),
        ("A078", "village:330421107201:EN|2026", None),
        ("A113", "S1、S2", "S1、S2"),
    ],
)
def test_ours_are_named_as_the_engine_names_them(rule: str, key: str, about: str | None) -> None:
    assert as_asked(rule, key) == (about and (rule, about))


def test_what_only_one_found_is_told_by_rule() -> None:
    found = compare(
        [("A081", "1"), ("A081", "2"), ("A078", "village:330421107201:EN|2026")], [("A081", "1"), ("A113", "S1、S2")]
    )
    assert (found.both, found.differing, found.more) == (1, 2, 1)
    assert "1 in ours alone (A081 1), 1 in the engine's alone (A113 1); 1 more" in found.told()


def test_the_engine_is_asked_by_the_rulebooks_parameters() -> None:
    questions = asked(ours.rulebook())
    assert "$min_hits" not in questions
    assert "company_id = ${d.company}" in questions
    assert {rule.id for rule in ours.rulebook().rules} == ours.RULES
    assert all(f"'{rule}'" in questions for rule in ours.RULES)


def test_the_engine_comes_by_locked_jars() -> None:
    assert {"esper-runtime", "ecj"} <= {jar.artifact for jar in kafka.locked(LOCK)}
