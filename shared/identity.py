"""Persons and accounts without their numbers: keyed hashes to match by, sealed values to keep."""

import base64
import hashlib
import hmac
import os
import unicodedata

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"


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


def person_key(id_no: str, secret: str) -> str:
    """The keyed hash by which a person is matched everywhere."""
    return _keyed_hash("person", normalise_id_no(id_no), secret)


def account_key(account_no: str, secret: str) -> str:
    """The keyed hash by which a bank account is matched everywhere."""
    digits = "".join(c for c in unicodedata.normalize("NFKC", account_no) if c.isalnum())
    return _keyed_hash("account", digits, secret)


def seal(value: str, secret: str) -> str:
    """Encrypt a value for keeping (AES-256-GCM, a fresh nonce each)."""
    nonce = os.urandom(12)
    box = AESGCM(_cipher_key(secret)).encrypt(nonce, value.encode(), None)
    return base64.urlsafe_b64encode(nonce + box).decode()


def unseal(sealed: str, secret: str) -> str:
    """Decrypt what `seal` made; raises `cryptography.exceptions.InvalidTag` for a foreign or altered value."""
    raw = base64.urlsafe_b64decode(sealed)
    return AESGCM(_cipher_key(secret)).decrypt(raw[:12], raw[12:], None).decode()


def _keyed_hash(kind: str, value: str, secret: str) -> str:
    return hmac.new(secret.encode(), f"{kind}|{value}".encode(), hashlib.sha256).hexdigest()[:32]


def _cipher_key(secret: str) -> bytes:
    return hashlib.sha256(b"seal|" + secret.encode()).digest()


def _check_digit(body: str) -> str:
    return _CHECKS[sum(int(d) * w for d, w in zip(body, _WEIGHTS, strict=True)) % 11]
