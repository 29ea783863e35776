"""What is public holds no number and no name of a villager, wherever a clerk has put them."""

import re
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from services.disclosure import village_page
from services.disclosure.case_view import CaseView
from services.disclosure.masking import FILE, load, masks, naming_fields, people_of, public_event
from services.disclosure.people import People
from services.disclosure.rendered import Rendered
from services.disclosure.vocabulary import vocabulary
from shared.contracts.power import NodeFields
from tests.disclosure.samples import NOW, VILLAGE, award, bid, completed, folded, form, opened, worker

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
long_around = st.builds(lambda text, length: text + "灯" * length, around, st.integers(0, 220))
SEPARATORS = ["", " ", "-", "\u200b", ".", "/", "–", "  ", "\u3164", "\ufe0f", "\U000e0020", "·", "_"]


def spaced(number: str, by: str) -> str:
    """A number as people write it, in groups."""
    return by.join(number[at : at + 4] for at in range(0, len(number), 4))


def public_bytes(*events: Any) -> str:
    """Everything that the events put into public tables and answers."""
    case = folded(*events)
    page = village_page.with_case(village_page.blank(VILLAGE, vocabulary()), None, case, masks(), vocabulary())
    rendered = Rendered.of(page, NOW)
    answer = CaseView.at(case, NOW, masks(), vocabulary()).model_dump_json()
    return f"{case.title}{case.case_no}{case.history}{rendered.whole}{rendered.body.plain.decode()}{answer}"


@settings(max_examples=150, deadline=None)
@given(
    matter=st.sampled_from(sorted(MATTERS)),
    number=numbers,
    separator=st.sampled_from(SEPARATORS),
    before=long_around,
    after=around,
    person=names,
    worker_name=names,
)
def test_no_number_and_no_villager_gets_out_of_any_field(
    matter: str, number: str, separator: str, before: str, after: str, person: str, worker_name: str
) -> None:
    hidden = f"{before}{person}{after}{spaced(number, separator)}{before}{worker_name}"
    fields = form(
        **dict.fromkeys(TEXT_FIELDS, hidden)
        | {"beneficiary_name": person, "hire_name": person, "supplier_name": f"{hidden}公司"},
        workers=(worker(worker_name),),
        inspectors=(hidden,),
        bids=(bid(company_id=hidden, company_name=f"{person}经营部{number}", manager_name=person),),
        award_fen=1,
    )
    about = {"title": hidden, "case_no": hidden, "matter": matter, "flow": MATTERS[matter]}
    said = public_bytes(opened("case-1", fields, **about), completed("case-1", 2, "EN1-01", None, fields, **about))
    assert person not in said
    assert worker_name not in said
    assert spaced(number, separator) not in said
    assert number not in said
    assert not LONG_NUMBER.search(said), LONG_NUMBER.search(said)


@settings(max_examples=60, deadline=None)
@given(person=names, earlier=long_around, matter=st.sampled_from(sorted(MATTERS)), first=st.booleans())
def test_a_villager_named_in_one_event_is_struck_out_of_the_others(
    person: str, earlier: str, matter: str, first: bool
) -> None:
    about = {"matter": matter, "flow": MATTERS[matter], "title": f"{person}{earlier}"}
    text = form(
        **dict.fromkeys(TEXT_FIELDS, f"{earlier}{person}{earlier}") | {"beneficiary_name": None, "hire_name": None}
    )
    named = form(beneficiary_name=person)
    one, two = (text, named) if first else (named, text)
    said = public_bytes(opened("case-1", one, **about), completed("case-1", 2, "EN1-01", None, two, **about))
    assert person not in said


NAMED: list[dict[str, Any]] = [
    {"bids": (bid(manager_name="卞长生"),)},
    {"bids": (bid(company_name="卞长生"),)},
    {"auditor_name": "卞长生"},
    {"agent_name": "卞长生"},
    {"subcontractor_name": "卞长生"},
    {"supplier_name": "卞长生"},
    {"payee_name": "卞长生"},
    {"payee_name": "卞长生(农业银行)"},
    {"payee_name": "卞长生代农业银行"},
    {"recipient": "卞长生"},
    {"inspectors": ("卞长生",)},
    {"worker_names": ("卞长生",)},
    {"workers": (worker("卞长生"),)},
    {"hire_name": "卞 长 生"},
    {"beneficiary_name": "卞长生(户主)"},
]


@pytest.mark.parametrize("fields", NAMED, ids=[f"{next(iter(each))}-{n}" for n, each in enumerate(NAMED)])
def test_whoever_any_field_names_is_struck_out_of_the_texts(fields: dict[str, Any]) -> None:
    event = opened("case-1", form(item="补助卞长生屋顶", **fields), title="卞长生屋顶")
    public = public_event(event, masks(), vocabulary())
    assert (public["title"], public["fields"]["item"]) == ("卞**屋顶", "补助卞**屋顶")


def test_every_field_that_holds_names_is_said_to_hold_whose() -> None:
    assert set(naming_fields()) <= set(masks().names)


def test_a_new_field_with_a_name_stops_the_service_until_it_is_listed(tmp_path: Path) -> None:
    text = FILE.read_text(encoding="utf-8").replace("  bids.manager_name: party\n", "")
    with pytest.raises(ValueError, match=r"bids\.manager_name is missing"):
        load(written(tmp_path, text), vocabulary())


class Line(BaseModel):
    holder: str | None = None
    amount_fen: int = 0
    price_name: int = 0


class Form(BaseModel):
    lines: tuple[Line, ...] = ()
    witnesses: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    driver_name: str | None = None
    reason: str | None = None


