"""What the detector counts, declared once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from prometheus_client import Counter, Gauge, Histogram

FINDINGS = Counter("yunjing_findings_total", "Alerts raised, updated and withdrawn", ["rule", "grade", "change"])
FAULTS = Counter("yunjing_rule_faults_total", "Evaluations of a rule that failed", ["rule"])
BATCH_EVENTS = Histogram(
    "yunjing_detector_batch_events", "Events of one batch", buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000)
)
BATCH_KEYS = Histogram(
    "yunjing_detector_batch_keys", "Keys judged in one batch", buckets=(1, 5, 10, 50, 100, 500, 1000, 5000, 20000)
)
CLOCK_BEHIND = Gauge("yunjing_clock_behind_seconds", "How far the deadline clock is behind the wall clock")
UNREADABLE = Gauge("yunjing_rules_unreadable", "Rules of the county's own that no longer compile, and so are not asked")
STEP_SECONDS = Counter("yunjing_detector_step_seconds", "Where the time of judging goes", ["step"])


@contextmanager
def step(name: Literal["read", "gather", "detect", "keep"]) -> Iterator[None]:
    """Count the time of one step: events read as facts, what is known gathered, rules asked, what came of it kept."""
    began = time.perf_counter()
    try:
        yield
    finally:
        STEP_SECONDS.labels(name).inc(time.perf_counter() - began)
