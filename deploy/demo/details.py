"""What honest forms say beside the main matter: how it was paid, what the invoice reads, bonds, who is to work."""

from typing import Any

from services.approval.flows import Flow

_BY_BANK = "银行转账"
_BID_BOND, _PERFORMANCE_BOND = 0.015, 0.08
_MOST_CASH_FEN = 400_000
# What a person has to live on in a month, in fen: the allowance makes up for what a household lacks of it.
LIVING_STANDARD_FEN = 115_000


def of(flow: Flow, known: dict[str, Any]) -> dict[str, Any]:
    """Further fields of an honest case, by what is known of it; the forms take those they ask for."""
    told: dict[str, Any] = {"payment_method": _BY_BANK, "seal_blank": False}
    if "payment_fen" in known:
        told |= {"invoice_item": known.get("category", "村级服务"), "invoice_verified": True}
        told["cash_balance_fen"] = known["payment_fen"] % _MOST_CASH_FEN
    if "received_fen" in known:
        told["cash_balance_fen"] = known["received_fen"] % _MOST_CASH_FEN
    if "contract_fen" in known and "ceiling_price_fen" in known:
        told["bid_bond_fen"] = round(known["ceiling_price_fen"] * _BID_BOND)
        told["performance_bond_fen"] = round(known["contract_fen"] * _PERFORMANCE_BOND)
    if "workers" in known:
        told["worker_names"] = tuple(worker.name for worker in known["workers"])
    if "copies" in known:
        told["seal_diff_pct"] = known["copies"] * 0.3
    if flow.code == "RE1":
        told["relief_fen"] = allowance_fen(known["household_size"], known["household_income_fen"])
    return told


def allowance_fen(household_size: int, yearly_income_fen: int) -> int:
    """What a household lacks of the living standard in a month, in whole yuan."""
    return max(0, household_size * LIVING_STANDARD_FEN - yearly_income_fen // 12) // 100 * 100
