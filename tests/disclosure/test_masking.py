"""What is public holds no number and no name of a villager, wherever a clerk has put them."""

import re
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.disclosure import villages
from services.disclosure.case_view import CaseView
from services.disclosure.masking import FILE, load, masks, merge_masks, public_event, scrub
from services.disclosure.rendered import Rendered
from services.disclosure.vocabulary import vocabulary
from shared.contracts.power import Bid, NodeFields, Worker
from tests.disclosure.samples import NOW, VILLAGE, award, completed, folded, opened

MATTERS = {"PR": "PR2", "EN": "EN1", "AS": "AS1", "LA": "LA2", "RE": "RE2", "SE": "SE2"}
TEXT_FIELDS = [name for name, field in NodeFields.model_fields.items() if field.annotation == (str | None)]
LONG_NUMBER = re.compile(r"(?<![0-9a-f-])(?:1[3-9]\d{9}|\d{13,}|\d{17}[Xx])(?![0-9a-f-])")

surnames = st.sampled_from("赵钱孙周吴郑冯")
givens = st.text("翊祺璟妤宸铮骞霏婕澜", min_size=1, max_size=2)
names = st.builds(str.__add__, surnames, givens)
mobiles = st.builds(
    lambda second, rest: f"1{second}{rest}", st.sampled_from("3456789"), st.text("0123456789", min_size=9, max_size=9)
)
id_numbers = st.builds(
    lambda rest, last: f"330421{rest}{last}",
    st.text(string.digits, min_size=11, max_size=11),
    st.sampled_from("0123456789Xx"),
)
accounts = st.text(string.digits, min_size=16, max_size=19).map(lambda text: f"6{text}")
numbers = st.one_of(mobiles, id_numbers, accounts)
around = st.text("村道路灯修补采购费用,。 (:/<&\"'", max_size=8)


def spaced(number: str, by: str) -> str:
    """A number as people write it, in groups."""
    return by.join(number[at : at + 4] for at in range(0, len(number), 4))


def public_bytes(*events: Any) -> str:
    """Everything that the events put into public tables and answers."""
    case = folded(*events)
    page = villages.with_case(villages.blank(VILLAGE, 5), None, case)
    answer = CaseView.at(case, NOW).model_dump_json()
    return f"{case.title}{case.steps}{Rendered.of(page, NOW).body.decode()}{answer}"


@settings(max_examples=150, deadline=None)
@given(
    matter=st.sampled_from(sorted(MATTERS)),
    number=numbers,
    separator=st.sampled_from(["", " ", "-", "\u200b"]),
    before=around,
    after=around,
    person=names,
    worker=names,
)
def test_no_number_and_no_villager_gets_out_of_any_field(
    matter: str, number: str, separator: str, before: str, after: str, person: str, worker: str
) -> None:
    hidden = f"{before}{person}{after}{spaced(number, separator)}{before}{worker}"
    fields = NodeFields(
        **dict.fromkeys(TEXT_FIELDS, hidden)
        | {"beneficiary_name": person, "hire_name": person, "supplier_name": f"{hidden}公司"},
        workers=(Worker(person_key="w", name=worker, days=1, wage_fen=100),),
        inspectors=(hidden,),
        bids=(Bid(company_id=hidden, company_name=f"{person}经营部{number}", price_fen=1, contact_phone=number),),
        award_fen=1,
    )
    about = {"title": hidden, "case_no": hidden, "matter": matter, "flow": MATTERS[matter]}
    said = public_bytes(opened("case-1", fields, **about), completed("case-1", 2, "EN1-01", None, fields, **about))
    assert person not in said
    assert worker not in said
    assert spaced(number, separator) not in said
    assert number not in said
    assert not LONG_NUMBER.search(said), LONG_NUMBER.search(said)


@settings(max_examples=60, deadline=None)
@given(person=names, earlier=around, matter=st.sampled_from(sorted(MATTERS)), first=st.booleans())
def test_a_villager_named_in_one_event_is_struck_out_of_the_others(
    person: str, earlier: str, matter: str, first: bool
) -> None:
    about = {"matter": matter, "flow": MATTERS[matter], "title": f"{person}{earlier}"}
    text = NodeFields(
        **dict.fromkeys(TEXT_FIELDS, f"{earlier}{person}{earlier}") | {"beneficiary_name": None, "hire_name": None}
    )
    named = NodeFields(beneficiary_name=person)
    one, two = (text, named) if first else (named, text)
    said = public_bytes(opened("case-1", one, **about), completed("case-1", 2, "EN1-01", None, two, **about))
    assert person not in said


def test_a_field_that_nobody_listed_is_not_public() -> None:
    listed = set(masks().rules)
    for secret in (
        "payee_account_key",
        "hire_person_key",
        "beneficiary_key",
        "household_income_fen",
        "opinion",
        "risk_note",
    ):
        assert secret in NodeFields.model_fields
        assert secret not in listed


def test_titles_of_relief_labour_and_seals_are_the_flows_names() -> None:
    for matter in ("RE", "LA", "SE"):
        event = opened("case-1", title="赵铮家困难救助", matter=matter, flow=MATTERS[matter])
        assert public_event(event, masks(), vocabulary())["title"] is None
        view = CaseView.at(folded(event), NOW)
        assert view.title.zh == vocabulary().flow(MATTERS[matter]).zh


def test_firms_are_shown_in_full_and_persons_by_surname() -> None:
    assert "嘉善云河建设有限公司" in public_bytes(opened("case-1"), award("case-1", 2))
    person = completed("case-1", 2, "EN1-04", "EN1-05", NodeFields(supplier_name="周镇海", award_fen=1))
    said = public_bytes(opened("case-1"), person)
    assert "周**" in said
    assert "周镇海" not in said


def test_hidden_characters_do_not_help() -> None:
    assert scrub("电话138\u200b0013\u200b8000") == "电话***********"
    assert scrub("孙\u2060慕雪在场", ["孙慕雪"]) == "孙*雪在场"
    assert scrub("a\x00b\u202ec") == "abc"


def test_masks_of_one_text_add_up() -> None:
    assert merge_masks(["王*明与李小红", "王小明与李*红"]) == "王*明与李*红"


def test_the_list_is_checked_when_it_loads(tmp_path: Any) -> None:
    broken = tmp_path / "masking.yaml"
    text = FILE.read_text(encoding="utf-8")
    broken.write_text(text.replace("  item: {rule: text", "  itme: {rule: text"), encoding="utf-8")
    with pytest.raises(ValueError, match="itme"):
        load(broken)
    broken.write_text(text.replace("  item: {rule: text", "  item: {rule: txet"), encoding="utf-8")
    with pytest.raises(ValueError, match="txet"):
        load(broken)
