"""The ledgers that an event is entered in beside its case: a village's leases, labour, relief, seals and emergencies,
a seller's invoices, a contract's changes, an auditor's settlements. An entry holds what its rules read, no more. Pure.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Entry = tuple[str, dict[str, Any]]

_LEASES, _LABOUR, _EMERGENCIES = ("AS1", "AS2"), ("LA1",), ("PR4", "EN6")
_LEASE = (
    "asset_id",
    "asset_name",
    "category",
    "quantity",
    "unit",
    "annual_rent_fen",
    "lease_from",
    "lease_to",
    "contract_signed_on",
    "supplier_id",
    "supplier_name",
)
_TELLS_LEASE = frozenset({"asset_id", "category", "quantity", "contract_signed_on"})
_STAMPING = ("SE1-04", "SE2-06")
_CONFIRMED, _TEMPORARY = "RE1-08", "RE2"


def entries(event: Mapping[str, Any], brief: Mapping[str, Any], *, opened: bool, gone: bool) -> Iterator[Entry]:
    """Every entry of an event: the ledger's key and what it says there. `gone` means that the case was withdrawn."""
    fields, flow, village = event["fields"], event["flow"], event["village_code"]

    def entry(*names: str, **more: Any) -> dict[str, Any]:
        return {**brief, "fields": {name: fields[name] for name in names if name in fields} | more}

    if flow in _LEASES and (gone or not _TELLS_LEASE.isdisjoint(fields)):
        yield f"leases:{village}", entry(*_LEASE)
    if flow in _EMERGENCIES and (gone or opened):
        yield f"emergencies:{village}", entry("estimate_fen", "reason")
    if flow in _LABOUR and (gone or opened or "workers" in fields or "payment_fen" in fields):
        yield f"labour:{village}", entry("item", "location", "payment_fen", **_paid(fields))
    if event["matter"] == "EN" and flow != "EN5" and (gone or opened):
        yield f"labour:{village}", entry("item", "location")
    if flow == "EN5" and opened and fields.get("related_case_no"):
        yield f"changes:{fields['related_case_no']}", entry("item", "reason")
    if fields.get("invoice_no") and (seller := fields.get("payee_account_key") or fields.get("payee_name")):
        yield f"seller:{seller}", entry("invoice_no", "invoice_fen", "payee_name")
    if event.get("node") == _CONFIRMED and fields.get("beneficiary_key"):
        yield f"relief:{village}", entry(granted=[[fields["beneficiary_key"], fields.get("beneficiary_name", "")]])
    if "grants" in fields:
        yield f"relief:{village}", entry(granted=[[line["person_key"], line["name"]] for line in fields["grants"]])
    if flow == _TEMPORARY and (opened or "beneficiary_key" in fields):
        yield f"relief:{village}", entry("beneficiary_key", "beneficiary_name", "reason")
    if gone and event["matter"] == "RE":
        yield f"relief:{village}", entry()
    if event.get("node") in _STAMPING:
        yield f"seal:{village}", entry("copies", "seal_kind", "stamped_away_m")
    if fields.get("auditor_name") and "submitted_fen" in fields and "settlement_fen" in fields:
        yield f"auditor:{fields['auditor_name']}", entry("submitted_fen", "settlement_fen", "auditor_name")


def _paid(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The wage sheet as person, name and pay."""
    lines = [[line["person_key"], line["name"], line["wage_fen"]] for line in fields.get("workers", ())]
    return {"sheet": lines} if lines else {}
