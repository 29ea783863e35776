"""One signed message to one webhook (standardwebhooks.com)."""

from datetime import UTC, datetime

import httpx

from services.notifier.channels.receipt import Receipt
from shared.webhooks import guard
from shared.webhooks.errors import BadWebhookAddress
from shared.webhooks.message import Message

_SENDER = "yunjing-notifier/1"


async def send(http: httpx.AsyncClient, url: str, secret: str, message: Message, *, allow_private: bool) -> Receipt:
    """Sign and post; a refusal, a fault of the network or a bad address is a receipt, never an exception."""
    headers = message.headers([secret], datetime.now(UTC), _SENDER)
    try:
        response = await guard.post(http, url, message.text().encode(), headers, allow_private=allow_private)
    except BadWebhookAddress as error:
        return Receipt.failed(error.detail_en)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Receipt.failed(error)
    taken = 200 <= response.status_code < 300
    return Receipt(taken, status=response.status_code)
