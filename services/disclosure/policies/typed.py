"""What a form or a line of a sheet says, read as a policy, and a policy as a form holds it. Pure."""

import re
from decimal import Decimal
from typing import Any

from services.disclosure.policies.policy import Content, Version
from shared import forms
from shared.problems import FieldError, InvalidInput

_YUAN = re.compile(r"\d{1,9}(\.\d{1,2})?")
_NOT_YUAN = FieldError("amount", "金额填元,最多两位小数,如 350.00", "Yuan with two decimals at most, as 350.00")
_MENDS = {
    "groups": ("请选择至少一类人群", "Choose a group at least"),
    "valid_from": ("请填有效的起始日期", "Fill in the first day"),
    "valid_to": ("须为日期,且不早于起始日期", "A day not before the first one"),
    "": ("金额与单位须同时填写", "An amount and its unit go together"),
}


def content_of(typed: dict[str, Any]) -> Content:
    """The form's policy; raises `InvalidInput` with the fields to mend."""
    amount = str(typed.get("amount", ""))
    if amount and not _YUAN.fullmatch(amount):
        raise InvalidInput("请按提示修改", "Please mend the named fields", [_NOT_YUAN])
    fields = {name: typed[name] for name in Content.model_fields if name in typed}
    fields["amount_fen"] = int(Decimal(amount) * 100) if amount else None
    fields["valid_to"] = typed.get("valid_to") or None
    try:
        return forms.read(Content, fields)
    except InvalidInput as problem:
        problem.errors = [
            FieldError(each.field, *_MENDS.get(each.field, (each.zh, each.en))) for each in problem.errors
        ]
        raise


def as_typed(version: Version) -> dict[str, Any]:
    """A version as its form holds it."""
    said = version.content.model_dump(mode="json")
    fen = said.pop("amount_fen")
    return said | {"amount": "" if fen is None else f"{fen // 100}.{fen % 100:02}", "valid_to": said["valid_to"] or ""}
