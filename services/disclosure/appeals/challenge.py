"""A form's proof that a person sends it: a little work of the browser or, without JavaScript, a sum drawn as a picture.

The form's token is signed, expires, and files one appeal, whose number comes of it. What it asks is kept nowhere, but
told by the token.
"""

import base64
import hashlib
import hmac
import io
import random
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from PIL import Image, ImageDraw, ImageFont

_TOKEN = re.compile(r"([0-9a-f]{32})\.(\d{10,11})\.([0-9a-f]{32})")
_LONGEST_SOLUTION = 20
_SIZE = (220, 64)


@dataclass(frozen=True)
class Challenge:
    """What a form brings along."""

    token: str
    picture: str
    work_bits: int


def make(secret: str, now: datetime, minutes: int, work_bits: int) -> Challenge:
    """A new form's token with its picture (a data URL)."""
    nonce = secrets.token_hex(16)
    until = int((now + timedelta(minutes=minutes)).timestamp())
    token = f"{nonce}.{until}.{_signed(f'{nonce}.{until}', secret)}"
    return Challenge(token, _draw(token, secret), work_bits)


def genuine(token: str, secret: str, now: datetime) -> bool:
    """Whether a token is ours and has not expired."""
    found = _TOKEN.fullmatch(token)
    if not found or not hmac.compare_digest(_signed(f"{found[1]}.{found[2]}", secret), found[3]):
        return False
    return now.timestamp() < int(found[2])


def solved(token: str, answer: str, work: str, secret: str, work_bits: int) -> bool:
    """Whether the sum or the work of a token that is `genuine` is right."""
    first, second = _sum(token, secret)
    if answer.strip() == str(first + second):
        return True
    if not work or len(work) > _LONGEST_SOLUTION:
        return False
    digest = hashlib.sha256(f"{token}:{work}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> (32 - work_bits) == 0


def _signed(text: str, secret: str) -> str:
    return hmac.new(secret.encode(), f"appeal-token|{text}".encode(), hashlib.sha256).hexdigest()[:32]


def _sum(token: str, secret: str) -> tuple[int, int]:
    digest = hmac.new(secret.encode(), f"appeal-sum|{token}".encode(), hashlib.sha256).digest()
    return 10 + digest[0] % 40, 2 + digest[1] % 8


def _draw(token: str, secret: str) -> str:
    first, second = _sum(token, secret)
    drawn = Image.new("RGB", _SIZE, "#f5f6f8")
    pen = ImageDraw.Draw(drawn)
    font, at, dice = ImageFont.load_default(38), 14, random.Random(secrets.randbits(64))  # noqa: S311 (only how it looks)
    for sign in f"{first} + {second} =":
        pen.text((at, 6 + dice.randint(-5, 7)), sign, fill=(40, 30 + dice.randint(0, 60), 60), font=font)
        at += 24 if sign != " " else 12
    for _ in range(7):
        ends = [(dice.randint(0, _SIZE[0]), dice.randint(0, _SIZE[1])) for _ in range(2)]
        pen.line(ends, fill=(150, 150, 165), width=2)
    out = io.BytesIO()
    drawn.quantize(16).save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
