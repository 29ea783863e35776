"""Grants reach down the tree of regions and nowhere else; tokens are checked in every part."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from shared.auth import Verifier
from shared.db import region_prefix
from shared.principals import Grant, Principal
from shared.problems import NotSignedIn
from shared.settings import Settings
from shared.signin import _local_path

KEY = RSAKey.generate_key(2048, {"kid": "test", "use": "sig"})
ISSUER = "http://issuer.test"
SETTINGS = Settings(
    database_url="postgresql://nobody@localhost/none",
    kafka_bootstrap_servers="localhost:1",
    identity_secret="0123456789abcdef",
    session_secret="0123456789abcdef",
    oidc_issuer=ISSUER,
    oidc_jwks=json.dumps(KeySet([KEY]).as_dict(private=False)),
)


def token(key: RSAKey = KEY, **changes: Any) -> str:
    claims = {"iss": ISSUER, "sub": "li", "aud": "yunjing", "exp": int(time.time()) + 60} | changes
    return jwt.encode({"alg": "RS256", "kid": "test"}, claims, key)


@given(st.from_regex(r"\A[0-9]{12}\Z"), st.from_regex(r"\A[0-9]{12}\Z"))
def test_a_grant_and_the_database_policy_reach_the_same_regions(region: str, other: str) -> None:
    prefix = region_prefix(region).removesuffix("%")
    assert Grant("auditor", region).covers(other) == other.startswith(prefix)


def test_a_town_covers_its_villages_and_no_other_town() -> None:
    grant = Grant("town_secretary", "330421103000")
    assert grant.covers("330421103207")
    assert not grant.covers("330421104207")


def test_groups_of_another_kind_give_nothing() -> None:
    assert Principal.of_claims({"sub": "li", "groups": ["staff", "handler@33", "@330421103000"]}).grants == frozenset()


async def test_a_good_token_is_taken() -> None:
    assert (await Verifier(SETTINGS).claims(token()))["sub"] == "li"


@pytest.mark.parametrize(
    "bad",
    [
        token(iss="http://other.test"),
        token(aud="other"),
        token(exp=int(time.time()) - 3600),
        token(key=RSAKey.generate_key(2048, {"kid": "test"})),
        token()[:-4] + "AAAA",
        "not.a.token",
        "",
    ],
    ids=["issuer", "audience", "expired", "key", "signature", "shape", "empty"],
)
async def test_a_bad_token_is_refused(bad: str) -> None:
    with pytest.raises(NotSignedIn):
        await Verifier(SETTINGS).claims(bad)


@pytest.mark.parametrize("target", ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)"])
def test_sign_in_never_leads_to_another_site(target: str) -> None:
    assert _local_path(target) == "/"
