"""Addresses at which people are reached: how each must look, and what of it may be shown. Pure."""

import json
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from shared.identity import normalise_phone
from shared.problems import FieldError, InvalidInput

_MAIL = re.compile(r"^[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}$")
_TOKEN = re.compile(r"^[A-Za-z0-9_-]{8,128}$")
_RECIPIENT = re.compile(r"^[\w.+@-]{1,100}$")
_KEYS = {"endpoint", "p256dh", "auth"}


def normalise(kind: str, address: str) -> str:
    """The address as it is kept; raises `InvalidInput` with what is wrong."""
    return _NORMALISE[kind](address.strip())


def mask(kind: str, address: str) -> str:
    """What of an address its owner and the readers of receipts see."""
    match kind:
        case "sms":
            return f"{address[:3]}****{address[-4:]}"
        case "mail":
            local, _, host = address.partition("@")
            return f"{local[:1]}***@{host}"
        case "webhook":
            return urlsplit(address).hostname or "—"
        case "web_push":
            return urlsplit(json.loads(address)["endpoint"]).hostname or "—"
        case _:
            return f"…{address[-4:]}"


def _mobile(text: str) -> str:
    digits = normalise_phone(text)
    if not re.fullmatch(r"1[3-9]\d{9}", digits):
        raise _wrong("应为 11 位手机号", "An 11-digit mobile number is needed")
    return digits


def _mail(text: str) -> str:
    if not _MAIL.fullmatch(text):
        raise _wrong("应为邮箱地址,如 name@example.gov.cn", "A mail address is needed, as name@example.gov.cn")
    return text


def _token(text: str) -> str:
    """A robot's token, also out of the URL that the chat's settings show."""
    if text.startswith("https://"):
        parts = urlsplit(text)
        query = parse_qs(parts.query)
        text = next(
            (query[name][0] for name in ("access_token", "key") if name in query), parts.path.rpartition("/")[2]
        )
    if not _TOKEN.fullmatch(text):
        raise _wrong("应为群机器人的网址或其中的密钥", "The robot's URL, or the token in it, is needed")
    return text


def _recipient(text: str) -> str:
    if not _RECIPIENT.fullmatch(text):
        raise _wrong("只能含字母、数字和 . _ + @ -", "Only letters, digits and . _ + @ - are possible")
    return text


def _browser(text: str) -> str:
    try:
        told = json.loads(text)
        found = {"endpoint": told["endpoint"], **{name: told["keys"][name] for name in ("p256dh", "auth")}}
    except (ValueError, KeyError, TypeError) as error:
        raise _wrong("浏览器没有给出推送地址", "The browser gave no push address") from error
    if set(found) != _KEYS or not all(isinstance(value, str) and 0 < len(value) <= 1000 for value in found.values()):
        raise _wrong("浏览器没有给出推送地址", "The browser gave no push address")
    return json.dumps(found, sort_keys=True)


def _wrong(zh: str, en: str) -> InvalidInput:
    return InvalidInput(zh, en, [FieldError("address", zh, en)])


_NORMALISE: dict[str, Callable[[str], str]] = {
    "sms": _mobile,
    "mail": _mail,
    "dingtalk": _token,
    "wecom": _token,
    "feishu": _token,
    "web_push": _browser,
    "apprise": _recipient,
}
