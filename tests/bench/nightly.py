"""The nightly batch beside us: the same events and registers in flat tables, and `nightly.sql` over them."""

import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from services.detector.features.windows import stem
from shared.bus.envelope import Envelope
from shared.contracts.reference import Blacklist, Company, Death, Kinship, Record, Staff
from shared.db import region_prefix
from shared.workdays import SHANGHAI

_SQL = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
_NIGHT, _DAY, _HOUR = datetime(2026, 1, 1, 2, tzinfo=SHANGHAI), 86_400, 3_600
_AMOUNTS = ("contract_fen", "award_fen", "budget_fen", "estimate_fen")
_TABLES = {
    "cases": "case_id text PRIMARY KEY, case_no text, matter text, village text, opened_at timestamptz, stem text,"
    " supplier_id text, amount_fen bigint",
    "payments": "case_id text, invoice_no text",
    "recipients": "case_id text, person_key text, relief_kind text, at timestamptz",
    "bids": "case_id text, company_id text, price_fen bigint, valid boolean, won boolean, phone text, ip text,"
    " device text, bond_account text",
    "companies": "id text PRIMARY KEY, legal_person_key text",
    "holders": "company_id text, person_key text",
    "staff": "person_key text, prefix text, valid_from date, valid_to date",
    "kinship": "person_key text, relative_key text",
    "blacklist": "subject_id text, valid_from date, valid_to date",
    "deaths": "person_key text, died_on date",
}
_INDEXES = (
    "cases (village, matter, stem, opened_at)",
    "cases (supplier_id)",
    "payments (invoice_no)",
    "recipients (person_key)",
    "bids (case_id)",
    "holders (company_id)",
    "staff (person_key)",
)


class Nightly:
    """Collects what the county's tables would hold by the evening, and runs the batch over it."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _TABLES}
        self._cases: dict[str, dict[str, Any]] = {}
        self._waits: list[float] = []
        for record in records:
            self._register(record)

    def take(self, envelope: Envelope) -> Envelope:
        """Note an event, and pass it on."""
        self._waits.append((_NIGHT - envelope.time).total_seconds() % _DAY / _HOUR)
        event = envelope.data or {}
        fields = event.get("fields", {})
        case = self._cases.setdefault(event["case_id"], {**event, "opened_at": envelope.time, "fields": {}, "bids": {}})
        case["fields"].update(fields)
        case["paid_fen"] = case.get("paid_fen", 0) + fields.get("payment_fen", 0)
        case["bids"].update({bid["company_id"]: bid for bid in fields.get("bids", ())})
        id = event["case_id"]
        if number := fields.get("invoice_no"):
            self._rows["payments"].append((id, number))
        people = [(worker["person_key"], "") for worker in fields.get("workers", ())]
        if fields.get("beneficiary_key"):
            people.append((fields["beneficiary_key"], fields.get("relief_kind", "")))
        self._rows["recipients"] += [(id, person, kind, envelope.time) for person, kind in people]
        return envelope

    @property
    def mean_wait(self) -> float:
        """Hours that an event waits on average until the batch of two o'clock in the night begins."""
        return sum(self._waits) / len(self._waits)

    async def run(self, url: str) -> tuple[float, int]:
        """The seconds of one night's batch and how much it found; the tables are filled and indexed before."""
        self._close()
        conn = await asyncpg.connect(url)
        try:
            await conn.execute("CREATE SCHEMA nightly; SET search_path = nightly")
            await conn.execute("CREATE TABLE found (question text, case_id text, what text)")
            for table, columns in _TABLES.items():
                await conn.execute(f"CREATE TABLE {table} ({columns})")
                await conn.copy_records_to_table(table, schema_name="nightly", records=self._rows[table])
            for index in _INDEXES:
                await conn.execute(f"CREATE INDEX ON {index}")
            await conn.execute("ANALYZE")
            began = time.perf_counter()
            await conn.execute(_SQL)
            seconds = time.perf_counter() - began
            return seconds, int(await conn.fetchval("SELECT count(*) FROM found"))
        finally:
            await conn.close()

    def _close(self) -> None:
        """Each case as it stands in the evening."""
        for id, case in self._cases.items():
            told = case["fields"]
            amount = next((told[name] for name in _AMOUNTS if told.get(name)), case["paid_fen"])
            winner = told.get("supplier_id", "")
            label = stem(told.get("item") or case["title"])
            place = (case["case_no"], case["matter"], case["village_code"], case["opened_at"])
            self._rows["cases"].append((id, *place, label, winner, amount))
            for company, bid in case["bids"].items():
                traces = (bid.get(f"{trace}_key") for trace in ("contact_phone", "ip", "device", "bond_account"))
                won = company == winner
                offer = (id, company, bid["price_fen"], bid.get("valid", True), won)
                self._rows["bids"].append((*offer, *traces))

    def _register(self, record: Record) -> None:
        match record:
            case Company():
                self._rows["companies"].append((record.id, record.legal_person_key))
                people = {record.legal_person_key}
                people |= {holder.person_key for holder in (*record.shareholders, *record.managers)}
                self._rows["holders"] += [(record.id, person) for person in sorted(people) if person]
            case Staff():
                for region in record.oversees or (record.region_code,):
                    row = (record.person_key, region_prefix(region).rstrip("%"), record.valid_from, record.valid_to)
                    self._rows["staff"].append(row)
            case Kinship():
                self._rows["kinship"].append((record.person_key, record.relative_key))
            case Blacklist():
                self._rows["blacklist"].append((record.subject_id, record.valid_from, record.valid_to))
            case Death():
                self._rows["deaths"].append((record.person_key, record.died_on))
