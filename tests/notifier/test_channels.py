"""Addresses, gateways' files, retries and the encryption of browser push: what needs no server."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.notifier.channels import addresses, gateways, web_push
from services.notifier.channels.gateways import MissingSecret
from services.notifier.channels.subscriptions import code_of
from services.notifier.channels.web_push import PushKey
from shared.problems import InvalidInput
from shared.webhooks import retries
from tests.notifier.samples import NOW

BROWSER = json.dumps({"endpoint": "https://push.test/x", "keys": {"p256dh": "a", "auth": "b"}})


@pytest.mark.parametrize(
    ("kind", "given_", "kept", "shown"),
    [
        ("sms", "+86 138-0013-8000", "13800138000", "138****8000"),
        ("mail", " wang@county.gov.cn ", "wang@county.gov.cn", "w***@county.gov.cn"),
        ("dingtalk", "https://oapi.dingtalk.com/robot/send?access_token=abcdef123456", "abcdef123456", "…3456"),
        ("wecom", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=aaaa-bbbb-cccc", "aaaa-bbbb-cccc", "…cccc"),
        ("feishu", "https://open.feishu.cn/open-apis/bot/v2/hook/1234-5678", "1234-5678", "…5678"),
    ],
)
def test_an_address_is_kept_in_one_form_and_shown_masked(kind: str, given_: str, kept: str, shown: str) -> None:
    assert addresses.normalise(kind, given_) == kept
    assert addresses.mask(kind, kept) == shown


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("sms", "0571-8888888"),
        ("sms", "12345678901"),
        ("mail", "wang"),
        ("mail", "a@b.cn\nbcc: x@y.cn"),
        ("mail", "a b@c.cn"),
        ("dingtalk", "short"),
        ("wecom", "../../etc/passwd"),
        ("web_push", "{}"),
        ("web_push", "[1]"),
        ("apprise", "a/../b"),
    ],
)
def test_what_is_no_address_is_refused_by_its_field(kind: str, wrong: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        addresses.normalise(kind, wrong)
    assert refused.value.errors[0].field == "address"


def test_a_browsers_address_shows_its_push_service_only() -> None:
    assert addresses.mask("web_push", addresses.normalise("web_push", BROWSER)) == "push.test"


def file(folder: Path, text: str) -> Path:
    path = folder / "channels.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_there_are_webhooks_and_browser_push() -> None:
    assert set(gateways.load(None)) == {"webhook", "web_push"}


def test_secrets_come_from_the_environment_only_and_show_nowhere(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        """
gateways:
  mail: {kind: mail, host: smtp.test, user: yunjing, password: "{env:SMTP_PASSWORD}", sender: yunjing@county.gov.cn}
  robot: {kind: dingtalk, clearance: explained}
""",
    )
    with pytest.raises(MissingSecret, match="SMTP_PASSWORD"):
        gateways.load(path, {})
    loaded = gateways.load(path, {"SMTP_PASSWORD": "hunter2"})
    assert gateways.filled(loaded["mail"].config.password, loaded["mail"]) == "hunter2"  # type: ignore[union-attr]
    assert "hunter2" not in repr(loaded)
    assert (loaded["robot"].clearance(""), loaded["mail"].clearance("")) == ("explained", "plain")


def test_a_host_of_webhooks_may_be_cleared_for_more(tmp_path: Path) -> None:
    loaded = gateways.load(file(tmp_path, "gateways: {webhook: {kind: webhook, explained_hosts: [oa.county.gov.cn]}}"))
    assert loaded["webhook"].clearance("https://oa.county.gov.cn/x") == "explained"
    assert loaded["webhook"].clearance("https://oa.county.gov.cn.evil.test/x") == "plain"


@pytest.mark.parametrize(
    "text",
    [
        "gateways: {x: {kind: pigeon}}",
        "gateways: {x: {kind: sms}}",
        "gateways: {x: {kind: sms, request: {url: 'http://{to}/'}}}",
        "gateways: {x: {kind: webhook}}",
        "gateways: {x: {kind: apprise, zh: 甲, en: a, url: 'json://{to}/'}}",
        "gateways: {x: {kind: mail, host: h, sender: nobody}}",
    ],
)
def test_a_malformed_gateway_stops_the_service(tmp_path: Path, text: str) -> None:
    with pytest.raises((ValidationError, ValueError)):
        gateways.load(file(tmp_path, text), {})


@given(attempts=st.integers(1, 12), seed=st.integers())
def test_retries_are_spread_within_a_fifth_and_end(attempts: int, seed: int) -> None:
    waits, end = (2, 10, 60, 300), NOW + timedelta(seconds=200)
    due = retries.next_try(attempts, waits, NOW, end, Random(seed))
    assert due == retries.next_try(attempts, waits, NOW, end, Random(seed))
    if due is None:
        assert attempts > len(waits) or waits[attempts - 1] * 1.2 >= 200
    else:
        assert 0.8 <= (due - NOW).total_seconds() / waits[attempts - 1] <= 1.2
        assert due < end


def test_a_code_is_six_digits_of_its_challenge_and_of_the_secret() -> None:
    one, other = UUID(int=1), UUID(int=2)
    assert code_of(one, "secret") == code_of(one, "secret")
    assert len({code_of(one, "secret"), code_of(other, "secret"), code_of(one, "another")}) == 3
    assert all(len(code_of(UUID(int=n), "s")) == 6 and code_of(UUID(int=n), "s").isdigit() for n in range(50))


def bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_push_is_encrypted_as_rfc_8291_says() -> None:
    """Its Appendix A, byte for byte."""
    own = ec.derive_private_key(int.from_bytes(bytes_of("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")), ec.SECP256R1())
    made = web_push.encrypt(
        b"When I grow up, I want to be a watermelon",
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "BTBZMqHH6r4Tts7J_aSIgg",
        salt=bytes_of("DGv6ra1nlYgDCS1FRnbzlw"),
        own=own,
    )
    wanted = (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl"
        "7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    assert made == bytes_of(wanted)


def test_a_push_key_reads_back() -> None:
    key = PushKey.new()
    assert PushKey.of(key.pem).public == key.public
    assert len(bytes_of(key.public)) == 65
