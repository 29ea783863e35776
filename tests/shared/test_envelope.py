"""Events keep all they carry through Kafka's binary mode, and what is no event is named as such."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
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
