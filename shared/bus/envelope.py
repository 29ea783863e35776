"""CloudEvents 1.0 in Kafka's binary mode: attributes in `ce_*` headers, data as JSON in the value."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import orjson
from pydantic import BaseModel

from shared.telemetry import current_traceparent

Headers = list[tuple[str, bytes]]


class Undecodable(Exception):
    """A record that is no CloudEvent of ours; the message says why."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event with its CloudEvents attributes. `data` is None for a tombstone."""

    id: str
    source: str
    type: str
    time: datetime
    key: str
    topic: str
    data: dict[str, Any] | None
    subject: str | None = None
    traceparent: str | None = None

    @classmethod
    def of(
        cls,
        event: BaseModel,
        *,
        source: str,
        topic: str,
        key: str,
        time: datetime,
        subject: str | None = None,
        id: str | None = None,
    ) -> Self:
        """Wrap a contract model; its class attribute `TYPE` names the event type."""
        return cls(
            id=id or str(uuid.uuid4()),
            source=source,
            type=event.TYPE,  # type: ignore[attr-defined]
            time=time,
            key=key,
            topic=topic,
            data=event.model_dump(mode="json", exclude_defaults=True),
            subject=subject,
            traceparent=current_traceparent(),
        )


def encode_headers(
    *, id: str, source: str, type: str, time: datetime, subject: str | None, traceparent: str | None
) -> Headers:
    """The Kafka headers of an event."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", type.encode()),
        ("ce_time", time.isoformat().encode()),
        ("content-type", b"application/json"),
    ]
    if subject:
        headers.append(("ce_subject", subject.encode()))
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return headers


def encode(envelope: Envelope) -> tuple[bytes, bytes | None, Headers]:
    """Key, value and headers of a Kafka record."""
    value = None if envelope.data is None else orjson.dumps(envelope.data)
    headers = encode_headers(
        id=envelope.id,
        source=envelope.source,
        type=envelope.type,
        time=envelope.time,
        subject=envelope.subject,
        traceparent=envelope.traceparent,
    )
    return envelope.key.encode(), value, headers


def decode(topic: str, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> Envelope:
    """A Kafka record as an envelope; raises `Undecodable`."""
    try:
        attributes = {name: raw.decode() for name, raw in headers if raw is not None}
        data = None if value is None else orjson.loads(value)
        if data is not None and not isinstance(data, dict):
            raise Undecodable("data is not an object")
        at = datetime.fromisoformat(attributes["ce_time"])
        if at.tzinfo is None:
            raise Undecodable("ce_time has no time zone")
        return Envelope(
            id=str(uuid.UUID(attributes["ce_id"])),
            source=attributes["ce_source"],
            type=attributes["ce_type"],
            time=at,
            key=(key or b"").decode(),
            topic=topic,
            data=data,
            subject=attributes.get("ce_subject"),
            traceparent=attributes.get("traceparent"),
        )
    except KeyError as error:
        raise Undecodable(f"header {error} is missing") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise Undecodable(str(error)) from error
