"""When a stream must end, by the clock."""

import httpx
import pytest

from services.notifier import stream
from services.notifier.stream import Rights
from shared.problems import NotSignedIn


class Watch:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    turned = Watch()
    monkeypatch.setattr(stream, "time", turned)
    return turned


async def test_rights_are_asked_each_minute_and_not_in_between(watch: Watch) -> None:
    asked = []

    async def allowed() -> bool:
        asked.append(watch.now)
        return len(asked) < 2

    rights = Rights(allowed, lambda: 0.0)
    assert await rights.hold()
    watch.now += 59
    assert await rights.hold()
    assert asked == []
    assert rights.asked_at == watch.now + 1
    watch.now += 1
    assert await rights.hold()
    watch.now += 60
    assert not await rights.hold()
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("error", "holds"), [(NotSignedIn("x", "x"), False), (httpx.ConnectError("the issuer is away"), True)]
)
async def test_an_ended_sign_in_takes_them_and_an_issuer_that_is_away_does_not(
    watch: Watch, error: Exception, holds: bool
) -> None:
    async def allowed() -> bool:
        raise error

    rights = Rights(allowed)
    watch.now += 60
    assert await rights.hold() is holds


async def test_no_stream_outlives_its_half_hour(watch: Watch) -> None:
    async def allowed() -> bool:
        return True

    rights = Rights(allowed)
    watch.now += 1800
    assert not await rights.hold()
