"""Webhook addresses, circuits and cursors: what needs no server."""

from datetime import timedelta
from uuid import uuid4

import pytest

from services.notifier.errors import BadCursor
from services.notifier.workbench.listing import Cursor
from shared.webhooks.errors import BadWebhookAddress
from shared.webhooks.guard import check_address
from shared.webhooks.retries import paused_until
from tests.notifier.samples import NOW


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.215.14/hook",
        "https://127.0.0.1/hook",
        "https://10.1.2.3/hook",
        "https://169.254.169.254/latest",
        "https://[::1]/hook",
        "https://[::ffff:10.0.0.1]/hook",
        "https://100.64.0.1/hook",
        "https://user:secret@93.184.215.14/hook",
        "https://0/hook",
        "https://2130706433/hook",
        "ftp://93.184.215.14/hook",
        "https://[bad/hook",
        "https:///hook",
    ],
)
async def test_private_and_malformed_addresses_are_refused(url: str) -> None:
    with pytest.raises(BadWebhookAddress):
        await check_address(url, allow_private=False)


async def test_a_public_address_is_taken_and_a_private_one_when_allowed() -> None:
    assert await check_address("https://93.184.215.14/hook", allow_private=False) == "93.184.215.14"
    assert await check_address("http://127.0.0.1:9/hook", allow_private=True) == "127.0.0.1"


def test_a_circuit_opens_after_five_failures_and_for_longer_each_time() -> None:
    assert paused_until(4, NOW) is None
    assert paused_until(5, NOW) == NOW + timedelta(seconds=30)
    assert paused_until(6, NOW) == NOW + timedelta(seconds=60)
    assert paused_until(500, NOW) == NOW + timedelta(hours=1)


def test_a_cursor_reads_back() -> None:
    cursor = Cursor("due", 1, NOW, uuid4())
    assert Cursor.parse(cursor.text(), "due") == cursor
    with pytest.raises(BadCursor):
        Cursor.parse(cursor.text(), "newest")


@pytest.mark.parametrize("text", ["", "x", "!!!!", "MXx4fHk", "é"])
def test_a_cursor_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        Cursor.parse(text, "graver")
