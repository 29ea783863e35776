"""The demo's accounts, read from `accounts.yaml`."""

from dataclasses import dataclass
from pathlib import Path

import yaml

_FILE = Path(__file__).with_name("accounts.yaml")


@dataclass(frozen=True)
class Account:
    """One person of the demo; `grants` are `role@region`."""

    username: str
    password: str
    name: str
    title_zh: str
    title_en: str
    grants: tuple[str, ...]


@dataclass(frozen=True)
class Machine:
    """One client of the demo that acts for itself; `grants` are `role@region`."""

    client_id: str
    secret: str
    name: str
    scopes: tuple[str, ...]
    grants: tuple[str, ...]


def machines() -> tuple[Machine, ...]:
    """All clients that act for themselves."""
    content = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return tuple(
        Machine(
            client_id=each["client_id"],
            secret=content["client_secret"],
            name=each["name"]["zh"],
            scopes=tuple(each["scopes"]),
            grants=tuple(each["grants"]),
        )
        for each in content["clients"]
    )


def load() -> tuple[Account, ...]:
    """All accounts, in the order of the file."""
    content = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return tuple(
        Account(
            username=each["username"],
            password=content["password"],
            name=each["name"],
            title_zh=each["title"]["zh"],
            title_en=each["title"]["en"],
            grants=tuple(each["grants"]),
        )
        for each in content["accounts"]
    )


def account(username: str) -> Account:
    """The account of a name; raises `KeyError` when there is none."""
    return {each.username: each for each in load()}[username]
