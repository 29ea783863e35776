"""`make privacy [RECORDS=60000] [ARGS=--broken]`: all public bytes of a city looked over -> build/privacy.json.

An invented city's history goes through Kafka into the service; a visitor looks at every public end point with all that
the data names, and no secret of anybody may be among what he sees. With `--broken`, the same over copies that
are broken on purpose, at a size that shows it: each must be caught.
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import httpx
import orjson
from rich.console import Console
from rich.table import Table

from deploy.demo.simulator import Size
from deploy.local import processes
from services.disclosure.opendata.making import make
from shared import regions
from shared.db import Database
from tests.bench import figures
from tests.bench.city import places
from tests.bench.figures import Figure
from tests.bench.ground import Ground
from tests.conftest import eventually
from tests.privacy import written
from tests.privacy.broken import breaks, broken_copy
from tests.privacy.crawl import Crawl, Crawler
from tests.privacy.planted import PlantedCity, Sown
from tests.privacy.scanner import Finding, scan
from tests.privacy.secrets import Secrets

OUT = Path("build/privacy.json")
_INSIDE = "YUNJING_PRIVACY_CITY"
_SEED = 23
_BROKEN_RECORDS = 2_500
_POLICIES, _APPEALS = 40, 60
_SHOWN = 40
_TELL_EVERY, _MAKING_SECONDS = 20, 600
_FOUND = "privacy found: {}"
console = Console(width=150, soft_wrap=True)


async def run(records: int, bounded: int, most: int | None) -> int:
    """Take in a history, look at all that is public of it, tell; 1 when anything is wrong."""
    began = time.perf_counter()
    async with Ground() as ground:
        secrets = await _filled(ground, records)
        console.print(f"{len(secrets.kinds):,} secrets, {len(secrets.public):,} names that may be read")
        async with ground.client("disclosure") as http:
            crawl = await _crawled(ground, http, secrets, bounded, most)
    return _tell(crawl, secrets, records, time.perf_counter() - began)


async def _filled(ground: Ground, records: int) -> Secrets:
    """A city in which clerks, officials and villagers wrote what must not be public, with all of its files made."""
    size = Size(records, datetime.now(UTC) - timedelta(hours=12))
    city = PlantedCity(seed=_SEED, size=size, secret=ground.settings.identity_secret)
    events = await ground.publish(envelope for _, envelope in city.events())
    console.print(f"{events:,} events published")
    await ground.run("disclosure")
    await ground.drained("disclosure")
    villages = [village.code for village in regions.villages()]
    sown, db = Sown(Random(_SEED)), Database(ground.settings, "disclosure")
    await db.open()
    try:
        for code in villages[:_POLICIES]:
            await written.policy(db, sown, code)
        await written.policy(db, sown)
        await written.answered_appeals(db, ground.settings, sown, villages[:_APPEALS])
    finally:
        await db.close()
    await _logged(ground)
    # The service may just be making them, without all that was written since.
    await eventually(partial(make, ground.settings), within=_MAKING_SECONDS)
    return city.secrets(sown)


async def _logged(ground: Ground) -> None:
    """Wait until the log of papers no longer grows."""
    async with ground.client("disclosure") as http:
        size = -1
        while (now := ((await http.get("/v1/papers/log")).json()["head"] or {"size": 0})["size"]) != size or not size:
            size = now
            await asyncio.sleep(3)


async def _crawled(ground: Ground, http: httpx.AsyncClient, secrets: Secrets, bounded: int, most: int | None) -> Crawl:
    def look(url: str, body: bytes, headers: Mapping[str, str]) -> list[Finding]:
        return scan(url, body, headers, secrets)

    crawler = Crawler(http, ground.settings.disclosure_url, look, bounded=bounded, most=most)
    telling = asyncio.create_task(_progress(crawler))
    named = {
        "code": [village.code for village in regions.villages()],
        "town": [town.code for town in regions.towns()],
        "wanted": ["on"],
    }
    try:
        return await crawler.run(named)
    finally:
        telling.cancel()


async def _progress(crawler: Crawler) -> None:
    told = 0
    while True:
        await asyncio.sleep(_TELL_EVERY)
        made = sum(seen.made for seen in crawler.crawl.visits.values())
        known = sum(seen.known for seen in crawler.crawl.visits.values())
        console.print(f"{made:,} of {known:,} known looked at, {len(crawler.crawl.findings):,} findings")
        for finding in crawler.crawl.findings[told : told + _SHOWN]:
            console.print(finding, markup=False)
        told = len(crawler.crawl.findings)


def _tell(crawl: Crawl, secrets: Secrets, records: int, seconds: float) -> int:
    table = Table("end point", "looked at", "known", "answered 200", "bytes")
    for path, seen in sorted(crawl.visits.items()):
        table.add_row(path, f"{seen.made:,}", f"{seen.known:,}", f"{seen.good:,}", f"{seen.bytes:,}")
    console.print(table)
    for kind, count in Counter(finding.kind for finding in crawl.findings).items():
        console.print(f"[red]{kind}: {count:,}[/]")
    for finding in crawl.findings[:_SHOWN]:
        console.print(finding, markup=False)
    for path in crawl.unvisited:
        console.print(f"[red]never seen: {path}[/]")
    figures.write(_figures(crawl, secrets, records, seconds), OUT)
    sound = not crawl.findings and not crawl.unvisited
    console.print(f"{'nothing found' if sound else 'FAULTS'}, {seconds:.0f} s -> {OUT}")
    return 0 if sound else 1


def _figures(crawl: Crawl, secrets: Secrets, records: int, seconds: float) -> Iterable[Figure]:
    made = sum(seen.made for seen in crawl.visits.values())
    of = f"{records:,} simulated records, {len(regions.villages())} villages, {len(secrets.kinds):,} secrets"
    yield Figure("privacy_findings", len(crawl.findings), "findings", 0, of)
    yield Figure("privacy_unvisited", len(crawl.unvisited), "end points", 0, f"of {len(crawl.visits)} public ones")
    yield Figure("privacy_answers", made, "answers", 0, f"looked at in {seconds:.0f} s, all in all")
    yield Figure(
        "privacy_bytes", sum(seen.bytes for seen in crawl.visits.values()), "bytes", 0, "as they were unpacked"
    )
    for kind, count in Counter(finding.kind for finding in crawl.findings).items():
        yield Figure(_FOUND.format(kind), count, "findings", 0, "of this kind")
    for path, seen in sorted(crawl.visits.items()):
        how = f"of {seen.known:,} known; {seen.bytes:,} bytes"
        yield Figure(f"privacy GET {path}", seen.made, "answers", 1, how)


def _broken() -> int:
    """Each broken copy is looked over as the sound tree is, and must be caught by what it is to let out."""
    missed = 0
    with TemporaryDirectory(prefix="yunjing-broken-") as folder:
        for name, told in breaks().items():
            copy = broken_copy(name, Path(folder))
            console.rule(f"{name}: {told.why}")
            asked = [
                sys.executable,
                "-m",
                "tests.privacy",
                "--records",
                str(_BROKEN_RECORDS),
                "--bounded",
                "20",
                "--most",
                "400",
            ]
            subprocess.run(asked, cwd=copy, check=False)
            found = orjson.loads((copy / OUT).read_bytes())
            caught = all(found.get(_FOUND.format(kind), {}).get("value") for kind in told.finds)
            missed += not caught
            console.print(f"{name}: {'caught' if caught else 'MISSED'}")
            shutil.rmtree(copy)
    return 1 if missed else 0


def main() -> int:
    """Outside: write the city and begin again within it. Inside: look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=60_000, help="simulated events")
    parser.add_argument("--bounded", type=int, default=200, help="how many of a printed kind are looked at")
    parser.add_argument("--most", type=int, help="of any other kind; all when not said")
    parser.add_argument("--broken", action="store_true", help="copies that are broken on purpose")
    wanted = parser.parse_args()
    if wanted.broken:
        return _broken()
    if _INSIDE in os.environ:
        return asyncio.run(run(wanted.records, wanted.bounded, wanted.most))
    with TemporaryDirectory(prefix="yunjing-city-") as folder:
        inside = {_INSIDE: "1", "PYTHONUNBUFFERED": "1", "REGIONS_FILE": str(places.write(Path(folder)))}
        return processes.run([sys.executable, "-m", "tests.privacy", *sys.argv[1:]], env=os.environ | inside)


if __name__ == "__main__":
    sys.exit(main())
