"""No end point of any service takes a token that the issuer did not sign for us, for now, by a key of its own."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from shared.auth import Verifier
from shared.db import SCHEMAS
from shared.problems import NotSignedIn
from tests.access import guarded
from tests.conftest import ISSUER, SIGNING_KEY
from tests.shared.unserved import ORIGIN, unserved

FOREIGN = RSAKey.generate_key(2048, {"kid": "tests", "use": "sig", "alg": "RS256"})
GRANTS = ["county_secretary@330421000000", "auditor@330421000000", "handler@330421107201", "rule_keeper@330421000000"]


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {"iss": ISSUER, "aud": "yunjing", "sub": "li", "name": "李", "groups": GRANTS, "exp": now + 3600}
    return {name: value for name, value in (usual | changed).items() if value is not None}


def signed(key: RSAKey = SIGNING_KEY, header: dict[str, Any] | None = None, **changed: Any) -> str:
    return jwt.encode({"alg": "RS256", "kid": "tests"} | (header or {}), claims(**changed), key)


def raw(header: dict[str, Any], sign: Callable[[bytes], bytes], payload: Any = None) -> str:
    """A token put together by hand, as a library would refuse to."""
    parts = [json.dumps(header).encode(), json.dumps(claims() if payload is None else payload).encode()]
    body = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    return (body + b"." + base64.urlsafe_b64encode(sign(body)).rstrip(b"=")).decode()


def keyed(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda body: hmac.new(secret, body, hashlib.sha256).digest()


PUBLIC = json.dumps(SIGNING_KEY.as_dict(private=False)).encode()
BAD = {
    "expired": signed(exp=int(time.time()) - 3600),
    "not yet valid": signed(nbf=int(time.time()) + 3600),
    "without an end": signed(exp=None),
    "of another issuer": signed(iss="http://other.test"),
    "without an issuer": signed(iss=None),
    "for another audience": signed(aud="another"),
    "without an audience": signed(aud=None),
    "without a subject": signed(sub=None),
    "another's key": signed(FOREIGN),
    "another's key, brought along": signed(FOREIGN, {"jwk": FOREIGN.as_dict(private=False)}),
    "another's key, to be fetched": signed(FOREIGN, {"jku": "http://127.0.0.1:1/keys", "kid": "theirs"}),
    "an unknown key": signed(FOREIGN, {"kid": "unknown"}),
    "unsigned": raw({"alg": "none"}, lambda _: b""),
    "unsigned, in capitals": raw({"alg": "NONE", "kid": "tests"}, lambda _: b""),
    "signed by the public key": raw({"alg": "HS256", "kid": "tests"}, keyed(SIGNING_KEY.as_pem(private=False))),
    "signed by the public key set": raw({"alg": "HS256", "kid": "tests"}, keyed(PUBLIC)),
    "altered": signed()[:-6] + "AAAAAA",
    "no claims": raw({"alg": "RS256", "kid": "tests"}, lambda _: b"x", []),
    "three dots": "a.b.c",
    "huge": "e" * 2_000_000,
    "empty": "",
}


@pytest.mark.parametrize("bad", BAD)
async def test_the_verifier_refuses_it(bad: str) -> None:
    with pytest.raises(NotSignedIn):
        await Verifier(unserved("approval").state.settings).claims(BAD[bad])


@pytest.mark.parametrize("service", SCHEMAS)
async def test_no_end_point_takes_a_bad_token(service: str) -> None:
    app, wrong, asked = unserved(service), [], 0
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        for number, end_point in enumerate(sorted(guarded(service, app))):
            method, path = end_point.replace("{", "").replace("}", "").split(" ")
            # Each end point gets some of them, one end point all: they meet the same verifier.
            for name in BAD if number == 0 else ("expired", "signed by the public key"):
                answer = await client.request(method, path, headers={"authorization": f"Bearer {BAD[name]}"})
                asked += 1
                if answer.status_code != 401:
                    wrong.append(f"{end_point}, {name}: {answer.status_code}")
    assert asked > 50
    assert not wrong, "\n".join(wrong)


async def test_a_token_in_the_address_counts_for_nothing() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(unserved("approval")), base_url=ORIGIN) as client:
        answer = await client.get("/v1/cases", params={"access_token": signed()})
    assert (answer.status_code, answer.headers["www-authenticate"][:6]) == (401, "Bearer")
