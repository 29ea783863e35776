"""Whether what is filed at a node is what the node asks for. Pure; every refusal names its fields."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from services.approval.errors import DocumentsMissing, FieldsMissing, FieldsUnsound, NotApproved
from services.approval.fields import all_fields
from services.approval.flows import Answer, FormUse, Node
from shared.cells import Unreadable, check_visible
from shared.contracts.power import CaseAmended, CaseOpened, DocumentRef, NodeCompleted, NodeFields
from shared.problems import FieldError
from shared.workdays import SHANGHAI

_MAY_BE_NEGATIVE = frozenset({"change_fen", "household_income_fen"})
_IN_ORDER = (("notice_from", "notice_to"), ("lease_from", "lease_to"), ("started_on", "finished_on"))
# A record of Kafka holds 1 MiB, and one that is too large would hold up all that stand behind it in the outbox.
MAX_EVENT_BYTES = 256 * 1024
_FIRST_DAY, _LAST_DAY = date(1949, 10, 1), date(2199, 12, 31)


def check_verdict(node: Node, filled: NodeFields) -> None:
    """A decision must be a yes, and works or goods must have been found good; raises `NotApproved`."""
    for use in node.form:
        if use.name in ("approved", "accepted") and getattr(filled, use.name) is False:
            raise NotApproved(
                "请退回修改,或写明理由后撤回",
                "Send it back, or withdraw it with the reason",
                [FieldError(f"fields.{use.name}", "结论为否", "The answer is no")],
            )


def check_form(form: Iterable[FormUse], filled: NodeFields, known: Mapping[str, Any] | None = None) -> None:
    """The required fields are there, and all that is there belongs there and can be true.

    `known` is what the case's other forms say. Raises `FieldsMissing`, `FieldsUnsound`.
    """
    uses = [(use, _empty(getattr(filled, use.name)), answer_to(use, filled, known or {})) for use in form]
    missing = [all_fields()[use.name] for use, empty, answer in uses if empty and use.wanted(answer)]
    if missing:
        raise FieldsMissing(
            f"请填写:{'、'.join(f.zh for f in missing)}",
            f"Please fill in: {', '.join(f.en for f in missing)}",
            [FieldError(f"fields.{f.name}", f"{f.zh}必填", f"{f.en} is required") for f in missing],
        )
    barred = (use for use, empty, answer in uses if not empty and use.barred(answer))
    _refuse([*_out_of_place(barred), *_far_days(filled), *_negative(filled), *_reversed(filled)])


def answer_to(use: FormUse, filled: NodeFields, known: Mapping[str, Any]) -> Answer:
    """What is said of what a field depends on: in the same form, or else in those before."""
    if use.condition is None:
        return None
    own = getattr(filled, use.condition.field)
    return known.get(use.condition.field) if _empty(own) else own


def check_days(filled: NodeFields) -> None:
    """No day lies centuries away, which is a slip of the pen; raises `FieldsUnsound`."""
    _refuse(list(_far_days(filled)))


def check_text(field: str, text: str) -> None:
    """A line of words holds nothing that a reader can't see; raises `FieldsUnsound`."""
    try:
        check_visible(text)
    except Unreadable as error:
        _refuse([FieldError(field, error.zh, error.en)])


def check_size(event: CaseOpened | NodeCompleted | CaseAmended) -> None:
    """An event is small enough to be published; raises `FieldsUnsound` with its largest field."""
    size = len(event.model_dump_json(exclude_defaults=True).encode())
    if size > MAX_EVENT_BYTES:
        limit, took = MAX_EVENT_BYTES // 1024, -(-size // 1024)
        raise FieldsUnsound(
            f"内容共 {took} KiB,一步最多 {limit} KiB,请精简,或将明细作为材料上传",
            f"This is {took} KiB in all and a step may have {limit}: shorten it, or upload the details as a paper",
            list(_largest(event.fields)),
        )


