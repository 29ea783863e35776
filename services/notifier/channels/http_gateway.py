"""One message over an HTTP gateway that data describes: text messages, DingTalk, WeCom, Feishu.

The gateway's host is the county's own choice and may be private; who gives an address names no host.
"""

from datetime import UTC, datetime

import httpx

from services.notifier.channels.content import Notice
from services.notifier.channels.gateways import Gateway, HttpGateway
from services.notifier.channels.receipt import Receipt

_LONGEST_ANSWER = 64_000


async def send(
    http: httpx.AsyncClient, gateway: Gateway, address: str, secret: str, message_id: str, notice: Notice
) -> Receipt:
    """Ask the gateway; what it refuses within a 2xx answer is a refusal, and an answer that says nothing is none."""
    assert isinstance(gateway.config, HttpGateway)
    asked = gateway.config.whole()
    text = notice.line if gateway.config.kind == "sms" else notice.text
    values = {"to": address, "secret": secret, "id": message_id, "title": notice.title, "text": text}
    filled = asked.filled({**gateway.secrets, **values, "link": notice.link}, datetime.now(UTC))
    try:
        request = http.build_request(
            filled.method,
            filled.url,
            params=filled.query or None,
            headers=filled.headers,
            json=filled.json,
            data=filled.form,
        )
        response = await http.send(request, stream=True)
        try:
            answer = await _body(response)
        finally:
            await response.aclose()
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Receipt.failed(error)
    if not response.is_success:
        return Receipt.failed(f"HTTP {response.status_code}", response.status_code)
    if why := asked.refusal(answer):
        return Receipt.refused(why, response.status_code, final=False)
    return Receipt(True, status=response.status_code, provider_id=asked.provider_id(answer))


async def _body(response: httpx.Response) -> str:
    got = b""
    async for part in response.aiter_bytes():
        got += part
        if len(got) > _LONGEST_ANSWER:
            break
    return got.decode("utf-8", "replace")
