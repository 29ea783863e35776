"""The rate limit: no address gets more than its bucket and its rate, and none is held up by another."""

from hypothesis import given
from hypothesis import strategies as st

from shared.buckets import Buckets


@given(st.lists(st.floats(min_value=0, max_value=5), max_size=60))
def test_never_more_than_the_bucket_and_what_came_since(pauses: list[float]) -> None:
    buckets, now, allowed = Buckets(10, 60), 0.0, 0
    for pause in pauses:
        now += pause
        allowed += buckets.take("a", now).allowed
        assert allowed <= 10 + now * 10 / 60 + 1e-6


@given(st.integers(min_value=1, max_value=200))
def test_who_waits_as_long_as_told_may_go_on(size: int) -> None:
    buckets = Buckets(size, 60)
    for _ in range(size):
        assert buckets.take("a", 0.0).allowed
    refused = buckets.take("a", 0.0)
    assert (refused.allowed, refused.left) == (False, 0)
    assert buckets.take("a", refused.wait_seconds + 1e-6).allowed


def test_each_address_has_its_own() -> None:
    buckets = Buckets(1, 60)
    assert buckets.take("a", 0.0).allowed
    assert not buckets.take("a", 0.0).allowed
    assert buckets.take("b", 0.0).allowed


def test_only_so_many_addresses_are_remembered() -> None:
    buckets = Buckets(1, 60, most=2)
    for address in ("a", "b", "c"):
        assert buckets.take(address, 0.0).allowed
    assert buckets.take("a", 0.0).allowed, "forgotten for the newer ones"
    assert not buckets.take("c", 0.0).allowed