def check_notice(node: Node, filled: NodeFields, since: datetime, now: datetime) -> None:
    """A notice begins neither before its node's turn nor in the future, and is not cut short.

    `since` is when the turn began; raises `FieldsUnsound`.
    """
    begins, ends = filled.notice_from, filled.notice_to
    turn, today = since.astimezone(SHANGHAI).date(), now.astimezone(SHANGHAI).date()
    if begins is None or not turn <= begins <= today:
        raise FieldsUnsound(
            f"公示应在 {turn} 至 {today} 之间开始",
            f"The notice begins between {turn} and {today}",
            [FieldError("fields.notice_from", "公示开始日期不合理", "The notice cannot have begun on this day")],
        )
    if ends and (ends - begins).days < node.notice_days:
        raise FieldsUnsound(
            f"公示不得少于 {node.notice_days} 天",
            f"The notice must run {node.notice_days} days at least",
            [FieldError("fields.notice_to", "公示天数不足", "Too short a notice")],
        )


def check_documents(node: Node, documents: Iterable[DocumentRef]) -> None:
    """The required papers are there; raises `DocumentsMissing`."""
    filed = {document.kind for document in documents}
    missing = [need for need in node.documents if need.required and need.kind not in filed]
    if missing:
        raise DocumentsMissing(
            f"请上传:{'、'.join(need.name.zh for need in missing)}",
            f"Please upload: {', '.join(need.name.en for need in missing)}",
            [FieldError(f"documents.{n.kind}", f"缺少{n.name.zh}", f"{n.name.en} is missing") for n in missing],
        )


def _largest(filled: NodeFields) -> Iterable[FieldError]:
    sizes = {name: len(filled.model_dump_json(include={name})) for name in filled.model_fields_set}
    if sizes:
        label = all_fields()[max(sizes, key=lambda name: sizes[name])]
        yield FieldError(f"fields.{label.name}", f"{label.zh}内容过多", f"{label.en} holds too much")


def _refuse(unsound: list[FieldError]) -> None:
    if unsound:
        raise FieldsUnsound("请核对所列内容", "Please check the named fields", unsound)


def _empty(value: Any) -> bool:
    return value is None or value == () or (isinstance(value, str) and not value.strip())


def _out_of_place(barred: Iterable[FormUse]) -> Iterable[FieldError]:
    for use in barred:
        if use.when:
            zh, en = f"只在{use.when.said.zh}填写,请清空", f"Leave it empty unless {use.when.said.en}"
            yield FieldError(f"fields.{use.name}", zh, en)


def _far_days(filled: NodeFields) -> Iterable[FieldError]:
    for name, value in filled:
        if isinstance(value, date) and not _FIRST_DAY <= value <= _LAST_DAY:
            yield FieldError(f"fields.{name}", "请核对年份", "Please check the year")


def _negative(filled: NodeFields) -> Iterable[FieldError]:
    below = {name for name, value in filled if isinstance(value, int | float) and value < 0} - _MAY_BE_NEGATIVE
    if any(bid.price_fen < 0 for bid in filled.bids):
        below.add("bids")
    if any(worker.wage_fen < 0 or worker.days < 0 for worker in filled.workers):
        below.add("workers")
    if any(line.days < 0 for line in filled.attendance):
        below.add("attendance")
    below |= {name for name in ("grants", "payouts") if any(line.amount_fen < 0 for line in getattr(filled, name))}
    for name in sorted(below):
        label = all_fields()[name]
        yield FieldError(f"fields.{name}", f"{label.zh}不能为负数", f"{label.en} cannot be negative")


def _reversed(filled: NodeFields) -> Iterable[FieldError]:
    if any(line.last_on < line.first_on for line in filled.attendance):
        yield FieldError("fields.attendance", "不能早于开始日期", "Cannot be before the beginning")
    for first, last in _IN_ORDER:
        begins, ends = getattr(filled, first), getattr(filled, last)
        if begins and ends and ends < begins:
            yield FieldError(f"fields.{last}", "不能早于开始日期", "Cannot be before the beginning")
