"""The demo county brought into a running system: registers through the detector's API, cases through approval's store.

Cases, their log, their papers and their events commit together, as when approval takes over existing records.
Loading again adds nothing; an interrupted loading goes on where it ended.
"""

import argparse
import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

import httpx
import orjson
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.demo import labels
from deploy.demo.cases import Recorded, sample
from deploy.demo.policies import publish_policies
from deploy.demo.simulator import Simulation, Size, event_id
from deploy.local.identity import token_for
from services.approval import documents, flows
from services.approval.changes import CaseChange, waits_for
from services.approval.store import save
from shared.contracts.reference import Record
from shared.db import Database, Scope
from shared.documents import receive
from shared.settings import Settings

EVENTS = 2_000
SEED = 20_260_630
FEEDER = "machine"
BUSY = "330421107201"
_CASES_A_BATCH = 100
_RECORDS_A_POST = 2_000
_BEGUN = "loaded-until"
_LABELS = "labels.jsonl"
T = TypeVar("T")


@dataclass(frozen=True)
class Loaded:
    """What was brought in; nothing when it was all there."""

    records: int
    cases: int
    events: int


@dataclass
class Loader:
    """Brings one county into one system. `advance` hears of each batch's number of records or cases.

    At the village that is `busy` something waits for everybody, as for the demo's accounts.
    """

    settings: Settings
    token: str
    advance: Callable[[int], None] = lambda done: None
    busy: str | None = None

    async def load(self, county: Simulation) -> Loaded:
        """Registers first, so that no alert needs judging twice."""
        if (self._folder / _LABELS).exists():
            return Loaded(0, 0, 0)
        self._folder.mkdir(parents=True, exist_ok=True)
        db = Database(self.settings, "approval")
        await db.open()
        try:
            records = await self._feed(county.records())
            await self._bring_papers(db)
            cases, events = 0, 0
            cases_of_all = chain(county.cases(), county.under_way(self.busy) if self.busy else ())
            for batch in _batches(cases_of_all, _CASES_A_BATCH):
                new = await self._bring(db, batch)
                cases += len(new)
                events += sum(len(case.events) for case in new)
                self.advance(len(batch))
        finally:
            await db.close()
        labels.write(self._folder / _LABELS, county.labels)
        return Loaded(records, cases, events)

    def until(self) -> datetime:
        """When the county's history ends: now, or when an interrupted loading began."""
        self._folder.mkdir(parents=True, exist_ok=True)
        begun = self._folder / _BEGUN
        if not begun.exists():
            begun.write_text(datetime.now(UTC).isoformat(), encoding="utf-8")
        return datetime.fromisoformat(begun.read_text(encoding="utf-8"))

    @property
    def _folder(self) -> Path:
        return self.settings.data_dir / "demo"

    async def _feed(self, records: Sequence[Record]) -> int:
        """Post the registers; raises `httpx.HTTPStatusError` when the detector refuses them."""
        by_dataset: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            by_dataset[record.DATASET].append(record)
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/x-ndjson"}
        async with httpx.AsyncClient(base_url=self.settings.detector_url, headers=headers, timeout=60) as http:
            for dataset, some in by_dataset.items():
                for batch in _batches(iter(some), _RECORDS_A_POST):
                    body = b"\n".join(orjson.dumps(r.model_dump(mode="json", exclude_defaults=True)) for r in batch)
                    answer = await http.post(f"/v1/reference/{dataset}", content=body)
                    answer.raise_for_status()
                    self.advance(len(batch))
        return len(records)

    async def _bring_papers(self, db: Database) -> None:
        for kind in flows.load().documents:
            stored = await receive(documents.shelf(self.settings), _chunks(sample(kind)), f"{kind}.pdf")
            async with db.begin(Scope.system()) as conn:
                await documents.register(conn, stored, FEEDER)

    async def _bring(self, db: Database, batch: Sequence[Recorded]) -> list[Recorded]:
        async with db.begin(Scope.system()) as conn:
            there = await conn.fetch(
                "SELECT case_id FROM cases WHERE case_id = ANY($1::uuid[])", [one.case.case_id for one in batch]
            )
            known = {str(row["case_id"]) for row in there}
            new = [one for one in batch if one.case.case_id not in known]
            await save(conn, [_change(one) for one in new])
        return new


def _change(recorded: Recorded) -> CaseChange:
    flow = flows.load().flow(recorded.case.flow, recorded.case.flow_version)
    return CaseChange(
        recorded.case,
        recorded.events,
        waits_for(flow, recorded.case),
        imported=True,
        event_ids=[event_id(event) for event in recorded.events],
    )


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _batches(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while batch := list(islice(items, size)):
        yield batch


async def load_demo(settings: Settings, *, events: int = EVENTS, seed: int = SEED) -> Loaded:
    """Load the demo county with a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bars:
        loader = Loader(settings, token_for(FEEDER), busy=BUSY)
        size = Size(events, loader.until())
        county = Simulation(seed=seed, size=size, secret=settings.identity_secret)
        total = len(county.records()) + size.cases
        task = bars.add_task("演示县数据 / demo county", total=total)
        loader.advance = lambda done: bars.advance(task, done)
        loaded = await loader.load(county)
        await publish_policies(settings)
        bars.update(task, completed=total)
    return loaded


def main() -> None:
    """`python -m deploy.demo.load`, with the services' own environment."""
    parser = argparse.ArgumentParser(description="装入演示县 / load the demo county")
    parser.add_argument("--demo", action="store_true", help="the county of `make run`, which is the default size")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    loaded = asyncio.run(load_demo(Settings(), events=arguments.events, seed=arguments.seed))
    print(f"{loaded.records} 条登记 / records, {loaded.cases} 个案件 / cases, {loaded.events} 个事件 / events")


if __name__ == "__main__":
    main()
