"""What was found on a paper against the form of its node. Pure; amounts have no tolerance, and nothing is changed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from services.approval.recognition.extraction import Found, Kind, normal
from shared.contracts.power import NodeFields

_FILE = Path(__file__).with_name("compared.yaml")
_ROLE_OF = {"contract_signed_on": "signed", "invoiced_on": "invoiced"}
_NAMES = frozenset({"supplier_name", "payee_name", "subcontractor_name", "agent_name"})
_CODES = frozenset({"supplier_id", "subcontractor_id", "agent_id"})
Outcome = Literal["agrees", "differs", "not_found"]


@dataclass(frozen=True)
class Comparison:
    """One field against the paper. `found` are the ids of what agrees, or of what stands there instead."""

    field: str
    told: str
    outcome: Outcome
    found: tuple[str, ...]


@cache
def compared_fields() -> Mapping[str, Sequence[str]]:
    """The fields that a kind of paper is compared with; raises `ValueError` for a field that no form has."""
    told: dict[str, list[str]] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    unknown = {field for fields in told.values() for field in fields} - set(NodeFields.model_fields)
    if unknown:
        raise ValueError(f"{_FILE.name}: {sorted(unknown)}")
    return told


def compare(paper_kind: str, fields: Mapping[str, Any], found: Sequence[Found]) -> list[Comparison]:
    """Each filled field that this kind of paper should bear, as JSON has it."""
    wanted = compared_fields().get(paper_kind)
    told = [(name, value) for name, value in fields.items() if value not in (None, "") and _kind(name)]
    return [_compare(name, str(value), found) for name, value in told if wanted is None or name in wanted]


def differing(comparisons: Iterable[Comparison]) -> list[str]:
    """The fields that the paper contradicts."""
    return [each.field for each in comparisons if each.outcome == "differs"]


def _kind(field: str) -> Kind | None:
    if field.endswith("_fen"):
        return "amount"
    if field.endswith(("_on", "_from", "_to")):
        return "date"
    if field in _NAMES:
        return "party"
    if field in _CODES:
        return "credit_code"
    return "invoice_no" if field == "invoice_no" else None


def _compare(field: str, told: str, found: Sequence[Found]) -> Comparison:
    kind = _kind(field)
    some = [one for one in found if one.kind == kind]
    same = [one for one in some if _plain(kind, one.value) == _plain(kind, told)]
    if same:
        return Comparison(field, told, "agrees", tuple(one.id for one in same))
    instead = _instead(field, some)
    outcome: Outcome = "differs" if instead else "not_found"
    return Comparison(field, told, outcome, tuple(one.id for one in instead))


def _instead(field: str, some: Sequence[Found]) -> list[Found]:
    """What the paper has in the field's place: what it names so, not whatever is of the same kind.

    A paper bears many dates and several amounts: only one that is labelled contradicts the form.
    """
    kind = _kind(field)
    if kind == "amount":
        return [one for one in some if one.role == "total"]
    if kind == "date":
        return [one for one in some if one.role and one.role == _ROLE_OF.get(field)]
    if kind == "party":
        return [one for one in some if one.role == "seller"]
    return list(some) if kind == "invoice_no" else []


def _plain(kind: Kind | None, value: str) -> str:
    if kind == "party":
        return re.sub(r"[\s()·.]", "", normal(value))
    if kind == "invoice_no":
        return re.sub(r"[^0-9A-Za-z]", "", value).upper()
    return value
