"""A new optional field of an event is compatible; anything else is a new version."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from deploy.docs import events, pages
from deploy.docs.compatibility import breaks

Document = dict[str, Any]
Change = Callable[[dict[str, Any]], object]
NOTE = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}


@pytest.fixture(scope="module")
def committed() -> Document:
    """The events as they were last published."""
    document: Document = json.loads(pages.EVENTS.read_text(encoding="utf-8"))
    return document


def test_the_events_hold_to_what_was_published(committed: Document) -> None:
    assert breaks(committed, events.document()) == []


def changed(document: Document, model: str, change: Change) -> Document:
    """The document with one model's schema changed."""
    made = copy.deepcopy(document)
    change(made["components"]["schemas"][model])
    return made


@pytest.mark.parametrize(
    "change",
    [
        lambda case: case["properties"].update(note=NOTE),
        lambda case: case["properties"]["title"].update(description="told better"),
        lambda case: case.update(description="told better"),
    ],
    ids=["a new optional field", "better words for a field", "better words for the event"],
)
def test_what_is_compatible(committed: Document, change: Change) -> None:
    assert breaks(committed, changed(committed, "CaseWithdrawn", change)) == []


@pytest.mark.parametrize(
    ("model", "change", "told"),
    [
        ("CaseWithdrawn", lambda case: case["properties"].pop("reason"), "reason: was removed"),
        ("CaseWithdrawn", lambda case: case["required"].append("note"), "note: is required now"),
        ("CaseWithdrawn", lambda case: case["required"].remove("reason"), "reason: is no longer certain to be there"),
        ("CaseWithdrawn", lambda case: case["properties"]["reason"].update(maxLength=9), "reason.maxLength: was None"),
        ("CaseWithdrawn", lambda case: case["properties"]["sequence"].update(type="string"), "sequence.type: was"),
        ("CaseWithdrawn", lambda case: case["properties"]["matter"]["enum"].append("XX"), "matter.enum: was"),
        ("CaseWithdrawn", lambda case: case["properties"]["flow_version"].update(default=2), "flow_version.default"),
        ("DocumentRef", lambda ref: ref["properties"].pop("sha256"), "documents.items.sha256: was removed"),
        ("Bid", lambda bid: bid["properties"].pop("ip_key"), "bids.items.ip_key: was removed"),
        ("Company", lambda company: company["properties"].pop("phone_keys"), "phone_keys: was removed"),
    ],
)
def test_what_needs_a_new_version(committed: Document, model: str, change: Change, told: str) -> None:
    found = breaks(committed, changed(committed, model, change))
    assert found
    assert all(told in each for each in found), found


def test_an_event_that_is_gone_needs_its_successor_first(committed: Document) -> None:
    later = copy.deepcopy(committed)
    del later["channels"]["power_events"]["messages"]["CaseWithdrawn"]
    assert breaks(committed, later) == ["power.events case.withdrawn.v1: is no longer published"]


def test_a_further_event_is_compatible(committed: Document) -> None:
    earlier = copy.deepcopy(committed)
    del earlier["channels"]["power_events"]["messages"]["CaseWithdrawn"]
    assert breaks(earlier, committed) == []
