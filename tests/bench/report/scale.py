"""What a county costs, and ten and a hundred times one: the measured costs of an event times its events. Pure."""

from dataclasses import dataclass

from tests.bench.report.measured import Runs

# A county's events a year and in its busiest second: docs/sizing.md.
EVENTS_A_YEAR = 75_000
_BUSIEST_PER_S = 0.5
TIMES = (1, 10, 100)
SERVERS = ("approval", "detector", "notifier", "disclosure", "postgres", "kafka")
_GB = 1e9


@dataclass(frozen=True)
class Cost:
    """Of so many counties: events and storage of a year, hours of one core, and cores in the busiest second."""

    times: int
    events: int
    kafka_gb: float
    postgres_gb: float
    core_hours: float
    busiest_cores: float
    memory_gb: float


def costs(runs: Runs) -> list[Cost]:
    """By the figures `cost_*`; none where they weren't measured."""
    cpu = [runs.figure(f"cost_cpu_us_{server}") for server in SERVERS]
    memory = [runs.figure(f"cost_memory_mb_{server}") for server in SERVERS]
    kafka, postgres = runs.figure("cost_kafka_bytes"), runs.figure("cost_postgres_bytes")
    if kafka is None or postgres is None or None in cpu or None in memory:
        return []
    seconds = sum(one.value for one in cpu if one) / 1e6
    resident = sum(one.value for one in memory if one) / 1000
    return [
        Cost(
            times=times,
            events=(events := EVENTS_A_YEAR * times),
            kafka_gb=kafka.value * events / _GB,
            postgres_gb=postgres.value * events / _GB,
            core_hours=seconds * events / 3600,
            busiest_cores=seconds * _BUSIEST_PER_S * times,
            memory_gb=resident,
        )
        for times in TIMES
    ]
