"""Logs, metrics and traces, each declared once. Logs carry ids and codes, never personal data."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import cast

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Gauge, Histogram

EVENTS_PUBLISHED = Counter("yunjing_events_published_total", "Events the relay brought to Kafka", ["topic"])
OUTBOX_WAITING = Gauge(
    "yunjing_outbox_waiting", "Events committed and not yet published, as the relay last saw", ["schema"]
)
EVENTS_CONSUMED = Counter("yunjing_events_consumed_total", "Events whose effect was committed", ["group", "topic"])
EVENTS_DUPLICATE = Counter("yunjing_events_duplicate_total", "Events seen before and left out", ["group"])
EVENTS_DEAD = Counter("yunjing_events_dead_total", "Events sent to a dead-letter topic", ["group", "topic"])
CONSUMER_LAG = Gauge(
    "yunjing_consumer_lag", "Events that wait for a group in this process's partitions", ["group", "topic"]
)
BATCH_SECONDS = Histogram("yunjing_batch_seconds", "Time from a batch's receipt to its commit", ["group"])
NOTICES = Counter("yunjing_notices_total", "Tries to send a notice, by what it then was", ["channel", "state"])
TASKS_DEAD = Counter("yunjing_tasks_dead_total", "Background works that ended, which none may", ["task"])
AUDIT_SEALED = Gauge("yunjing_audit_sealed", "The number of the last sealed entry of the audit log", ["schema"])
AUDIT_SOUND = Gauge("yunjing_audit_sound", "1 while the audit log agrees with itself and its heads, else 0", ["schema"])
AUDIT_CHECKED = Gauge("yunjing_audit_checked_seconds", "When the audit log was last checked, Unix time", ["schema"])
VILLAGE_PAGES = Counter("yunjing_village_pages_total", "Reads of villages' pages, by where they were", ["held_in"])
PAPERS_LOGGED = Gauge("yunjing_papers_logged", "How many disclosed papers the last signed head of the log is over")
NOTICES_LOST = Gauge("yunjing_notices_unaccounted", "Alerts or events that should have gone on and did not", ["hole"])
RECKONED = Gauge("yunjing_reckoned_seconds", "When notices were last accounted for, Unix time: stale when it stands")
REQUEST_SECONDS = Histogram(
    "yunjing_request_seconds", "Time of an HTTP request", ["service", "method", "route", "status"]
)

_MOST_LINKS = 128
_FILES = "file://"
_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("yunjing")


def configure(service: str, otlp_endpoint: str | None = None) -> None:
    """Set up structured logs and, when an endpoint is given, traces of this process.

    The endpoint is a collector's by OTLP over HTTP, or `file:///folder`: then each span is a line of JSON in a file of
    the service's own there.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    structlog.contextvars.bind_contextvars(service=service)
    provider = TracerProvider(resource=Resource.create({"service.name": f"yunjing-{service}"}))
    if otlp_endpoint:
        provider.add_span_processor(BatchSpanProcessor(exporter(service, otlp_endpoint)))
    trace.set_tracer_provider(provider)


def exporter(service: str, endpoint: str) -> SpanExporter:
    """What brings spans there."""
    if not endpoint.startswith(_FILES):
        return OTLPSpanExporter(endpoint=endpoint)
    folder = Path(endpoint.removeprefix(_FILES))
    folder.mkdir(parents=True, exist_ok=True)
    out = (folder / f"{service}.jsonl").open("a", encoding="utf-8")
    return ConsoleSpanExporter(out=out, formatter=lambda span: span.to_json(indent=None) + "\n")


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A structured logger of this name."""
    return cast(structlog.stdlib.BoundLogger, structlog.get_logger(name))


def current_traceparent() -> str | None:
    """The W3C `traceparent` of the running span, to ride along with an event."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def answering(name: str, traceparent: str | None) -> Iterator[trace.Span]:
    """A span around a request, within its caller's trace when that is named."""
    with _tracer.start_as_current_span(name, context=_context(traceparent), kind=trace.SpanKind.SERVER) as span:
        yield span


def consuming(group: str, traceparents: Iterable[str | None]) -> AbstractContextManager[trace.Span]:
    """A span around a batch: within the trace of its first event, linked to those of the others."""
    return _together(f"{group} batch", trace.SpanKind.CONSUMER, traceparents)


def showing(name: str, traceparents: Iterable[str | None]) -> AbstractContextManager[trace.Span]:
    """A span around what is told to people, as `consuming`."""
    return _together(name, trace.SpanKind.PRODUCER, traceparents)


def _together(
    name: str, kind: trace.SpanKind, traceparents: Iterable[str | None]
) -> AbstractContextManager[trace.Span]:
    told = list(dict.fromkeys(one for one in traceparents if one))
    links = [trace.Link(trace.get_current_span(_context(one)).get_span_context()) for one in told[1:_MOST_LINKS]]
    return _tracer.start_as_current_span(name, context=_context(told[0] if told else None), kind=kind, links=links)


def _context(traceparent: str | None) -> Context:
    return _propagator.extract({"traceparent": traceparent} if traceparent else {}, context=Context())
