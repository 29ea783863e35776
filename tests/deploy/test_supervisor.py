"""A server that died is started again; one that keeps dying is not started in a tight loop."""

import pytest

from deploy.local import supervisor
from deploy.local.faults import ServerFailed
from deploy.local.supervisor import Supervisor


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Frail:
    """A server that dies at once."""

    name = "frail"
    running = False

    def __init__(self) -> None:
        self.starts = 0

    def start(self) -> None:
        self.starts += 1


class Broken(Frail):
    """A server that can't start."""

    def start(self) -> None:
        super().start()
        raise ServerFailed("没有启动", "did not start")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(supervisor, "time", made)
    return made


def test_a_dead_server_is_started_and_said(clock: Clock) -> None:
    server, said = Frail(), list[str]()
    Supervisor([server], said.append).look()
    assert server.starts == 1
    assert "frail" in said[0]


def test_one_that_keeps_dying_is_tried_ever_more_rarely(clock: Clock) -> None:
    server = Frail()
    watching = Supervisor([server], lambda _: None)
    for _ in range(10 * 60):
        watching.look()
        clock.now += 1.0
    assert 20 <= server.starts <= 30


def test_a_living_server_is_left_alone(clock: Clock) -> None:
    server = Frail()
    server.running = True
    Supervisor([server], lambda _: None).look()
    assert server.starts == 0


def test_a_server_that_cannot_start_does_not_end_the_watch(clock: Clock) -> None:
    server, said = Broken(), list[str]()
    Supervisor([server], said.append).look()
    assert any("did not start" in line for line in said)
