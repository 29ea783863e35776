"""Fields that only some cases are asked for, and those that only some must fill in."""

from pathlib import Path
from typing import Any

import pytest

from services.approval import errors
from services.approval.checks import check_form
from services.approval.flows import CatalogueError, FormUse
from services.approval.pages import inputs_of
from services.approval.schemas import FormFieldOut
from shared.contracts.power import BillLine, NodeFields
from tests.approval.test_amending import amended, walked
from tests.approval.test_cases import ANYBODY, completed, filled, flow, opened, refused
from tests.approval.test_flows import flow as entry
from tests.approval.test_flows import node, read_from, written

LIMIT = 10_000_00
BILL = (BillLine(name="水泥", quantity=1, unit_price_fen=LIMIT, amount_fen=LIMIT),)


def check(code: str, known: dict[str, Any] | None = None, **fields: Any) -> None:
    form = flow(code[:3]).node(code).form
    check_form(form, filled(form, **fields), known)


def test_who_chooses_without_competition_says_why_and_nobody_else_does() -> None:
    check("EN1-04", selection_method="三家比价")
    check("EN1-04", selection_method="直接委托", direct_reason="只有一家能做")
    refused(errors.FieldsMissing, "fields.direct_reason", lambda: check("EN1-04", selection_method="单一来源"))
    told = refused(
        errors.FieldsUnsound,
        "fields.direct_reason",
        lambda: check("EN1-04", selection_method="公开招标", direct_reason="只有一家能做"),
    )
    assert "单一来源" in told.errors[0].zh


def test_a_minor_has_a_guardian() -> None:
    guardian: dict[str, Any] = {"guardian_name": "陈", "guardian_key": "k"}
    check("RE2-01")
    check("RE2-01", **guardian)  # whether a minor wasn't said
    check("RE2-01", beneficiary_minor=True, **guardian)
    with pytest.raises(errors.FieldsMissing) as missing:
        check("RE2-01", beneficiary_minor=True)
    with pytest.raises(errors.FieldsUnsound) as out_of_place:
        check("RE2-01", beneficiary_minor=False, **guardian)
    for told in (missing, out_of_place):
        assert [each.field for each in told.value.errors] == ["fields.guardian_name", "fields.guardian_key"]


def test_a_large_change_is_itemised_and_a_small_one_may_be() -> None:
    check("EN5-03", change_fen=LIMIT - 1, bill=())
    check("EN5-03", change_fen=1, bill=BILL)
    check("EN5-03", change_fen=LIMIT, bill=BILL)
    refused(errors.FieldsMissing, "fields.bill", lambda: check("EN5-03", change_fen=LIMIT, bill=()))


def test_what_an_earlier_form_said_decides_too() -> None:
    refused(errors.FieldsMissing, "fields.risk_note", lambda: check("SE2-03", {"major": True}, risk_note=None))
    check("SE2-03", {"major": False}, risk_note=None)
    check("SE2-03", risk_note=None)
    case = completed(opened("SE2")[0], fields=filled(flow("SE2").first.form, major=True))[0]
    form = filled(flow("SE2").node("SE2-03").form, risk_note=None)
    refused(errors.FieldsMissing, "fields.risk_note", lambda: completed(case, node="SE2-03", fields=form))


def test_a_page_asks_what_is_settled_already_and_tells_of_the_rest() -> None:
    form = flow("SE2").node("SE2-03").form
    told = {said: {each["field"].name: each for each in inputs_of(form, {"major": said})} for said in (True, False)}
    assert (told[True]["risk_note"]["required"], told[False]["risk_note"]["required"]) == (True, False)
    guardian = {each["field"].name: each for each in inputs_of(flow("RE1").first.form)}["guardian_name"]
    assert (guardian["required"], guardian["depends"].field, guardian["hides"]) == (False, "beneficiary_minor", True)


def test_the_interface_says_on_what_a_field_depends() -> None:
    use = next(use for use in flow("EN5").node("EN5-03").form if use.name == "bill")
    told = FormFieldOut.of(use)
    assert told.required_when
    assert (told.required, told.when, told.required_when.at_or_above) == (False, None, LIMIT)


def test_an_amended_answer_asks_for_what_depends_on_it() -> None:
    case, events = walked("EN5-04")
    over = NodeFields(change_fen=LIMIT, bill=())
    refused(errors.FieldsMissing, "fields.bill", lambda: amended(case, events, "EN5-03", fields=over, by=ANYBODY))
    amended(case, events, "EN5-03", fields=NodeFields(change_fen=LIMIT, bill=BILL), by=ANYBODY)


@pytest.mark.parametrize(
    ("form", "what"),
    [
        ([{"field": "(bill)", "when": {"field": "award_fen", "below": "petty"}}], "no earlier form"),
        (["budget_fen", {"field": "bill", "when": {"field": "budget_fen"}}], "needs a limit"),
        (["opinion", {"field": "bill", "when": {"field": "opinion"}}], "words"),
        (["major", {"field": "bill", "required_when": {"field": "major"}}], "parentheses"),
        (["major", {"field": "bill"}], "either"),
        ([{"field": "major", "when": {"field": "major"}}], "no earlier form"),
    ],
)
def test_a_dependence_that_cannot_be_told_is_a_fault(tmp_path: Path, form: list[Any], what: str) -> None:
    with pytest.raises(CatalogueError, match=what):
        read_from(written(tmp_path, entry(node(1, form=form))))


def test_a_plain_field_depends_on_nothing() -> None:
    assert FormUse("item", required=True).wanted(None)
    assert not FormUse("item", required=False).wanted(None)
    assert not FormUse("item", required=True).barred("x")
