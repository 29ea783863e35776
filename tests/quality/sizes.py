"""How much of a history `make quality` judges."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """About so many events of innocent cases, each kind of violation planted so often; what that takes on two cores."""

    events: int
    planted: int
    takes: str


RUNS = {
    "county": Run(events=20_000, planted=5, takes="under a minute, 0.5 GB"),
    "city": Run(events=560_000, planted=20, takes="about 6 minutes, 4 GB"),
}
