"""A message to a subscribed system, signed as standardwebhooks.com says. Pure."""

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from standardwebhooks.webhooks import Webhook


@dataclass(frozen=True)
class Message:
    """What is sent: its id stays the same through all tries, so that a receiver can leave out repeats."""

    id: str
    type: str
    at: datetime
    data: dict[str, Any]

    def text(self) -> str:
        """The body, byte for byte as it is signed."""
        plain = {"type": self.type, "timestamp": self.at.isoformat(), "data": self.data}
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))

    def headers(self, keys: Sequence[str], now: datetime, sender: str) -> dict[str, str]:
        """The headers of a try at `now`: one signature a secret, the newest first; two while one is exchanged."""
        text = self.text()
        return {
            "content-type": "application/json",
            "user-agent": sender,
            "webhook-id": self.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(Webhook(key).sign(self.id, now, text) for key in keys),
        }


def new_secret() -> str:
    """A secret of 32 random bytes for signatures."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
