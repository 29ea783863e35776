"""The number by which an appeal is followed: twenty digits that can be read aloud, the last of them a check. Pure."""

import hashlib
import hmac
import re
import unicodedata

_DIGITS = 19
_NOT_DIGITS = re.compile(r"[\s\-—–_.·,,。]+")


def number_of(token: str, secret: str) -> str:
    """The number that belongs to a form: the same form sent twice has the same, and nobody else can guess it."""
    digest = hmac.new(secret.encode(), f"appeal-number|{token}".encode(), hashlib.sha256).digest()
    body = str(int.from_bytes(digest, "big") % 10**_DIGITS).zfill(_DIGITS)
    return body + _check_digit(body)


def grouped(number: str) -> str:
    """As it is printed and read: 4821 7730 1946 5082 1134."""
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def read(text: str) -> str | None:
    """The number in what somebody typed, however he grouped it; none when it can't be one."""
    digits = _NOT_DIGITS.sub("", unicodedata.normalize("NFKC", text))
    if len(digits) != _DIGITS + 1 or not (digits.isascii() and digits.isdigit()):
        return None
    return digits if _check_digit(digits[:-1]) == digits[-1] else None


def key_of(number: str, secret: str) -> str:
    """Under what an appeal is kept: who reads the tables can follow nothing."""
    return hmac.new(secret.encode(), f"appeal|{number}".encode(), hashlib.sha256).hexdigest()


def _check_digit(body: str) -> str:
    """ISO/IEC 7064, MOD 11,10: a digit typed wrongly is always found, two that were swapped mostly."""
    product = 10
    for digit in body:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)
