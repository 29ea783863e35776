"""Ready bytes go in the form that the caller takes, each form under its own ETag."""

import gzip

import pytest
from fastapi import Request

from services.disclosure.answers import answer
from services.disclosure.packed import Packed

BODY = "机耕路".encode() * 100
PACKED = Packed.of(BODY)


def asked(**headers: str) -> Request:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": named})


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip", "gzip;q=0.5, *;q=0", "deflate,GZIP"])
def test_who_takes_gzip_gets_gzip(accepted: str) -> None:
    found = answer(asked(accept_encoding=accepted), PACKED, "application/json")
    assert (found.headers["content-encoding"], found.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(bytes(found.body)) == BODY
    again = answer(asked(accept_encoding=accepted, if_none_match=found.headers["etag"]), PACKED, "application/json")
    assert (again.status_code, again.headers["etag"]) == (304, found.headers["etag"])


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.0, br", "xgzip"])
def test_who_does_not_gets_the_plain_bytes(accepted: str) -> None:
    found = answer(asked(accept_encoding=accepted), PACKED, "application/json")
    assert "content-encoding" not in found.headers
    assert found.body == BODY
    assert found.headers["etag"] == PACKED.plain_etag != PACKED.zipped_etag
