"""One message to a browser (RFC 8030), encrypted for it alone (RFC 8291), signed as ours (VAPID, RFC 8292).

The push service sees who gets something when, never what. The address comes from the person's browser, so it is checked
like a webhook's.
"""

import base64
import json
import os
import time
from urllib.parse import urlsplit

import http_ece
import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from services.notifier.channels.content import Notice
from services.notifier.channels.receipt import Receipt
from shared.webhooks import guard
from shared.webhooks.errors import BadWebhookAddress

_GONE = (404, 410)
_DAY = 86400
_HALF_A_DAY = 43200


class PushKey:
    """The key by which push services know us."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private
        self._pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @classmethod
    def new(cls) -> "PushKey":
        """A fresh key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def of(cls, pem: str) -> "PushKey":
        """The key of its PEM."""
        key = serialization.load_pem_private_key(pem.encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return cls(key)

    @property
    def pem(self) -> str:
        """The private key, to be kept sealed."""
        return self._pem.decode()

    @property
    def public(self) -> str:
        """The public key as a browser subscribes with it."""
        return _text(_point(self._private.public_key()))

    def authorization(self, endpoint: str, home: str) -> str:
        """The header that says to this push service who we are, for half a day."""
        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int(time.time()) + _HALF_A_DAY,
            "sub": home,
        }
        token = jwt.encode({"typ": "JWT", "alg": "ES256"}, claims, ECKey.import_key(self._pem))
        return f"vapid t={token}, k={self.public}"


async def send(
    http: httpx.AsyncClient,
    key: PushKey,
    address: str,
    message_id: str,
    notice: Notice,
    home: str,
    *,
    allow_private: bool,
) -> Receipt:
    """Encrypt and post. An address that the push service has forgotten is refused for good."""
    browser = json.loads(address)
    told = {"title": notice.title, "body": notice.line, "link": notice.link, "id": message_id}
    headers = {
        "content-type": "application/octet-stream",
        "content-encoding": "aes128gcm",
        "authorization": key.authorization(browser["endpoint"], home),
        "ttl": str(_DAY),
        "urgency": "high",
    }
    try:
        body = encrypt(json.dumps(told, ensure_ascii=False).encode(), browser["p256dh"], browser["auth"])
    except ValueError:
        return Receipt.refused("the browser's key is none")
    try:
        response = await guard.post(http, browser["endpoint"], body, headers, allow_private=allow_private)
    except BadWebhookAddress as error:
        return Receipt.failed(error.detail_en)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Receipt.failed(error)
    if response.status_code in _GONE:
        return Receipt.refused("the browser has unsubscribed", response.status_code)
    if not response.is_success:
        return Receipt.failed(f"HTTP {response.status_code}", response.status_code)
    location = response.headers.get("location", "").rpartition("/")[2]
    return Receipt(True, status=response.status_code, provider_id=location[:100] or None)


def encrypt(
    told: bytes,
    p256dh: str,
    auth: str,
    *,
    salt: bytes | None = None,
    own: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """For this browser alone; raises `ValueError` when its key is no point. `salt` and `own` are fresh but in tests."""
    made: bytes = http_ece.encrypt(
        told,
        salt=salt or os.urandom(16),
        private_key=own or ec.generate_private_key(ec.SECP256R1()),
        dh=_bytes(p256dh),
        auth_secret=_bytes(auth),
        version="aes128gcm",
    )
    return made


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
