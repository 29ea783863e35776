"""Events as they were once published (of a fictitious county) are still read, and read whole.

A new type of event brings its recording: a file in `recorded/` with topic, key, headers and value, never changed after.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from deploy.docs.channels import channels
from shared.bus.envelope import decode, encode
from shared.contracts.base import Contract

RECORDED = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in sorted((Path(__file__).parent / "recorded").glob("*.json"))
}
MODELS: Mapping[tuple[str, str], type[Contract] | None] = {
    (channel.topic, message.event): message.model for channel in channels() for message in channel.messages
}


def test_every_type_of_event_is_recorded() -> None:
    kinds = {(event, MODELS[topic, event]) for topic, event in MODELS}
    recorded = {(event, MODELS[topic, event]) for topic, event in map(place, RECORDED.values())}
    assert recorded == kinds


def place(told: Mapping[str, Any]) -> tuple[str, str]:
    """Where a recording belongs: its topic and type."""
    return told["topic"], told["headers"]["ce_type"]


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_event_is_still_read(name: str) -> None:
    topic, key, value, headers = record(RECORDED[name])
    envelope = decode(topic, key, value, headers)
    model = MODELS[topic, envelope.type]
    if model is None:
        assert envelope.data is None
    else:
        read = model.model_validate(envelope.data).model_dump(mode="json", exclude_unset=True)
        assert set(paths(read)) == set(paths(envelope.data))


def paths(value: Any, at: str = "") -> Iterator[str]:
    """The place of every value in a document: one that is read no longer would be missed here."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    yield at
    for name, part in parts:
        yield from paths(part, f"{at}.{name}")


@pytest.mark.parametrize("name", RECORDED)
def test_an_event_is_still_published_in_the_recorded_form(name: str) -> None:
    topic, key, value, headers = record(RECORDED[name])
    again = encode(decode(topic, key, value, headers))
    assert (again[0], again[1], sorted(again[2])) == (key, value, sorted(headers))


def record(told: Mapping[str, Any]) -> tuple[str, bytes, bytes | None, list[tuple[str, bytes]]]:
    """A recording as Kafka gives it: topic, key, value, headers."""
    value = None if told["value"] is None else orjson.dumps(told["value"])
    return told["topic"], told["key"].encode(), value, [(name, text.encode()) for name, text in told["headers"].items()]
