"""What was typed into the form of an appeal, checked field by field. Pure."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from services.disclosure.appeals.errors import Mend
from services.disclosure.appeals.plan import Level, Plan
from shared.contracts.appeals import Kind
from shared.problems import FieldError
from shared.texts import fold, seen

FIELDS = ("kind", "concerns", "text", "identity", "name", "contact", "case_id")


@dataclass(frozen=True)
class Wanted:
    """An appeal as its author wants it filed; `name` and `contact` are empty for an anonymous one."""

    kind: Kind
    concerns: Level
    text: str
    name: str = ""
    contact: str = ""

    @property
    def named(self) -> bool:
        """Whether its author gave his name."""
        return bool(self.name)


def read(typed: Mapping[str, str], plan: Plan) -> Wanted:
    """What the form says; raises `Mend` with every field that must be mended."""
    text, errors, limits = typed.get("text", "").replace("\r\n", "\n").strip(), [], plan.limits
    if typed.get("kind") not in get_args(Kind):
        errors.append(FieldError("kind", "请选择类别", "Choose what kind it is"))
    if typed.get("concerns") not in get_args(Level):
        errors.append(FieldError("concerns", "请选择反映的对象", "Choose whom it concerns"))
    if len(text) < limits.shortest_text:
        errors.append(FieldError("text", f"请至少写 {limits.shortest_text} 个字", "Please say a little more"))
    if len(text) > limits.longest_text:
        errors.append(_long("text", limits.longest_text))
    name, contact = "", ""
    if typed.get("identity") == "named":
        name, contact = typed.get("name", "").strip(), typed.get("contact", "").strip()
        for field, value, longest in (
            ("name", name, limits.longest_name),
            ("contact", contact, limits.longest_contact),
        ):
            if not value:
                errors.append(FieldError(field, "留名时必填,或改为匿名", "Needed when named; or stay anonymous"))
            elif len(value) > longest:
                errors.append(_long(field, longest))
    elif typed.get("identity") != "anonymous":
        errors.append(FieldError("identity", "请选择匿名或留名", "Choose anonymous or named"))
    if typed.get("website"):
        errors.append(FieldError("website", "此项请留空", "Leave this one empty"))
    if errors:
        raise Mend(
            "请按提示修改后再提交,已填内容都在", "Mend what is marked and send again: what you typed is kept", errors
        )
    return Wanted(typed["kind"], typed["concerns"], text, name, contact)  # type: ignore[arg-type]


def words_key(text: str, secret: str) -> str:
    """The keyed hash by which the same words are found, however they are spaced and pointed."""
    plain = "".join(char for char in fold(seen(text)).text.lower() if char.isalnum())
    return hmac.new(secret.encode(), f"appeal-words|{plain}".encode(), hashlib.sha256).hexdigest()


def _long(field: str, longest: int) -> FieldError:
    return FieldError(field, f"最多 {longest} 字", f"At most {longest} characters")
