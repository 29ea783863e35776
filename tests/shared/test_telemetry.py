"""Spans of several services are one trace, and can be read from files where no collector is."""

from collections.abc import Callable
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from shared import telemetry
from tests.bench import trace

As = Callable[[str], None]
_COMPLETE = "POST /v1/cases/{case_id}/complete"


@pytest.fixture
def as_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> As:
    """Lets what follows be done by a service, whose spans go into its own file."""

    def as_(service: str) -> None:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(telemetry.exporter(service, f"file://{tmp_path}")))
        monkeypatch.setattr(telemetry, "_tracer", provider.get_tracer("tests"))

    return as_


def test_what_people_are_shown_lies_in_the_trace_of_the_approval(as_service: As, tmp_path: Path) -> None:
    as_service("approval")
    with telemetry.answering(_COMPLETE, None):
        approved = telemetry.current_traceparent()
    with telemetry.answering(_COMPLETE, None):
        another = telemetry.current_traceparent()
    as_service("detector")
    with telemetry.consuming("detector", [approved, None, another]):
        raised = telemetry.current_traceparent()
    as_service("notifier")
    with telemetry.consuming("notifier", [raised]):
        told = telemetry.current_traceparent()
    assert [trace.whole(one) for one in trace.traces(tmp_path).values()] == [False, False]
    with telemetry.showing("open streams", [told]):
        pass
    first, second = sorted(trace.traces(tmp_path).values(), key=len, reverse=True)
    assert trace.whole(first)
    assert [line.split(" ms ")[1].rpartition("(")[0] for line in trace.tree(first)] == [
        f"approval: {_COMPLETE} ",
        "  detector: detector batch ",
        "    notifier: notifier batch ",
        "      notifier: open streams ",
    ]
    # An event that came in the same batch has its own trace, to which the batch is linked.
    assert [span.name for span in second] == [_COMPLETE]
    assert str(another).split("-")[1] in (tmp_path / "detector.jsonl").read_text("utf-8")
