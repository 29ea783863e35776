"""The secrets of one installation, made on its first run and kept in `secrets.json`, readable by its owner alone."""

import json
import secrets
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey
from pydantic import BaseModel, Field

_FILE = "secrets.json"


class Keys(BaseModel):
    """What nobody but this installation may know. A key that an older file lacks is made and added to it."""

    identity_secret: str
    session_secret: str
    client_secret: str
    provider_secret: str
    signing_key: dict[str, Any]
    sealing_keys: str = Field(default_factory=lambda: f"k1:{secrets.token_hex(32)}")
    paper_log_key: str = Field(default_factory=lambda: secrets.token_hex(32))

    @classmethod
    def of(cls, home: Path) -> "Keys":
        """The keys of a home folder, made when it has none."""
        file = home / _FILE
        if file.exists():
            kept = json.loads(file.read_bytes())
            found = cls.model_validate(kept)
            if kept.keys() < found.model_dump().keys():
                found._keep(file)
            return found
        home.mkdir(parents=True, exist_ok=True)
        made = cls._make()
        made._keep(file)
        return made

    def _keep(self, file: Path) -> None:
        fresh = file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(self.model_dump(), indent=1), encoding="utf-8")
        fresh.replace(file)

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
