"""The chain of an audit log: each entry's hash covers the entry and the hash before it. Pure.

An entry is hashed as canonical JSON (RFC 8785): sorted ASCII keys, no spaces, UTF-8, integers only.
"""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from shared.contracts.audit import AuditSealed, Service

GENESIS = "0" * 64


@dataclass(frozen=True)
class Entry:
    """One entry as it is hashed; `hash` is what stands beside it in the log."""

    number: int
    at: datetime
    actor: str
    name: str
    grants: tuple[str, ...]
    action: str
    object: str
    region: str
    detail: Mapping[str, Any]
    hash: str = ""


@dataclass(frozen=True)
class Break:
    """Where a log no longer holds: the first entry that is wrong, and what is wrong with it."""

    number: int
    zh: str
    en: str


def digest(service: str, entry: Entry, previous: str) -> str:
    """The hash of an entry behind the one whose hash is `previous`."""
    content = {
        "action": entry.action,
        "actor": entry.actor,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "detail": dict(entry.detail),
        "grants": list(entry.grants),
        "name": entry.name,
        "number": entry.number,
        "object": entry.object,
        "previous": previous,
        "region": entry.region,
        "service": service,
    }
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def mac(service: str, number: int, hash: str, secret: str) -> str:
    """What a service alone can put under a head of its log."""
    return hmac.new(secret.encode(), f"audit.heads|{service}|{number}|{hash}".encode(), hashlib.sha256).hexdigest()


def published(service: Service, number: int, hash: str, at: datetime, secret: str) -> AuditSealed:
    """The head as others get to know it."""
    return AuditSealed(service=service, number=number, hash=hash, mac=mac(service, number, hash, secret), sealed_at=at)


def genuine(head: AuditSealed, secret: str) -> bool:
    """Whether a service published this head."""
    return hmac.compare_digest(head.mac, mac(head.service, head.number, head.hash, secret))


class Walk:
    """A walk along a service's chain from its first entry, past the heads that were published of it."""

    def __init__(self, service: str, heads: Iterable[AuditSealed] = ()) -> None:
        self._service = service
        self._heads: dict[int, set[str]] = defaultdict(set)
        for head in heads:
            if head.service == service:
                self._heads[head.number].add(head.hash)
        self.number, self.hash = 0, GENESIS
        # The last entry that a published head proves, and the time of the first one behind it.
        self.proved = 0
        self.open_since: datetime | None = None

    @property
    def heads(self) -> int:
        """How many published heads there are to pass."""
        return len(self._heads)

    def step(self, entry: Entry) -> Break | None:
        """Go on to the next entry; what is wrong with it, or None."""
        expected = self.number + 1
        if entry.number != expected:
            return Break(expected, "记录缺失", "The entry is missing")
        if digest(self._service, entry, self.hash) != entry.hash:
            return Break(expected, "记录与其哈希不符:内容、次序或前一条被改动", "The entry or its place was changed")
        self.number, self.hash = entry.number, entry.hash
        if known := self._heads.get(entry.number):
            if known != {entry.hash}:
                return self._rewritten(entry.number)
            self.proved, self.open_since = entry.number, None
        else:
            self.open_since = self.open_since or entry.at
        return None

    def end(self) -> Break | None:
        """What is missing behind the last entry, by the heads that were published."""
        if any(number > self.number for number in self._heads):
            last = max(self._heads)
            return Break(
                self.number + 1,
                f"记录缺失:公布过的链头到第 {last} 条",
                f"The entry is missing: heads were published up to {last}",
            )
        return None

    def _rewritten(self, number: int) -> Break:
        first = self.proved + 1
        return Break(
            first,
            f"第 {first} 至 {number} 条中有改写:链自身相符,但与公布过的链头不符",
            f"Rewritten within {first} to {number}: the chain fits itself, but not the head that was published",
        )
