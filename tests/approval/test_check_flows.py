"""The check of a catalogue: sound as it stands, and its first fault told with file and path."""

import shutil
from pathlib import Path

import pytest

from services.approval.check_flows import main
from services.approval.flows import CATALOGUE, load
from shared.words import FOLDER


def test_the_catalogue_is_sound_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    flows = load().flows.values()
    said = f"{len(flows)} 条流程 flows, {sum(len(flow.nodes) for flow in flows)} 个节点 nodes"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("PR1.yaml", "role: village_head", "role: village_haed", "PR1.yaml: nodes.1.role: village_haed is unknown"),
        ("PR1.yaml", "form: [approved, (opinion)]", "form: [(opinion)]", "PR1.yaml: nodes.1.form: a decision must"),
        ("vocabulary.yaml", "roles:", "rolls:", "vocabulary.yaml: roles: Field required"),
    ],
)
def test_a_fault_is_told_with_its_file_and_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, told: str
) -> None:
    folder = shutil.copytree(CATALOGUE, tmp_path / "catalogue")
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert main([str(folder)]) == 1
    assert told in capsys.readouterr().err


def test_words_that_are_missing_are_a_fault_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = shutil.copytree(FOLDER, tmp_path / "words")
    (words / "papers.yaml").unlink()
    assert main([str(CATALOGUE), str(words)]) == 1
    assert "papers.yaml" in capsys.readouterr().err
