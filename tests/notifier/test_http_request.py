"""Requests to HTTP gateways: filled, signed, and their answers understood."""

import base64
import hashlib
import hmac
from typing import Any

import pytest
from pydantic import ValidationError

from services.notifier.channels.http_request import HttpRequest
from services.notifier.channels.kinds import channels
from tests.notifier.samples import NOW

VALUES = {"to": "a/b?c", "text": "红色预警", "id": "1", "title": "t", "link": "l", "secret": "SECxyz"}


def preset(kind: str) -> HttpRequest:
    request = channels().kinds[kind].request
    assert request
    return request


def test_dingtalk_is_signed_over_time_and_secret() -> None:
    filled = preset("dingtalk").filled(VALUES, NOW)
    stamp = str(int(NOW.timestamp() * 1000))
    wanted = base64.b64encode(hmac.new(b"SECxyz", f"{stamp}\nSECxyz".encode(), hashlib.sha256).digest()).decode()
    assert filled.query == {"access_token": "a/b?c", "timestamp": stamp, "sign": wanted}
    assert filled.json == {"msgtype": "text", "text": {"content": "红色预警"}}


def test_feishu_is_signed_with_the_secret_in_the_key_over_nothing() -> None:
    filled = preset("feishu").filled(VALUES, NOW)
    stamp = str(int(NOW.timestamp()))
    wanted = base64.b64encode(hmac.new(f"{stamp}\nSECxyz".encode(), b"", hashlib.sha256).digest()).decode()
    assert filled.json
    assert (filled.json["timestamp"], filled.json["sign"]) == (stamp, wanted)
    assert filled.url.endswith("/hook/a%2Fb%3Fc")


@pytest.mark.parametrize("kind", ["dingtalk", "feishu"])
def test_without_a_secret_nothing_is_signed(kind: str) -> None:
    filled = preset(kind).filled({**VALUES, "secret": ""}, NOW)
    assert "sign" not in filled.query | (filled.json or {})
    assert "timestamp" not in filled.query | (filled.json or {})


def test_a_gateway_of_md5_over_its_own_key() -> None:
    request = HttpRequest(
        url="http://sms.county.test/send",
        encoding="form",
        fields={"mobile": "{to}", "sign": "{sign}", "t": "{timestamp}"},
        sign={"hash": "md5", "text": "{to}{timestamp}{env:KEY}"},
    )
    filled = request.filled({**VALUES, "to": "13800000000", "env:KEY": "k"}, NOW)
    stamp = str(int(NOW.timestamp()))
    assert filled.form == {
        "mobile": "13800000000",
        "t": stamp,
        "sign": hashlib.md5(f"13800000000{stamp}k".encode()).hexdigest(),
    }


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ('{"errcode": 0}', None),
        ('{"errcode": 310000, "errmsg": "keywords not in content"}', "errcode=310000"),
        ("<html>welcome</html>", "no errcode in the answer"),
        ("", "no errcode in the answer"),
        ("[]", "no errcode in the answer"),
    ],
)
def test_a_2xx_that_refuses_or_says_nothing_is_no_receipt(answer: str, why: str | None) -> None:
    assert preset("dingtalk").refusal(answer) == why


def test_the_providers_id_is_found_by_its_path() -> None:
    request = HttpRequest(url="http://sms.county.test/", receipt="data.list.0.id")
    assert request.provider_id('{"data": {"list": [{"id": 42}]}}') == "42"
    assert request.provider_id("nonsense") is None


@pytest.mark.parametrize(
    "changed",
    [
        {"url": "http://{to}/send"},
        {"url": "ftp://county.test/"},
        {"fields": {"x": "{tu}"}},
        {"headers": {"x": "{password}"}},
        {"colour": "red"},
    ],
)
def test_a_request_that_names_no_host_or_an_unknown_hole_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpRequest.model_validate({"url": "http://county.test/"} | changed)
