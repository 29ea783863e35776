"""One signed message to one webhook (standardwebhooks.com). Private addresses are refused at every send: a name that
resolved to a public address when it was subscribed may resolve to a private one later, so the checked address is the
one connected to."""

import asyncio
import ipaddress
import json
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from standardwebhooks.webhooks import Webhook

from services.notifier.errors import BadWebhookAddress

_TIMEOUT = httpx.Timeout(10.0, connect=5.0)


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


@dataclass(frozen=True)
class Receipt:
    """The receiver's answer: an HTTP status, or why there was none."""

    status: int | None
    error: str | None = None

    @property
    def taken(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300


def client() -> httpx.AsyncClient:
    """The HTTP client of all webhooks: no redirects, no proxies of the environment."""
    return httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False, trust_env=False)


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
        async with asyncio.timeout(_TIMEOUT.read):
            address = await check_address(url, allow_private=allow_private)
            target = httpx.URL(url)
            request = http.build_request(
                "POST",
                target.copy_with(host=address),
                content=body.encode(),
                headers=headers | {"host": target.netloc.decode()},
                extensions={"sni_hostname": target.host},
            )
            response = await http.send(request, stream=True)
            await response.aclose()
    except BadWebhookAddress as error:
        return Receipt(None, error.detail_en)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
        return Receipt(None, type(error).__name__)
    return Receipt(response.status_code)


async def check_address(url: str, *, allow_private: bool) -> str:
    """The IP address to connect to; raises `BadWebhookAddress`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadWebhookAddress("地址格式不对", "The address is malformed") from error
    if parts.scheme not in (("https", "http") if allow_private else ("https",)) or not host or parts.username:
        raise BadWebhookAddress("须为不带用户名的 https 地址", "An https address without a user name is needed")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise BadWebhookAddress(f"无法解析主机名 {host}", f"The host name {host} can't be resolved") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not allow_private and not all(_is_public(address) for address in addresses):
        raise BadWebhookAddress("不允许内网地址", "Private addresses are not allowed")
    return addresses[0]


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    embedded = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None)
    checked = embedded or parsed
    return checked.is_global and not checked.is_multicast
