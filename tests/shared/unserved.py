"""The services' apps over settings that lead nowhere, to ask what is refused before a database is asked."""

import base64
import importlib
import json
from pathlib import Path

from fastapi import FastAPI
from itsdangerous import TimestampSigner
from joserfc.jwk import KeySet

from shared.settings import Settings
from tests.conftest import ISSUER, SIGNING_KEY
from tests.detector.rulebook import RULEBOOK

ORIGIN = "https://service.test"
_SESSION_SECRET = "session-secret-of-the-tests"


def unserved(service: str) -> FastAPI:
    """The app of a service."""
    settings = Settings(
        database_url="postgresql://nobody@localhost/none",
        kafka_bootstrap_servers="localhost:1",
        identity_secret="identity-secret-of-the-tests",
        session_secret=_SESSION_SECRET,
        oidc_issuer=ISSUER,
        oidc_jwks=json.dumps(KeySet([SIGNING_KEY]).as_dict(private=False)),
        paper_log_key="0" * 64,
        data_dir=Path("/nonexistent"),
        approval_url=ORIGIN,
        detector_url=ORIGIN,
        notifier_url=ORIGIN,
        disclosure_url=ORIGIN,
    )
    own = {"rulebook": RULEBOOK} if service == "detector" else {}
    app: FastAPI = importlib.import_module(f"services.{service}.app").build(settings, **own)
    return app


def session(service: str, *grants: str) -> dict[str, str]:
    """The cookie of a browser that signed in."""
    claims = {"sub": "wang", "name": "王", "groups": list(grants), "exp": 4_000_000_000}
    plain = base64.b64encode(json.dumps({"claims": claims}).encode())
    return {f"yunjing_{service}": TimestampSigner(_SESSION_SECRET).sign(plain).decode()}
