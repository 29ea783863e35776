"""What must never change in an event that is published: all but a new optional field is a new version of it.

A default counts as well, for a field at its default is left out of the event.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
_WORDS = frozenset({"title", "description", "examples"})


def breaks(old: Schema, new: Schema) -> list[str]:
    """What of the events in an AsyncAPI document no longer holds in a newer one."""
    now = dict(_payloads(new))
    found: list[str] = []
    for event, schema in _payloads(old):
        found += _differences(event, schema, now[event]) if event in now else [f"{event}: is no longer published"]
    return found


def _payloads(document: Schema) -> Iterator[tuple[str, Schema]]:
    """Each event as `topic type`, with the schema of its data."""
    for channel in document["channels"].values():
        for reference in channel["messages"].values():
            message = _found(reference, document)
            yield f"{channel['address']} {message['name']}", _bare(message["payload"], document)


def _bare(schema: Any, document: Schema) -> Any:
    """A schema with its references resolved and without words for people."""
    if isinstance(schema, list):
        return [_bare(part, document) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _bare(_found(schema, document), document)
    bare = {key: _bare(value, document) for key, value in schema.items() if key not in _WORDS}
    if "properties" in schema:
        bare["properties"] = {name: _bare(value, document) for name, value in schema["properties"].items()}
    return bare


def _found(reference: Schema, document: Schema) -> Any:
    at: Any = document
    for step in reference["$ref"].removeprefix("#/").split("/"):
        at = at[step]
    return at


def _differences(at: str, old: Any, new: Any) -> Iterator[str]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if old != new:
            yield f"{at}: was {old}, is {new}"
        return
    if "properties" in old and "properties" in new:
        yield from _fields(at, old, new)
    for key in sorted((old.keys() | new.keys()) - {"properties", "required"}):
        yield from _differences(f"{at}.{key}", old.get(key), new.get(key))


def _fields(at: str, old: Schema, new: Schema) -> Iterator[str]:
    before, after = old["properties"], new["properties"]
    needed, now_needed = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(before.keys() - after.keys()):
        yield f"{at}.{name}: was removed"
    for name in sorted(now_needed - needed):
        yield f"{at}.{name}: is required now"
    for name in sorted((needed - now_needed) & after.keys()):
        yield f"{at}.{name}: is no longer certain to be there"
    for name in sorted(before.keys() & after.keys()):
        yield from _differences(f"{at}.{name}", before[name], after[name])
