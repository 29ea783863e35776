"""Hands one message to the channel of its gateway, within the kind's time. Each gateway has its own connections."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any

import httpx

from services.notifier.channels import apprise_gateway, content, http_gateway, mail, web_push, webhook
from services.notifier.channels.content import Notice
from services.notifier.channels.gateways import AppriseGateway, BuiltIn, Gateway, HttpGateway, MailServer
from services.notifier.channels.kinds import Clearance, channels
from services.notifier.channels.receipt import Receipt
from services.notifier.channels.web_push import PushKey
from shared.settings import Settings
from shared.webhooks import guard
from shared.webhooks.message import Message

_OWN_WORDS = ("digest", "reminder", "code", "test")


@dataclass(frozen=True)
class Outgoing:
    """One message: what happened, and the unsealed address and secret."""

    id: str
    kind: str
    at: datetime
    body: Mapping[str, Any]
    address: str
    secret: str


class Senders:
    """What sends, by gateway; open it as a context."""

    def __init__(self, gateways: Mapping[str, Gateway], settings: Settings, key: PushKey) -> None:
        self._gateways = gateways
        self._settings = settings
        self._key = key
        self._home = settings.notifier_url.rstrip("/")
        self._http: dict[str, httpx.AsyncClient] = {}
        self._threads: dict[str, ThreadPoolExecutor] = {}
        self._open = AsyncExitStack()

    async def __aenter__(self) -> "Senders":
        for name, gateway in self._gateways.items():
            self._http[name] = await self._open.enter_async_context(guard.client())
            if isinstance(gateway.config, AppriseGateway):
                threads = ThreadPoolExecutor(gateway.kind.at_once, thread_name_prefix=name)
                self._threads[name] = threads
                self._open.callback(threads.shutdown, wait=False, cancel_futures=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def send(self, name: str, outgoing: Outgoing) -> Receipt:
        """Send, or say why not: never raises but when cancelled."""
        gateway = self._gateways.get(name)
        if gateway is None:
            return Receipt.failed("this gateway is no longer configured")
        try:
            async with asyncio.timeout(gateway.kind.timeout_seconds):
                return await self._send(gateway, outgoing)
        except TimeoutError:
            return Receipt.failed("timeout")
        except Exception as error:  # a fault of a library must not stop the queue
            return Receipt.failed(error)

    async def _send(self, gateway: Gateway, out: Outgoing) -> Receipt:
        http, allow_private = self._http[gateway.name], self._settings.allow_private_webhooks
        clearance = gateway.clearance(out.address if gateway.config.kind == "webhook" else "")
        match gateway.config:
            case BuiltIn(kind="webhook"):
                message = Message(out.id, _type(out.kind), out.at, _data(out, clearance))
                return await webhook.send(http, out.address, out.secret, message, allow_private=allow_private)
            case BuiltIn():
                notice = self._notice(out, clearance)
                return await web_push.send(
                    http, self._key, out.address, out.id, notice, self._home, allow_private=allow_private
                )
            case MailServer():
                return await mail.send(gateway, out.address, out.id, self._notice(out, clearance))
            case HttpGateway():
                notice = self._notice(out, clearance)
                return await http_gateway.send(http, gateway, out.address, out.secret, out.id, notice)
            case AppriseGateway():
                threads = self._threads[gateway.name]
                return await apprise_gateway.send(threads, gateway, out.address, self._notice(out, clearance))

    def _notice(self, out: Outgoing, clearance: Clearance) -> Notice:
        match out.kind:
            case "digest":
                return content.digest(out.body)
            case "reminder":
                return content.reminder(out.body, self._home)
            case "code":
                return content.code(out.body["digits"], channels().code.minutes, self._home)
            case "test":
                return content.test(self._home)
            case _:
                return content.for_person(out.kind, out.body, clearance, self._home)


def _type(kind: str) -> str:
    return f"yunjing.{kind}" if kind in _OWN_WORDS else f"alert.{kind}"


def _data(out: Outgoing, clearance: Clearance) -> dict[str, Any]:
    told = {name: out.body[name] for name in ("position", "kind") if out.body.get(name) is not None}
    return told | content.for_system(out.body, clearance)
