"""A command from another terminal works with the running system's settings, and only while it runs."""

import json
import os
from pathlib import Path

import pytest

from deploy.local import within
from deploy.local.faults import NotRunning
from deploy.local.lock import only_run


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YUNJING_HOME", str(tmp_path))
    return tmp_path


def test_the_shared_environment_is_found_while_the_system_runs(home: Path) -> None:
    with only_run(home):
        within.share(os.environ | {"DATABASE_URL": "postgresql://running"})
        assert within.environment()["DATABASE_URL"] == "postgresql://running"


def test_it_holds_only_what_the_system_reads_and_only_for_its_owner(home: Path) -> None:
    within.share(os.environ | {"SESSION_SECRET": "s", "APPROVAL_PORT": "9101"})
    file = home / "environment.json"
    kept = json.loads(file.read_bytes())
    assert "APPROVAL_PORT" in kept
    assert "PATH" not in kept
    assert file.stat().st_mode & 0o077 == 0


def test_after_the_run_it_says_that_nothing_runs(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    within.share(os.environ)
    with pytest.raises(NotRunning):
        within.environment()
    assert within.main(["this"]) == 1
    assert "make run" in capfd.readouterr().err
