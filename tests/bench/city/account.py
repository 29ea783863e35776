"""The figures of a city's day."""

from collections.abc import Iterator, Sequence

from tests.bench.city.books import Line
from tests.bench.city.day import Day
from tests.bench.city.watch import FOLLOWERS, Watch
from tests.bench.figures import Figure, quantile
from tests.bench.ground import Ground

_SHARES = (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
_GB = 1e9


def figures_of(day: Day, watch: Watch, lines: Sequence[Line], ground: Ground, registers: int) -> Iterator[Figure]:
    """All of them."""
    yield from _pace(day, registers)
    for name, *_ in FOLLOWERS:
        for called, share in _SHARES:
            how = f"seconds that {name} was behind the bus, by a look every 2 s, of {len(watch.samples)}"
            yield Figure(f"city_lag_{name}_{called}_s", watch.of(f"{name}_lag_s", share), "s", 60, how)
    yield from _people(day)
    for name, peak in sorted(watch.peaks.items()):
        yield Figure(f"city_memory_{name}_mb", round(peak), "MB", 2_000, "its own part of memory at its largest (PSS)")
        yield Figure(
            f"city_cpu_{name}_s", watch.last(f"{name}_cpu_s"), "s", 0, f"of {day.judged:.0f} s that the day took"
        )
    taken = sum(file.lstat().st_blocks * 512 for file in ground.settings.data_dir.parent.rglob("*"))
    yield Figure("city_disk_gb", round(taken / _GB, 2), "GB", 50, "database, broker's log, papers and ledgers")
    wrong = "; ".join(f"{line.name} {line.differs} ({line.how})" for line in lines if line.differs)
    checked = ", ".join(line.name for line in lines)
    yield Figure(
        "city_books_differ", sum(line.differs for line in lines), "differences", 0, wrong or f"none of: {checked}"
    )


def _pace(day: Day, registers: int) -> Iterator[Figure]:
    brought = day.brought
    how = (
        f"{brought.rows:,} rows in {brought.jobs.total()} import jobs ({dict(brought.jobs)}) beside"
        f" {day.filed.accepted:,} steps over REST, {day.loaded:.0f} s;"
        f" {brought.faults} rows refused: {brought.refused[:3] or 'none'}"
    )
    yield Figure("city_events", day.accepted, "events", 0, how)
    yield Figure("city_accepted_per_s", round(day.accepted / day.loaded), "events/s", 500, how)
    judged = "from the first upload until every event was judged, public and every alert on its desks"
    yield Figure("city_judged_s", round(day.judged), "s", 3_600, judged)
    yield Figure("city_judged_per_s", round(day.accepted / day.judged), "events/s", 500, judged)
    known = f"{registers:,} records uploaded in {day.registers:.0f} s, known to the detector after this"
    yield Figure("city_registers_s", round(day.registers_known), "s", 600, known)
    pages = (
        f"{len(brought.pages)} villages' pages of 30 rows, each from its upload until done, beside the city's history"
    )
    if brought.pages:
        yield Figure("city_small_import_max_s", round(max(brought.pages), 1), "s", 10, pages)


def _people(day: Day) -> Iterator[Figure]:
    watched, filed, read = day.watched, day.filed, day.read
    pushes = day.pushes()
    how = f"{len(pushes)} of {len(filed.awarded)} awards, answer to the red alert on one of {watched.open} streams"
    for called, share in _SHARES[:2]:
        if pushes:
            yield Figure(f"city_push_{called}_ms", round(quantile(pushes, share)), "ms", 1_000, how)
    yield Figure("city_push_missing", len(filed.awarded) - len(pushes), "alerts", 0, how)
    yield Figure(
        "city_streams_lost", watched.lost, "streams", 0, f"{watched.open} open to the end, {watched.told} told"
    )
    moved = f"{dict(watched.moves)}; {watched.met} met a colleague's; refused: {watched.refused[:3] or 'none'}"
    yield Figure("city_moves", watched.moves.total(), "moves", 0, moved)
    refused = f"refused: {read.refused[:3] or 'none'}"
    yield Figure("city_complaints", read.complaints, "complaints", 0, refused)
    steps = f"{filed.accepted} steps of {filed.cases} cases; refused: {filed.refused[:3] or 'none'}"
    for name, times, what in (
        ("city_busy_page_p99_ms", [took for _, took in read.times], f"villages' pages; {refused}"),
        ("city_inbox_p99_ms", watched.desks, "inboxes, as page and as JSON"),
        ("city_alert_p99_ms", watched.details, "alerts opened"),
        ("city_cockpit_p99_ms", watched.cockpit, "the county's cockpit"),
        ("city_rest_p99_ms", filed.times, steps),
    ):
        if times:
            how = f"{len(times)} meanwhile, p50 {quantile(times, 0.5):.0f} ms: {what}"
            yield Figure(name, round(quantile(times, 0.99)), "ms", 2_000, how)
