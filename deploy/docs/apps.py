"""The services' apps, built to be described and never started."""

import importlib

from fastapi import FastAPI

from shared.settings import Settings

_NOWHERE = Settings(
    database_url="postgresql://nobody@localhost/none",
    kafka_bootstrap_servers="localhost:1",
    identity_secret="only for documents",
    session_secret="only for documents",
    oidc_issuer="http://localhost:1",
    paper_log_key="0" * 64,
)


def build(service: str) -> FastAPI:
    """A service's app over settings that lead nowhere."""
    app: FastAPI = importlib.import_module(f"services.{service}.app").build(_NOWHERE)
    return app