def test_fields_that_hold_names_are_found_also_in_lines() -> None:
    assert list(naming_fields(Form)) == ["lines.holder", "witnesses", "guests", "driver_name"]


def test_an_official_is_shown_where_he_acts_and_nowhere_else() -> None:
    works = form(inspectors=("周镇海", "吴观澜(村监会)"), item="周镇海屋前")
    fields = public_event(opened("case-1", works), masks(), vocabulary())["fields"]
    assert fields["inspectors"] == ["周镇海", "吴观澜(村监会)"]
    assert fields["item"] == "周**屋前"


def test_an_official_who_is_paid_too_is_masked_as_whoever_is_paid() -> None:
    works = opened("case-1", form(inspectors=("周镇海", "吴观澜")))
    paid = completed("case-1", 2, "EN1-08", None, form(payee_name="周镇海"))
    assert folded(works, paid).history[0]["fields"]["inspectors"] == ["周**", "吴观澜"]


def test_who_does_not_write_a_plain_name_as_inspector_is_masked() -> None:
    works = form(inspectors=("周镇海带人到场13800138000", "王小明家的邻居"))
    shown = public_event(opened("case-1", works), masks(), vocabulary())["fields"]["inspectors"]
    assert shown == ["周**", "王**"]


def test_one_person_has_one_mask_throughout_an_answer() -> None:
    fields = form(supplier_name="欧阳慕雪", payee_name="欧阳慕雪(个体工商户)", item="欧阳慕雪承包", award_fen=1)
    bids = form(bids=(bid(company_name="欧阳慕雪"),))
    said = public_bytes(opened("case-1", fields, title="欧阳慕雪承包"), completed("case-1", 2, "EN1-04", None, bids))
    assert "欧阳**承包" in said
    assert not re.search(r"欧阳(?!\*\*)", said)
    assert not re.search(r"欧阳\*\*[\*雪]", said)


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


def test_a_field_that_is_no_longer_public_is_not_shown_from_what_was_stored(tmp_path: Path) -> None:
    text = FILE.read_text(encoding="utf-8")
    for was, now in (
        ("location: {rule: text, in: [EN, AS]}", "location: {rule: text, in: [AS]}"),
        ("  unit: {rule: text,", "  # unit: {rule: text,"),
    ):
        assert was in text
        narrowed = load(written(tmp_path, text.replace(was, now)), vocabulary())
        case = folded(opened("case-1", form(location="村口", unit="米", item="路灯")))
        view = CaseView.at(case, NOW, narrowed, vocabulary())
        assert {field.name for field in view.history[0].fields} in ({"unit", "item"}, {"location", "item"})


def test_a_paper_that_is_no_longer_public_is_not_shown_either() -> None:
    words = vocabulary()
    case = folded(opened("case-1"), award("case-1", 2))
    case.history[1]["documents"] = [{"kind": "diary", "sha256": "a" * 64}]
    assert CaseView.at(case, NOW, masks(), words).history[1].documents == ()


def test_titles_of_relief_labour_and_seals_are_the_flows_names() -> None:
    for matter in ("RE", "LA", "SE"):
        event = opened("case-1", title="赵铮家困难救助", matter=matter, flow=MATTERS[matter])
        assert public_event(event, masks(), vocabulary())["title"] is None
        view = CaseView.at(folded(event), NOW, masks(), vocabulary())
        assert view.title.zh == vocabulary().flow(MATTERS[matter], 1).zh


def test_firms_are_shown_in_full_and_persons_by_surname() -> None:
    assert "嘉善云河建设有限公司" in public_bytes(opened("case-1"), award("case-1", 2))
    person = completed("case-1", 2, "EN1-04", "EN1-05", form(supplier_name="周镇海", award_fen=1))
    said = public_bytes(opened("case-1"), person)
    assert "周**" in said
    assert "周镇海" not in said


def test_a_villager_is_struck_out_of_a_firms_name_too() -> None:
    fields = form(workers=(worker("卞长生"),), supplier_name="卞长生家政服务中心")
    event = opened("case-1", fields, matter="LA", flow="LA1")
    assert public_event(event, masks(), vocabulary())["fields"]["supplier_name"] == "卞**家政服务中心"


def test_people_of_an_event_are_sorted_by_why_it_names_them() -> None:
    event = opened("case-1", form(payee_name="吴观澜", hire_name="孙慕雪", supplier_name="嘉善云河建设有限公司"))
    people = people_of(event, masks().names)
    assert people == People(*(frozenset([name]) for name in ("孙慕雪", "吴观澜", "钱多宝")))


@pytest.mark.parametrize(
    ("was", "now", "fault"),
    [
        ("  item: {rule: text", "  itme: {rule: text", "itme"),
        ("  item: {rule: text", "  item: {rule: txet", "txet"),
        ("category: {rule: text, in: [PR, EN, AS]}", "category: {rule: text, in: [PR, EN, ASS]}", "category: ASS"),
        ("title_in: [PR,", "title_in: [PRR,", "title_in: PRR"),
        ("standing_days: {RE1:", "standing_days: {RE9:", "RE9"),
        ("in: [AS], withheld_until: award}", "in: [AS], withheld_until: awarded}", "awarded"),
        ("  hire_name: private", "  hire_name: secret", "hire_name"),
        ("  hire_name: private", "  hire_name: private\n  hire_names: private", "hire_names"),
    ],
)
def test_the_list_is_checked_when_it_loads(tmp_path: Path, was: str, now: str, fault: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert was in text
    with pytest.raises(ValueError, match=fault):
        load(written(tmp_path, text.replace(was, now)), vocabulary())


def written(folder: Path, text: str) -> Path:
    """A list of masks with this content."""
    file = folder / "masking.yaml"
    file.write_text(text, encoding="utf-8")
    return file
