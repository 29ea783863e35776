"""Where the local system lives and listens, and the environment its services get."""

import os
from collections.abc import Mapping
from pathlib import Path

from deploy.local.keys import Keys
from deploy.local.processes import HOST
from shared.db import ROOT, SCHEMAS
from shared.settings import Settings

CLIENT_ID = "yunjing"
_HOME = "YUNJING_HOME"
_PORTS: Mapping[str, int] = {"identity": 8100, "approval": 8101, "detector": 8102, "notifier": 8103, "disclosure": 8104}


def home() -> Path:
    """The folder of all state: `YUNJING_HOME`, else `.local` in the project."""
    return Path(os.environ.get(_HOME) or ROOT / ".local").resolve()


def port_variable(name: str) -> str:
    """The variable that moves a server to another port: `APPROVAL_PORT`."""
    return f"{name.upper()}_PORT"


def port(name: str) -> int:
    """Where the identity provider or a service listens."""
    return int(os.environ.get(port_variable(name)) or _PORTS[name])


def url(name: str) -> str:
    """Its address."""
    return f"http://{HOST}:{port(name)}"


def of_the_system(env: Mapping[str, str]) -> dict[str, str]:
    """Only the variables that the system reads, of all those in an environment."""
    ours = {name.upper() for name in Settings.model_fields} | {port_variable(name) for name in _PORTS} | {_HOME}
    return {name: value for name, value in env.items() if name in ours}


def environment(keys: Keys, *, database_url: str, kafka: str) -> dict[str, str]:
    """The settings of `shared.settings` as variables; whatever the caller's own environment sets wins."""
    made = {
        "DATABASE_URL": database_url,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "IDENTITY_SECRET": keys.identity_secret,
        "SEALING_KEYS": keys.sealing_keys,
        "SESSION_SECRET": keys.session_secret,
        "OIDC_ISSUER": url("identity"),
        "OIDC_CLIENT_ID": CLIENT_ID,
        "OIDC_CLIENT_SECRET": keys.client_secret,
        "PAPER_LOG_KEY": keys.paper_log_key,
        "DATA_DIR": str(home() / "data"),
        _HOME: str(home()),
    }
    made |= {f"{service.upper()}_URL": url(service) for service in SCHEMAS}
    return made | os.environ
