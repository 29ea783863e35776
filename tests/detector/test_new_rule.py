"""A scaffolded rule loads and passes its own examples."""

from pathlib import Path

import pytest

from services.detector.examples import mismatch
from services.detector.new_rule import scaffold
from services.detector.rules import read


def test_scaffold_passes(tmp_path: Path) -> None:
    rule = read(scaffold("A999", "my_rule", tmp_path))
    assert [mismatch(rule, example) for example in rule.spec.tests] == [None, None]


def test_a_taken_number_is_refused(tmp_path: Path) -> None:
    scaffold("A999", "my_rule", tmp_path)
    with pytest.raises(FileExistsError, match="A999"):
        scaffold("A999", "another", tmp_path)
