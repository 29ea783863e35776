"""What the services are told, and what the start refuses."""

import socket
from pathlib import Path

import pytest

from deploy.local import processes
from deploy.local.environment import environment, port, port_variable, url
from deploy.local.faults import AlreadyRunning, PortTaken
from deploy.local.keys import Keys
from deploy.local.lock import only_run
from shared.settings import Settings


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys.of(tmp_path)


def test_the_environment_holds_every_setting_that_has_no_default(keys: Keys) -> None:
    env = environment(keys, database_url="postgresql://db", kafka="kafka:9092")
    required = {name.upper() for name, field in Settings.model_fields.items() if field.is_required()}
    assert required <= env.keys()


def test_what_the_caller_sets_wins(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPROVAL_URL", "https://approval.example")
    assert environment(keys, database_url="x", kafka="y")["APPROVAL_URL"] == "https://approval.example"


def test_a_server_moves_to_another_port_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(port_variable("approval"), "9101")
    assert port("approval") == 9101
    assert url("approval").endswith(":9101")


def test_keys_are_made_once_and_read_by_their_owner_alone(tmp_path: Path) -> None:
    first = Keys.of(tmp_path)
    assert Keys.of(tmp_path) == first
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


def test_a_taken_port_is_named_with_its_mend() -> None:
    with socket.socket() as taken:
        taken.bind((processes.HOST, 0))
        taken.listen()
        number = taken.getsockname()[1]
        with pytest.raises(PortTaken) as refused:
            processes.demand_free(number, "approval", port_variable("approval"))
    for text in (refused.value.zh, refused.value.en):
        assert str(number) in text
        assert "APPROVAL_PORT" in text


def test_a_second_run_over_the_same_data_is_refused(tmp_path: Path) -> None:
    with only_run(tmp_path), pytest.raises(AlreadyRunning), only_run(tmp_path):
        pass
    with only_run(tmp_path):
        pass
