"""HTTP to an address that a person named. Private addresses are refused at every send: a name that resolved to a public
address when it was subscribed may resolve to a private one later, so the checked address is the one connected to."""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from shared.webhooks.errors import BadWebhookAddress

# Where the last four bytes are an IPv4 address: IPv4-compatible (RFC 4291), NAT64 (RFC 6052).
_LAST_FOUR = (ipaddress.IPv6Network("::/96"), ipaddress.IPv6Network("64:ff9b::/96"))

_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")


def client() -> httpx.AsyncClient:
    """An HTTP client of one channel: no redirects, no proxies of the environment; who sends sets the time."""
    return httpx.AsyncClient(timeout=None, follow_redirects=False, trust_env=False)  # noqa: S113


async def post(
    http: httpx.AsyncClient, url: str, content: bytes, headers: Mapping[str, str], *, allow_private: bool
) -> httpx.Response:
    """Post to the checked address, the answer's body unread; raises `BadWebhookAddress` and httpx's errors."""
    address = await check_address(url, allow_private=allow_private)
    target = httpx.URL(url)
    request = http.build_request(
        "POST",
        target.copy_with(host=address),
        content=content,
        headers={**headers, "host": target.netloc.decode()},
        extensions={"sni_hostname": target.host},
    )
    response = await http.send(request, stream=True)
    await response.aclose()
    return response


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
    parsed: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed in _LOCAL_NAT64:
            return False
        parsed = _embedded(parsed) or parsed
    return parsed.is_global and not parsed.is_multicast


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a gateway would take an IPv6 address to: mapped, compatible, 6to4, Teredo, NAT64."""
    if any(address in network for network in _LAST_FOUR):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
