"""Events keep all they carry through Kafka's binary mode, and what is no event is named as such."""

import contextlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.bus.envelope import Envelope, Undecodable, decode, encode

envelopes = st.builds(
    Envelope,
    id=st.uuids().map(str),
    source=st.text(min_size=1),
    type=st.text(min_size=1),
    time=st.datetimes(timezones=st.just(UTC)),
    key=st.text(),
    topic=st.just("power.events"),
    data=st.none() | st.dictionaries(st.text(), st.text() | st.integers(-(2**53), 2**53)),
    subject=st.none() | st.text(min_size=1),
    traceparent=st.none() | st.text(min_size=1),
)


@given(envelopes)
def test_what_goes_in_comes_out(envelope: Envelope) -> None:
    assert decode("power.events", *encode(envelope)) == envelope


HEADERS = encode(Envelope("00000000-0000-0000-0000-000000000001", "/a", "t", datetime.now(UTC), "k", "t", {}))[2]


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"{", HEADERS),
        (b"[]", HEADERS),
        (b"\xff\xfe", HEADERS),
        (b"{}", []),
        (b"{}", [h for h in HEADERS if h[0] != "ce_id"]),
        (b"{}", [*HEADERS, ("ce_id", b"no uuid")]),
        (b"{}", [*HEADERS, ("ce_time", b"yesterday")]),
    ],
)
def test_what_is_no_event_is_refused(value: bytes, headers: list[tuple[str, bytes]]) -> None:
    with pytest.raises(Undecodable):
        decode("power.events", b"k", value, headers)


_NAMES = st.sampled_from([name for name, _ in HEADERS]) | st.text(max_size=12)
_VALUES = st.binary(max_size=60) | st.sampled_from([value for _, value in HEADERS]) | st.none()
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())


@given(
    st.none() | st.binary(max_size=30),
    st.none() | st.binary(max_size=200) | _JSON,
    st.lists(st.tuples(_NAMES, _VALUES), max_size=10).map(lambda more: [*HEADERS, *more]),
)
@example(b"k", b"[" * 200_000, HEADERS)
@example(b"k", b'{"a":' * 200_000, HEADERS)
@example(b"k", b"1" * 200_000, HEADERS)
@example(b"\xff", b"{}", HEADERS)
@example(b"k", b"{}", [*HEADERS, ("ce_time", b"2026-01-01T00:00:00")])
def test_whatever_comes_is_an_event_or_refused(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    """A record that anything else is raised for would still be a dead letter, but without a reason that helps."""
    with contextlib.suppress(Undecodable):
        found = decode("power.events", key, value, headers)
        assert found.time.tzinfo
        assert found.data is None or isinstance(found.data, dict)
