"""No webhook reaches into the county's own network, however its address is written."""

import pytest

from shared.webhooks.errors import BadWebhookAddress
from shared.webhooks.guard import check_address

INSIDE = [
    *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "localhost", "localhost."),
    *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
    *("[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]"),
    *(
        "[2002:7f00:1::]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b:1::1]",
        "[::127.0.0.1]",
        "[::10.0.0.1]",
    ),
    *("[2001:0:a00:1::f5ff:fffe]", "255.255.255.255", "192.0.0.1", "127.0.0.1。", "①②⑦.⓪.⓪.①"),
]


@pytest.mark.parametrize("host", INSIDE)
async def test_what_lies_inside_is_refused(host: str) -> None:
    with pytest.raises(BadWebhookAddress):
        await check_address(f"https://{host}/hook", allow_private=False)


@pytest.mark.parametrize(
    "url",
    [
        *("http://1.1.1.1/", "ftp://1.1.1.1/", "file:///etc/passwd", "gopher://1.1.1.1/", "//1.1.1.1/", "https://", ""),
        *(
            "https://user@1.1.1.1/",
            "https://1.1.1.1@127.0.0.1/",
            "https://1.1.1.1:99999/",
            "https://[::1",
            "https://a b/",
        ),
        *("https://127.0.0.1#@1.1.1.1/", "https://127.0.0.1\\@1.1.1.1/", "https://\x00/", "https:///1.1.1.1"),
    ],
)
async def test_what_is_no_plain_https_address_is_refused(url: str) -> None:
    with pytest.raises(BadWebhookAddress):
        await check_address(url, allow_private=False)


@pytest.mark.parametrize("host", ["1.1.1.1", "[2606:4700:4700::1111]", "[64:ff9b::1.1.1.1]"])
async def test_what_lies_outside_is_let(host: str) -> None:
    assert await check_address(f"https://{host}/hook", allow_private=False)
