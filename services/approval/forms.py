"""Forms of the pages: what a person typed read as fields, and fields shown to a person. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.approval.fields import FormField, all_fields
from services.approval.flows import FormUse
from shared.cells import Unreadable
from shared.contracts.power import Attendance, Bid, BillLine, Grant, NodeFields, Payout, Worker
from shared.formats import yuan
from shared.problems import FieldError


@dataclass(frozen=True)
class Shown:
    """A field with its value in words."""

    field: FormField
    lines: tuple[str, ...]


def read_fields(
    uses: Iterable[FormUse], typed: Mapping[str, str], identity_secret: str
) -> tuple[NodeFields, list[FieldError]]:
    """The fields of a form from its inputs `fields.<name>`, and what is wrong with those that can't be read."""
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    for use in uses:
        text = typed.get(f"fields.{use.name}", "").strip()
        if not text:
            continue
        try:
            values[use.name] = all_fields()[use.name].read(text, identity_secret)
        except Unreadable as error:
            errors.append(FieldError(f"fields.{use.name}", error.zh, error.en))
    return NodeFields(**values), errors


def show_fields(values: Mapping[str, Any]) -> list[Shown]:
    """The filled-in fields of an event, in the order of the form's names."""
    filled = NodeFields.model_validate(values)
    return [
        Shown(field, tuple(_lines(field, getattr(filled, name))))
        for name, field in all_fields().items()
        if name in filled.model_fields_set and getattr(filled, name) not in (None, ())
    ]


def _lines(field: FormField, value: Any) -> Iterable[str]:
    match value:
        case bool():
            yield "是 Yes" if value else "否 No"
        case date():
            yield value.isoformat()
        case int() if field.kind == "money":
            yield yuan(value)
        case str() if field.kind in ("id_no", "account_no"):
            yield "已登记(只存密文) on file, kept as a keyed hash only"
        case tuple():
            for part in value:
                yield _part(part)
        case _:
            yield f"{value:g}" if isinstance(value, float) else str(value)


def _part(part: Any) -> str:
    match part:
        case Bid():
            rejected = "" if part.valid else f",否决 rejected:{part.reject_reason or '未写理由 no reason given'}"
            return f"{part.company_name}({part.company_id}){yuan(part.price_fen)}{rejected}"
        case Worker():
            rate = f" × {yuan(part.day_rate_fen)}" if part.day_rate_fen is not None else ""
            return f"{part.name} · {part.days:g} 天 days{rate} · {yuan(part.wage_fen)}"
        case Attendance():
            return f"{part.name} · {part.days:g} 天 days · {part.first_on}~{part.last_on}"
        case Payout():
            holder = f" · 户名 account of {part.holder}" if part.holder else ""
            result = "退回 rejected" if part.rejected else "成功 paid"
            return f"{part.name} · {yuan(part.amount_fen)}{holder} · {result}"
        case Grant():
            return f"{part.name} · {yuan(part.amount_fen)}"
        case BillLine():
            return f"{part.name} · {part.quantity:g} × {yuan(part.unit_price_fen)} = {yuan(part.amount_fen)}"
        case _:
            return str(part)
