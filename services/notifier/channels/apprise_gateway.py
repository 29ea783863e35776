"""One message over any service that the library Apprise knows: it tells whether the service took it, nothing more."""

import asyncio
import logging
from concurrent.futures import Executor
from functools import partial
from urllib.parse import quote

from apprise import Apprise, NotifyFormat

from services.notifier.channels.content import Notice
from services.notifier.channels.gateways import AppriseGateway, Gateway, filled
from services.notifier.channels.receipt import Receipt

# Its own log names tokens and addresses.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)


async def send(threads: Executor, gateway: Gateway, address: str, notice: Notice) -> Receipt:
    """Hand it over in a thread of this gateway's own: Apprise blocks."""
    assert isinstance(gateway.config, AppriseGateway)
    service = Apprise.instantiate(filled(gateway.config.url, gateway, to=quote(address, safe="")))
    if service is None:
        return Receipt.refused("no address of this gateway")
    notify = partial(service.notify, body=notice.text, title=notice.title, body_format=NotifyFormat.TEXT)
    taken = await asyncio.get_running_loop().run_in_executor(threads, notify)
    return Receipt(True) if taken else Receipt.failed("not taken")
