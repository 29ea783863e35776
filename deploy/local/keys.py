"""The secrets of one installation, made on its first run and kept in `secrets.json`, readable by its owner alone."""

import json
import secrets
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey
from pydantic import BaseModel

_FILE = "secrets.json"


class Keys(BaseModel):
    """What nobody but this installation may know."""

    identity_secret: str
    session_secret: str
    client_secret: str
    provider_secret: str
    signing_key: dict[str, Any]

    @classmethod
    def of(cls, home: Path) -> "Keys":
        """The keys of a home folder, made when it has none."""
        file = home / _FILE
        if file.exists():
            return cls.model_validate_json(file.read_bytes())
        home.mkdir(parents=True, exist_ok=True)
        made = cls._make()
        fresh = file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(made.model_dump(), indent=1), encoding="utf-8")
        fresh.replace(file)
        return made

    @classmethod
    def _make(cls) -> "Keys":
        key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
        return cls(
            identity_secret=secrets.token_hex(32),
            session_secret=secrets.token_hex(32),
            client_secret=secrets.token_hex(32),
            provider_secret=secrets.token_hex(32),
            signing_key=dict(key.as_dict(private=True)),
        )
