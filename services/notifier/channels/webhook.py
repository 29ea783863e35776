"""One signed message to one webhook (standardwebhooks.com)."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from standardwebhooks.webhooks import Webhook

from services.notifier.channels import guard
from services.notifier.channels.receipt import Receipt
from services.notifier.errors import BadWebhookAddress


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


async def send(http: httpx.AsyncClient, url: str, secret: str, message: Message, *, allow_private: bool) -> Receipt:
    """Sign and post; a refusal, a fault of the network or a bad address is a receipt, never an exception."""
    body, now = message.text(), datetime.now(UTC)
    headers = {
        "content-type": "application/json",
        "user-agent": "yunjing-notifier/1",
        "webhook-id": message.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message.id, now, body),
    }
    try:
        response = await guard.post(http, url, body.encode(), headers, allow_private=allow_private)
    except BadWebhookAddress as error:
        return Receipt.failed(error.detail_en)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Receipt.failed(error)
    taken = 200 <= response.status_code < 300
    return Receipt(taken, status=response.status_code)
