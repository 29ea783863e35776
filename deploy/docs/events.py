"""All topics and their events as an AsyncAPI 3 document, from the contracts themselves."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.bus import topics
from shared.contracts import alerts, power, reference

_ALERTS: tuple[type[BaseModel], ...] = (alerts.AlertRaised, alerts.AlertUpdated, alerts.AlertWithdrawn)
_HEADERS = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid"},
        "ce_source": {"type": "string"},
        "ce_type": {"type": "string", "description": "Ends in the major version"},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_subject": {"type": "string"},
        "traceparent": {"type": "string", "description": "W3C trace context"},
    },
}


def document() -> dict[str, Any]:
    """The AsyncAPI document as JSON."""
    carried = _carried()
    models = sorted({model for each in carried.values() for model in each}, key=lambda model: model.__name__)
    _, definitions = models_json_schema(
        [(model, "serialization") for model in models], ref_template="#/components/schemas/{model}"
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "云睛 Yunjing: events",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 in Kafka's binary mode: attributes as `ce_*` headers, data as JSON.",
        },
        "channels": {_id(topic): _channel(topic, models) for topic, models in carried.items()},
        "operations": {
            f"receive_{_id(topic)}": {"action": "receive", "channel": {"$ref": f"#/channels/{_id(topic)}"}}
            for topic in carried
        },
        "components": {
            "messages": {model.__name__: _message(model) for model in models},
            "schemas": definitions["$defs"],
        },
    }


def _carried() -> dict[str, tuple[type[BaseModel], ...]]:
    """What each topic of `topics.configurations` carries; topics without events of their own are left out."""
    known: dict[str, tuple[type[BaseModel], ...]] = {
        power.TOPIC: power.EVENTS,
        alerts.RAISED_TOPIC: _ALERTS,
        alerts.LIFECYCLE_TOPIC: (alerts.AlertStateChanged,),
        **{reference.topic(name): (model,) for name, model in reference.DATASETS.items()},
    }
    return {topic: known[topic] for topic in topics.configurations() if topic in known}


def _id(topic: str) -> str:
    return topic.replace(".", "_")


def _channel(topic: str, models: tuple[type[BaseModel], ...]) -> dict[str, Any]:
    return {
        "address": topic,
        "messages": {model.__name__: {"$ref": f"#/components/messages/{model.__name__}"} for model in models},
    }


def _message(model: type[BaseModel]) -> dict[str, Any]:
    return {
        "name": getattr(model, "TYPE", reference.RECORD_SET),
        "summary": (model.__doc__ or "").strip().split("\n")[0],
        "contentType": "application/json",
        "headers": _HEADERS,
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
    }
