"""The county's own gateways: a YAML file that the setting `channels_file` names. Its secrets stand in the environment
only, by `{env:NAME}`; a missing one, like any other mistake, stops the service at its start and says where.

Webhooks and browser push need no gateway: they are there in any case, and the file may clear them for more.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.notifier.channels.http_request import HttpRequest, fill
from services.notifier.channels.kinds import Clearance, Kind, channels

BUILT_IN = ("webhook", "web_push")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MailServer(_Strict):
    """An SMTP server that takes our mail."""

    kind: Literal["mail"]
    clearance: Clearance | None = None
    host: str
    port: int = Field(default=465, ge=1, le=65535)
    security: Literal["tls", "starttls", "none"] = "tls"
    user: str = ""
    password: str = ""
    sender: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")


class HttpGateway(_Strict):
    """A gateway asked by HTTP. DingTalk, WeCom and Feishu know their own requests; here only what differs is said."""

    kind: Literal["sms", "dingtalk", "wecom", "feishu"]
    clearance: Clearance | None = None
    request: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_whole(self) -> "HttpGateway":
        self.whole()
        return self

    def whole(self) -> HttpRequest:
        """The request with what the kind itself says."""
        preset = channels().kinds[self.kind].request
        return HttpRequest.model_validate((preset.model_dump(exclude_unset=True) if preset else {}) | self.request)


class AppriseGateway(_Strict):
    """Any of the services that the library Apprise knows, by its URL; `{to}` is the address, never within the host."""

    kind: Literal["apprise"]
    clearance: Clearance | None = None
    zh: str
    en: str
    url: str

    @model_validator(mode="after")
    def _names_its_host(self) -> "AppriseGateway":
        if "{to}" in urlsplit(self.url).netloc:
            raise ValueError("{to} 不得在主机位置 / {to} must not stand where the host does")
        return self


class BuiltIn(_Strict):
    """What a county says of webhooks or browser push: what they may carry, and hosts that may carry more."""

    kind: Literal["webhook", "web_push"]
    clearance: Clearance | None = None
    explained_hosts: frozenset[str] = frozenset()


Configured = MailServer | HttpGateway | AppriseGateway | BuiltIn


class _File(_Strict):
    gateways: dict[str, Annotated[Configured, Field(discriminator="kind")]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Gateway:
    """One gateway with its kind; `secrets` are those of the environment that its templates name."""

    name: str
    kind: Kind
    config: Configured
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def zh(self) -> str:
        """Its Chinese name."""
        return self.config.zh if isinstance(self.config, AppriseGateway) else self.kind.zh

    @property
    def en(self) -> str:
        """Its English name."""
        return self.config.en if isinstance(self.config, AppriseGateway) else self.kind.en

    def clearance(self, address: str) -> Clearance:
        """What may be carried to this address."""
        hosts = self.config.explained_hosts if isinstance(self.config, BuiltIn) else frozenset()
        if hosts and (urlsplit(address).hostname or "") in hosts:
            return "explained"
        return self.config.clearance or self.kind.clearance


class MissingSecret(ValueError):
    """The gateways' file names a variable that the environment lacks."""


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> dict[str, Gateway]:
    """All gateways by name; raises pydantic's error, yaml's, or `MissingSecret` with the variable's name."""
    told = yaml.safe_load(path.read_text(encoding="utf-8")) if path else {}
    configured: dict[str, Configured] = {name: BuiltIn(kind=name) for name in BUILT_IN}
    configured |= _File.model_validate(told or {}).gateways
    for name, one in configured.items():
        if (one.kind in BUILT_IN or name in BUILT_IN) and name != one.kind:
            raise ValueError(f"{name}: webhook 与 web_push 只能叫自己的名字 / webhook and web_push keep their names")
    return {name: _gateway(name, one, environment) for name, one in configured.items()}


def _gateway(name: str, config: Configured, environment: Mapping[str, str]) -> Gateway:
    kind = channels().kinds[config.kind]
    match config:
        case HttpGateway():
            named = {hole for hole in config.whole().holes() if hole.startswith("env:")}
        case MailServer():
            named = HttpRequest(url="http://x/", fields={"p": config.password, "u": config.user}).holes()
        case AppriseGateway():
            named = {h for h in HttpRequest(url="http://x/", fields={"u": config.url}).holes() if h.startswith("env:")}
        case _:
            named = set()
    for hole in named:
        if hole.removeprefix("env:") not in environment:
            raise MissingSecret(f"{name}: 环境变量 {hole[4:]} 未设置 / the variable {hole[4:]} is not set")
    return Gateway(name, kind, config, {hole: environment[hole[4:]] for hole in named})


def filled(template: str, gateway: Gateway, **values: str) -> str:
    """A template of a gateway with its secrets and these values."""
    return fill(template, {**gateway.secrets, **values})
