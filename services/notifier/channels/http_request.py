"""A request to an HTTP gateway, described by data: what is asked where, how it is signed, what a good answer says.
Pure.

Templates hold `{to}` (the address), `{title}`, `{text}`, `{link}`, `{id}`, `{timestamp}`, `{sign}`, `{secret}` (the
address's own), and `{env:NAME}`: a secret of the county that stands in the environment only.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_HOLE = re.compile(r"\{(env:[A-Z][A-Z0-9_]*|[a-z]+)\}")
_KNOWN = frozenset({"to", "title", "text", "link", "id", "timestamp", "sign", "secret"})
Fields = dict[str, Any]


@dataclass(frozen=True)
class Filled:
    """A request ready to be sent."""

    method: str
    url: str
    query: dict[str, str]
    headers: dict[str, str]
    json: Fields | None
    form: dict[str, str] | None


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sign(_Strict):
    """How a gateway wants its requests signed."""

    hash: Literal["md5", "sha256", "hmac_sha256"]
    key: str = ""
    text: str
    form: Literal["hex", "base64"] = "hex"

    def of(self, values: Mapping[str, str]) -> str:
        """The signature over these values."""
        key, text = (fill(template, values).encode() for template in (self.key, self.text))
        if self.hash == "hmac_sha256":
            made = hmac.new(key, text, hashlib.sha256).digest()
        else:
            # Chinese SMS gateways still ask for MD5; it guards their request, not our data.
            made = hashlib.new(self.hash, text, usedforsecurity=False).digest()
        return made.hex() if self.form == "hex" else base64.b64encode(made).decode()


class HttpRequest(_Strict):
    """One kind of request. A field or parameter that comes out empty is left out.

    `taken` names what the JSON answer must say, by dotted path; without it any 2xx counts. `receipt` is where the
    answer holds the provider's id.
    """

    method: Literal["POST", "GET"] = "POST"
    url: str
    query: dict[str, str] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    fields: Fields = Field(default_factory=dict)
    encoding: Literal["json", "form"] = "json"
    timestamp: Literal["seconds", "milliseconds"] = "seconds"
    sign: Sign | None = None
    taken: dict[str, str] = Field(default_factory=dict)
    receipt: str | None = None

    @field_validator("url")
    @classmethod
    def _names_its_host(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "{" in parts.netloc:
            raise ValueError("须为写明主机的 http(s) 网址 / an http(s) URL that names its host itself is needed")
        return url

    @model_validator(mode="after")
    def _knows_its_holes(self) -> "HttpRequest":
        for hole in self.holes():
            if not hole.startswith("env:") and hole not in _KNOWN:
                raise ValueError(f"不认识 {{{hole}}} / there is no {{{hole}}}")
        return self

    def holes(self) -> set[str]:
        """The names of all that is to be filled in."""
        signed = [self.sign.key, self.sign.text] if self.sign else []
        return {
            hole
            for template in [self.url, *signed, *_texts(self.query), *_texts(self.headers), *_texts(self.fields)]
            for hole in _HOLE.findall(template)
        }

    def filled(self, values: Mapping[str, str], now: datetime) -> Filled:
        """The request over these values at this time (UTC)."""
        seconds = now.timestamp()
        known = {**values, "timestamp": str(int(seconds * (1000 if self.timestamp == "milliseconds" else 1)))}
        if self.sign and (known.get("secret") or "{secret}" not in self.sign.key + self.sign.text):
            known["sign"] = self.sign.of(known)
        else:
            known |= {"sign": ""} | ({"timestamp": ""} if self.sign else {})
        fields: Fields = _filled(self.fields, known)
        return Filled(
            self.method,
            fill(self.url, {name: quote(value, safe="") for name, value in known.items()}),
            _filled(self.query, known),
            _filled(self.headers, known),
            fields if fields and self.encoding == "json" else None,
            fields if fields and self.encoding == "form" else None,
        )

    def refusal(self, answer: str) -> str | None:
        """Why the body of a 2xx answer is a refusal nevertheless; None when it says that the message was taken."""
        if not self.taken:
            return None
        told = _parsed(answer)
        for path, wanted in self.taken.items():
            if (found := _at(told, path)) != wanted:
                return f"{path}={found[:40]}" if found else f"no {path} in the answer"
        return None

    def provider_id(self, answer: str) -> str | None:
        """The provider's id of the message, where the answer holds one."""
        return (_at(_parsed(answer), self.receipt)[:100] or None) if self.receipt else None


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with its holes filled; an unknown one is left empty."""
    return _HOLE.sub(lambda hole: values.get(hole[1], ""), template)


def _filled(template: Any, values: Mapping[str, str]) -> Any:
    if isinstance(template, str):
        return fill(template, values)
    if isinstance(template, dict):
        made = {name: _filled(inner, values) for name, inner in template.items()}
        return {name: value for name, value in made.items() if value != ""}
    if isinstance(template, list):
        return [_filled(inner, values) for inner in template]
    return template


def _texts(template: Any) -> list[str]:
    if isinstance(template, str):
        return [template]
    inner = template.values() if isinstance(template, dict) else template if isinstance(template, list) else ()
    return [text for one in inner for text in _texts(one)]


def _parsed(answer: str) -> Any:
    try:
        return json.loads(answer)
    except ValueError:
        return None


def _at(told: Any, path: str) -> str:
    for part in path.split("."):
        if isinstance(told, list) and part.isdigit() and int(part) < len(told):
            told = told[int(part)]
        elif isinstance(told, dict):
            told = told.get(part)
        else:
            return ""
    return "" if told is None else str(told)
