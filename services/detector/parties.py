"""What an event says of those who bid, broker, contract and are paid, under a key for each. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from services.detector.registers import contract_of

Entry = tuple[str, dict[str, Any]]

_CONTRACT = ("contract_no", "contract_fen", "annual_rent_fen", "supplier_id", "supplier_name", "seal_purpose")
_AGENT = ("agent_id", "agent_name", "agent_drawn", "supplier_id", "supplier_name")


def entries(event: Mapping[str, Any], brief: Mapping[str, Any]) -> Iterator[Entry]:
    """Every entry of an event: the party's key and what it says there."""
    fields = event["fields"]
    winner = fields.get("supplier_id")

    def entry(names: tuple[str, ...]) -> dict[str, Any]:
        return {**brief, "fields": {name: fields[name] for name in names if name in fields}}

    if winner and fields.get("bids"):
        yield from _bidders(fields, brief)
    if winner and fields.get("agent_id"):
        yield f"agent:{fields['agent_id']}", entry(_AGENT)
    if fields.get("contract_no"):
        yield f"contract:{contract_of(event['village_code'], fields['contract_no'])}", entry(_CONTRACT)
    for account, paid in _accounts(event["matter"], fields).items():
        yield f"account:{account}", {**brief, "paid": paid}


def _bidders(fields: Mapping[str, Any], brief: Mapping[str, Any]) -> Iterator[Entry]:
    bids = {bid["company_id"]: bid["company_name"] for bid in fields["bids"]}
    told = {"winner": fields["supplier_id"], "winner_name": fields.get("supplier_name", ""), "bidders": len(bids)}
    for company, name in sorted(bids.items()):
        yield f"bidder:{company}", {**brief, "name": name, **told}


def _accounts(matter: str, fields: Mapping[str, Any]) -> dict[str, list[list[Any]]]:
    """Account, with those who were paid on it: person, name, fen, and the name of the account's holder as filed."""
    paid: dict[str, list[list[Any]]] = defaultdict(list)
    for line in fields.get("payouts", ()):
        if line.get("account_key") and not line.get("rejected"):
            holder = line.get("holder") or line["name"]
            paid[line["account_key"]].append([line["person_key"], line["name"], line["amount_fen"], holder])
    if matter == "RE" and fields.get("payee_account_key") and fields.get("beneficiary_key"):
        name = fields.get("beneficiary_name", "")
        holder = fields.get("payee_name") or name
        paid[fields["payee_account_key"]].append(
            [fields["beneficiary_key"], name, fields.get("payment_fen", 0), holder]
        )
    return paid
