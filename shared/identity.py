"""Persons, accounts and bidders' traces without their numbers: keyed hashes to match by, sealed values to keep."""

import base64
import hashlib
import hmac
import ipaddress
import os
import re
import unicodedata
from collections.abc import Mapping
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
# Before keys had names: what the identity secret itself gives.
_UNNAMED = ""
_EXTENSION = re.compile(r"转|轉|分机|分機|ext|x")


def normalise_id_no(id_no: str) -> str:
    """An ID number as 18 upper-case characters: full-width digits folded, a 15-digit number extended (GB 11643)."""
    text = unicodedata.normalize("NFKC", id_no).strip().upper()
    if len(text) == 15 and text.isdigit():
        body = f"{text[:6]}19{text[6:]}"
        return body + _check_digit(body)
    return text


def valid_id_no(id_no: str) -> bool:
    """Whether an ID number has the right shape and check digit (GB 11643-1999)."""
    text = normalise_id_no(id_no)
    return len(text) == 18 and text[:17].isdigit() and text[:17].isascii() and _check_digit(text[:17]) == text[17]


def birth_year(id_no: str) -> int:
    """The year of birth that a valid ID number tells."""
    return int(normalise_id_no(id_no)[6:10])


def person_key(id_no: str, secret: str) -> str:
    """The keyed hash by which a person is matched everywhere."""
    return _keyed_hash("person", normalise_id_no(id_no), secret)


def account_key(account_no: str, secret: str) -> str:
    """The keyed hash by which a bank account is matched everywhere."""
    digits = "".join(c for c in unicodedata.normalize("NFKC", account_no) if c.isalnum())
    return _keyed_hash("account", digits, secret)


def company_key(company: str, secret: str) -> str:
    """The keyed hash by which a firm is matched, by its credit code or, where that is unknown, its name."""
    return _keyed_hash("company", unicodedata.normalize("NFKC", company).strip().upper(), secret)


def normalise_phone(phone: str) -> str:
    """The digits that a phone is dialled by from anywhere in the country: without signs, +86, trunk's 0, extension."""
    line = _EXTENSION.split(unicodedata.normalize("NFKC", phone).lower(), maxsplit=1)[0]
    text = re.sub(r"[^\d+]", "", line, flags=re.ASCII)
    abroad = re.match(r"(?:\+|00)86", text)
    digits = text[abroad.end() :] if abroad else text.replace("+", "")
    # A number in the country has 11 digits at most, its trunk's 0 left out.
    if not abroad and len(digits) > 11 and digits.startswith("86"):
        digits = digits[2:]
    return digits.removeprefix("0")


def phone_key(phone: str, secret: str) -> str:
    """The keyed hash by which a phone is matched everywhere."""
    return _keyed_hash("phone", normalise_phone(phone), secret)


def phone_tail(phone: str) -> str:
    """The last three digits of a phone: enough for a reader to find it in the papers, too few to call it."""
    return normalise_phone(phone)[-3:]


def ip_key(ip: str, secret: str) -> str:
    """The keyed hash by which an IP address is matched, however it is written."""
    text = unicodedata.normalize("NFKC", ip).strip().lower()
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return _keyed_hash("ip", text, secret)
    return _keyed_hash("ip", str(getattr(address, "ipv4_mapped", None) or address), secret)


def device_key(device: str, secret: str) -> str:
    """The keyed hash by which a machine (its network card, its disk) is matched, however its number is divided."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", device) if c.isalnum())
    return _keyed_hash("device", plain.upper(), secret)


class IdentitySecret(str):
    """The secret that keys the hashes and never changes, with the keys that seal and do: by name, the current first.

    `sealing_keys` is `name:64 hex digits`, with commas between; empty: one key that the secret itself gives.
    """

    sealing: Mapping[str, bytes]

    def __new__(cls, secret: str, sealing_keys: str = "") -> Self:
        """The secret; raises `ValueError` for keys that are none."""
        made = super().__new__(cls, secret)
        named = [each.partition(":") for each in sealing_keys.split(",") if each]
        made.sealing = {f"{name}.": bytes.fromhex(key) for name, _, key in named} | {_UNNAMED: _cipher_key(secret)}
        return made

    @property
    def current(self) -> str:
        """What a value begins with that the current key sealed."""
        return next(iter(self.sealing))


def seal(value: str, secret: str) -> str:
    """Encrypt a value for keeping: AES-256-GCM with a fresh nonce, the name of the key in front."""
    ring = secret if isinstance(secret, IdentitySecret) else IdentitySecret(secret)
    nonce = os.urandom(12)
    box = AESGCM(ring.sealing[ring.current]).encrypt(nonce, value.encode(), None)
    return ring.current + base64.urlsafe_b64encode(nonce + box).decode()


def unseal(sealed: str, secret: str) -> str:
    """Decrypt what `seal` made; raises `cryptography.exceptions.InvalidTag` for a foreign or altered value, or key."""
    ring = secret if isinstance(secret, IdentitySecret) else IdentitySecret(secret)
    name, dot, box = sealed.rpartition(".")
    if name + dot not in ring.sealing:
        raise InvalidTag(f"no key {name}")
    raw = base64.urlsafe_b64decode(box)
    return AESGCM(ring.sealing[name + dot]).decrypt(raw[:12], raw[12:], None).decode()


def _keyed_hash(kind: str, value: str, secret: str) -> str:
    return hmac.new(secret.encode(), f"{kind}|{value}".encode(), hashlib.sha256).hexdigest()[:32]


def _cipher_key(secret: str) -> bytes:
    return hashlib.sha256(b"seal|" + secret.encode()).digest()


def _check_digit(body: str) -> str:
    return _CHECKS[sum(int(d) * w for d, w in zip(body, _WEIGHTS, strict=True)) % 11]
