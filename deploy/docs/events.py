"""All topics and their events as an AsyncAPI 3 document, from the contracts themselves."""

from typing import Any

from pydantic.json_schema import models_json_schema

from deploy.docs.channels import Channel, Message, channels
from shared.bus import topics

_HEADERS = {
    "ce_specversion": {"const": "1.0"},
    "ce_id": {"type": "string", "format": "uuid", "description": "An event seen twice has one effect"},
    "ce_source": {"type": "string", "format": "uri-reference", "examples": ["/approval"]},
    "ce_time": {"type": "string", "format": "date-time"},
    "ce_subject": {"type": "string", "description": "What the event is about"},
    "content-type": {"const": "application/json"},
    "traceparent": {"type": "string", "description": "W3C trace context"},
}
_OPTIONAL = {"ce_subject", "traceparent"}
_DESCRIPTION = """\
CloudEvents 1.0 in Kafka's binary mode: attributes in `ce_*` headers, data as JSON in the value. Money is fen, times are
UTC, persons and accounts are keyed hashes. A field at its default may be left out, an unknown field is to be ignored: a
new optional field is compatible, anything else is a new type.
"""


def document() -> dict[str, Any]:
    """The AsyncAPI document as JSON."""
    known = tuple(channels())
    messages = {message.name: (message, channel.key) for channel in known for message in channel.messages}
    models = sorted({each.model for each, _ in messages.values() if each.model}, key=lambda model: model.__name__)
    _, schemas = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "云睛 事件 · Yunjing events", "version": "1.0.0", "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {_id(channel): _channel(channel) for channel in known},
        "operations": {f"receive_{_id(channel)}": _receive(channel) for channel in known},
        "components": {
            "messages": {name: _message(message, key) for name, (message, key) in messages.items()},
            "schemas": schemas["$defs"],
        },
    }


def _id(channel: Channel) -> str:
    return channel.topic.replace(".", "_")


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "address": channel.topic,
        "summary": f"Published by {channel.publisher}",
        "messages": {each.name: {"$ref": f"#/components/messages/{each.name}"} for each in channel.messages},
        "bindings": {
            "kafka": {
                "topic": channel.topic,
                "partitions": topics.partitions(channel.topic),
                "topicConfiguration": _configuration(channel.topic),
                "bindingVersion": "0.5.0",
            }
        },
    }


def _configuration(topic: str) -> dict[str, Any]:
    """Kafka's words for how long a topic is kept, in the types that the binding asks for."""
    kept = topics.configurations()[topic]
    return {name: [value] if name == "cleanup.policy" else int(value) for name, value in kept.items()}


def _receive(channel: Channel) -> dict[str, Any]:
    at = f"#/channels/{_id(channel)}"
    return {
        "action": "receive",
        "channel": {"$ref": at},
        "messages": [{"$ref": f"{at}/messages/{each.name}"} for each in channel.messages],
    }


def _message(message: Message, key: str) -> dict[str, Any]:
    headers = _HEADERS | {"ce_type": {"const": message.event, "description": "Ends in the major version"}}
    payload = {"$ref": f"#/components/schemas/{message.model.__name__}"} if message.model else {"type": "null"}
    return {
        "name": message.event,
        "title": message.name,
        "summary": message.summary,
        "headers": {"type": "object", "required": sorted(headers.keys() - _OPTIONAL), "properties": headers},
        "payload": payload,
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": "0.5.0"}},
    }
