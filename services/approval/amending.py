"""How a filed form is put right: which fields may be, and what the whole form says then. Pure."""

from collections.abc import Iterable

from services.approval.checks import check_form
from services.approval.errors import CannotAmend, FieldsMissing
from services.approval.flows import FormUse, Node
from services.approval.joint import COUNTED
from shared.contracts.power import NodeFields
from shared.problems import FieldError

# A decision, and the days of a notice that hangs or hung, are made anew by sending the case back.
FIXED = frozenset({"approved", "notice_from", "notice_to"})
# What members' ballots say isn't put right by anybody else.
_BY_BALLOT = FIXED | set(COUNTED)
_NOTHING = FieldError("fields", "请填写要更正的内容", "Say what is to be put right")


def fixed_at(node: Node | None) -> frozenset[str]:
    """The fields that are not put right at a node, or at the opening without one."""
    return _BY_BALLOT if node and node.by_ballot else FIXED


def put_right(
    form: Iterable[FormUse], was: NodeFields, given: NodeFields, fixed: frozenset[str] = FIXED
) -> tuple[NodeFields, tuple[str, ...], NodeFields]:
    """The whole form with what is given, the names of what changes, and what these said before.

    Raises `CannotAmend` for what is only sent back, `FieldsMissing` when nothing changes or a required field goes,
    `FieldsUnsound` for what can't be true.
    """
    changed = tuple(
        name for name in NodeFields.model_fields if name in given.model_fields_set and _differs(name, was, given)
    )
    if refused := [name for name in changed if name in fixed]:
        raise CannotAmend(
            "同意与否、表决票数、公示日期不能更正,请退回重办",
            "A decision, its ballots and the days of a notice are not amended: send the case back",
            [FieldError(f"fields.{name}", "不能更正,请退回", "Not amended but sent back") for name in refused],
        )
    if not changed:
        raise FieldsMissing("没有需要更正的内容", "Nothing would change", [_NOTHING])
    whole = was.model_copy(update={name: getattr(given, name) for name in changed})
    # A field that depends on what changed is looked at, too.
    concerned = [use for use in form if use.name in changed or (use.condition and use.condition.field in changed)]
    check_form(concerned, whole)
    return whole, changed, NodeFields(**{name: getattr(was, name) for name in changed})


def _differs(name: str, was: NodeFields, given: NodeFields) -> bool:
    return bool(getattr(was, name) != getattr(given, name))
