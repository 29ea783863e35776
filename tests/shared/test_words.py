"""The words of all services: complete, and strict about every fault an editor can make."""

from pathlib import Path

import pytest

from shared.words import FOLDER, WordsError, load, words


def copied(folder: Path, file: str, was: str, now: str) -> Path:
    """The words with one of their files changed."""
    for each in FOLDER.glob("*.yaml"):
        text = each.read_text(encoding="utf-8")
        if each.name == file:
            assert was in text
            text = text.replace(was, now, 1)
        (folder / each.name).write_text(text, encoding="utf-8")
    return folder


def test_the_words_in_force_are_those_of_the_folder() -> None:
    assert words() == load(FOLDER)
    assert len(words().flows) == 22
    assert list(words().flows["PR1"][1].nodes)[:2] == ["PR1-01", "PR1-02"]


@pytest.mark.parametrize(
    ("file", "was", "now", "fault"),
    [
        ("matters.yaml", "SE: ", "SX: ", "SE, SX"),
        ("fields.yaml", "hire_name: ", "hired: ", "hire_name, hired"),
        ("fields.yaml", "hire_name: {zh: 录用人, en: Hire}", "hire_name: {zh: 录用人}", "hire_name.en: Field required"),
        ("roles.yaml", "handler: {zh: 经办人", "handler: {cn: 经办人", "handler"),
        ("papers.yaml", "public: true", "pubic: true", "Extra inputs"),
        ("flows.yaml", "  1:\n", "  one:\n", "integer"),
        ("roles.yaml", "handler: ", "applicant: {zh: a, en: b}\nhandler: ", "applicant is given twice"),
    ],
)
def test_a_fault_is_told_with_its_file_and_what_is_wrong(
    tmp_path: Path, file: str, was: str, now: str, fault: str
) -> None:
    with pytest.raises(WordsError, match=fault) as told:
        load(copied(tmp_path, file, was, now))
    assert str(told.value).startswith(file)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(WordsError, match=r"matters\.yaml"):
        load(tmp_path)
