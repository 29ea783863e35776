"""The city's history as the ledgers that its towns and the county upload: CSV or NDJSON, one row a node of a case."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from deploy.demo.cases import Recorded
from shared import regions
from shared.contracts.power import CaseOpened, NodeCompleted
from tests.bench.city.cells import Numbers, cells, headers

# Towns whose cases the county brings in files of its own, much larger than a town's.
_OF_THE_COUNTY = 12
_MOST_BYTES = 40 * 1024 * 1024
_OWN = ("村", "案件编号", "流程", "节点", "办理时间", "标题", "办理人", "办理人身份证号", "材料")


@dataclass
class Ledger:
    """One file: for which region, who brings it, how many rows it has."""

    region: str
    role: str
    path: Path
    rows: int = 0
    cases: int = 0
    _columns: list[str] = field(default_factory=lambda: list(dict.fromkeys((*_OWN, *headers()))))

    @property
    def media_type(self) -> str:
        """How it is sent."""
        return "text/csv" if self.path.suffix == ".csv" else "application/x-ndjson"

    @property
    def full(self) -> bool:
        """Whether the next case goes into another file: an upload has a most."""
        return self.path.exists() and self.path.stat().st_size > _MOST_BYTES

    def add(self, rows: Iterable[dict[str, str]]) -> None:
        """Write the rows of a case."""
        told = list(rows)
        with self.path.open("ab") as file:
            if self.path.suffix == ".csv":
                text = io.StringIO()
                writer = csv.DictWriter(text, self._columns, restval="")
                if not self.rows:
                    writer.writeheader()
                writer.writerows(told)
                file.write(text.getvalue().encode())
            else:
                file.write(b"".join(orjson.dumps(row) + b"\n" for row in told))
        self.rows += len(told)
        self.cases += 1


def write(cases: Iterable[Recorded], numbers: Numbers, folder: Path) -> list[Ledger]:
    """All of them, the county's first; towns write CSV and NDJSON by turns."""
    towns = [town.code for town in regions.towns()]
    kept: dict[str, list[Ledger]] = {}
    for recorded in cases:
        town = regions.town_of(recorded.case.village_code)
        number = towns.index(town)
        owner = regions.COUNTY if number < _OF_THE_COUNTY else town
        files = kept.setdefault(owner, [])
        if not files or files[-1].full:
            ending = "ndjson" if number % 2 else "csv"
            role = "county_authority" if owner == regions.COUNTY else "town_agri_office"
            files.append(Ledger(owner, role, folder / f"{owner}-{len(files) + 1}.{ending}"))
        files[-1].add(_rows(recorded, numbers))
    return [ledger for owner in sorted(kept) for ledger in kept[owner]]


def _rows(recorded: Recorded, numbers: Numbers) -> Iterator[dict[str, str]]:
    """One row of the opening and one of each node, with the times and the people of the simulation."""
    for event in recorded.events:
        assert isinstance(event, CaseOpened | NodeCompleted)
        node = event.node if isinstance(event, NodeCompleted) else ""
        papers = event.documents if isinstance(event, NodeCompleted) else ()
        own = (
            event.village_code,
            _numbered(event.case_no),
            event.flow,
            node,
            event.occurred_at.isoformat(),
            event.title,
            event.actor.name,
            numbers.of_person(event.actor.person_key),
            ";".join(f"{paper.kind}:{paper.sha256}" for paper in papers),
        )
        filled = event.fields
        if filled.related_case_no:
            filled = filled.model_copy(update={"related_case_no": _numbered(filled.related_case_no)})
        yield dict(zip(_OWN, own, strict=True)) | cells(filled, numbers)


def _numbered(case_no: str) -> str:
    """Old ledgers count by themselves: what clerks file today has numbers of its own."""
    return f"L-{case_no}"
