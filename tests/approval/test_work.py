"""The day's work decided without a database: terms in working days, who stands in, four eyes, what a batch files."""

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.approval import flows
from services.approval.cases import Actions, Case, RoleHolder
from services.approval.desk import Opened
from services.approval.documents import FiledPaper
from services.approval.prompts import Prompt, digest
from services.approval.store import LogEntry
from services.approval.work import batch, case_file, standing_in
from services.approval.work.absences import may_decide, of_role
from services.approval.work.comments import Comment
from services.approval.work.errors import DetectorAway, FourEyes, PromptsUnread, StoppedByPrompt
from services.approval.work.plan import plan
from services.approval.work.standing_in import Absence, Person, Seated
from services.approval.work.terms import nearness, soon_until, working_days_left
from shared.contracts.power import NodeFields
from shared.principals import Grant, Principal
from shared.workdays import SHANGHAI, due_at

VILLAGE, TOWN = "330421103201", "330421103000"
FRIDAY = datetime(2026, 11, 27, 10, tzinfo=SHANGHAI).astimezone(UTC)
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 6, 1), timezones=st.just(UTC))
WANG, ZHAO = Person("wang", "王建国", "wang-key"), Person("zhao", "赵立", "zhao-key")


def midnight_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), SHANGHAI).astimezone(UTC)


def absence(role: str = "village_head", **changed: Any) -> Absence:
    told: dict[str, Any] = {
        "absence_id": uuid4(),
        "who": WANG,
        "grant": Grant(role, VILLAGE),
        "starts_on": date(2026, 11, 27),
        "ends_on": date(2026, 12, 1),
        "reason": "",
        "deputy": ZHAO,
        "asked_at": FRIDAY,
        "approved": True,
    }
    return Absence(**told | changed)


def caller(person: Person, *grants: tuple[str, str]) -> Principal:
    return Principal(person.subject, person.name, person.person_key, frozenset(Grant(*each) for each in grants))


@pytest.mark.parametrize(
    ("day", "left"),
    [((2026, 11, 27), 0), ((2026, 11, 28), 0), ((2026, 11, 30), 1), ((2026, 12, 4), 5), ((2026, 11, 26), -1)],
)
def test_a_weekend_is_no_day_to_work(day: tuple[int, int, int], left: int) -> None:
    assert working_days_left(midnight_after(date(*day)), FRIDAY) == left


@given(MOMENTS, st.integers(-60, 60), st.integers(0, 8))
def test_what_is_near_is_what_has_few_working_days_left(now: datetime, days: int, before: int) -> None:
    due = midnight_after(now.astimezone(SHANGHAI).date() + timedelta(days=days))
    left, near = working_days_left(due, now), nearness(due, now, before)
    assert near == ("overdue" if due <= now else "soon" if left <= before else "later")
    assert (left < 0) == (due <= now)
    assert (due <= soon_until(now, before)) == (near in ("overdue", "soon"))


@given(MOMENTS, st.integers(1, 20))
def test_a_fresh_term_has_all_its_working_days_left(start: datetime, days: int) -> None:
    assert working_days_left(due_at(start, days, "working_day"), start) == days


def test_every_node_is_reminded_of_within_its_term() -> None:
    for flow in flows.load().flows.values():
        for node in flow.nodes:
            if node.term and node.term.unit == "working_day":
                assert plan().days_before(node) < node.term.days, node.code


def test_every_role_with_an_account_can_be_stood_in_for_and_no_other_is_named() -> None:
    roles = flows.load().roles
    assert set(plan().deputies) == {code for code, role in roles.items() if not role.outside}
    assert {each for named in plan().deputies.values() for each in named} <= set(plan().deputies)
    assert "supervisory_committee" not in {
        each for role, named in plan().deputies.items() for each in named if role != "supervisory_committee"
    }


@pytest.mark.parametrize(
    ("changed", "moment", "standing"),
    [
        ({}, FRIDAY, "on"),
        ({"approved": None}, FRIDAY, "asked"),
        ({"approved": False}, FRIDAY, "refused"),
        ({}, FRIDAY - timedelta(days=1), "coming"),
        ({}, FRIDAY + timedelta(days=4), "on"),
        ({}, FRIDAY + timedelta(days=5), "over"),
        ({"ended_at": FRIDAY}, FRIDAY, "over"),
    ],
)
def test_a_deputy_stands_in_on_the_days_and_once_approved(
    changed: dict[str, Any], moment: datetime, standing: str
) -> None:
    held = absence(**changed)
    assert held.standing(moment) == standing
    seated = standing_in.seated(caller(ZHAO, ("party_branch", VILLAGE)), [held], plan(), moment)
    assert seated.has("village_head", VILLAGE) == (standing == "on")
    assert not standing_in.own_roles(seated, VILLAGE) & {"village_head"}


def test_who_no_longer_holds_a_suitable_role_stands_in_for_nobody() -> None:
    moved = caller(ZHAO, ("party_branch", "330421103202"), ("supervisory_committee", VILLAGE))
    assert not standing_in.seated(moved, [absence()], plan(), FRIDAY).has("village_head", VILLAGE)


def test_nobody_stands_in_by_way_of_another_absence() -> None:
    chain = [absence(), absence("party_branch", who=ZHAO, deputy=Person("li", "李", "li-key"))]
    last = standing_in.seated(caller(chain[1].deputy or ZHAO, ("two_committees", VILLAGE)), chain, plan(), FRIDAY)
    assert last.roles_in(VILLAGE) == {"two_committees", "party_branch"}


@pytest.mark.parametrize(
    ("person", "grant", "may"),
    [
        (Person("zhou", "周", "zhou-key"), ("town_leader", TOWN), True),
        (Person("zhou", "周", "zhou-key"), ("town_leader", "330421104000"), False),
        (Person("li", "李", "li-key"), ("handler", VILLAGE), False),
        (WANG, ("town_leader", TOWN), False),
        (ZHAO, ("town_leader", TOWN), False),
        (Person("again", "王", "wang-key"), ("town_leader", TOWN), False),
    ],
)
def test_a_third_person_approves(person: Person, grant: tuple[str, str], may: bool) -> None:
    assert may_decide(caller(person, grant), absence(approved=None), plan()) is may


def test_the_head_has_no_say_in_who_supervises_him() -> None:
    head, leader = (
        caller(Person("x", "x", "x"), grant) for grant in (("village_head", VILLAGE), ("town_leader", TOWN))
    )
    asked = absence("supervisory_committee", approved=None)
    assert not may_decide(head, asked, plan())
    assert may_decide(leader, asked, plan())
    assert may_decide(head, absence("handler", approved=None), plan())


def event(person: Person, role: str, on_behalf: Person | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"actor": {"person_key": person.person_key, "name": person.name, "role": role}}
    if on_behalf:
        told["on_behalf_of"] = {"person_key": on_behalf.person_key, "name": on_behalf.name, "role": role}
    return told


def test_a_deputy_takes_one_part_in_a_case() -> None:
    zhao = caller(ZHAO, ("handler", VILLAGE))
    held = absence()
    standing_in.check_four_eyes([event(WANG, "handler")], zhao, "village_head", held)
    standing_in.check_four_eyes([event(ZHAO, "village_head", WANG)], zhao, "village_head", held)
    standing_in.check_four_eyes([event(ZHAO, "handler")], zhao, "reporting_clerk", None)
    with pytest.raises(FourEyes):
        standing_in.check_four_eyes([event(ZHAO, "handler")], zhao, "village_head", held)
    with pytest.raises(FourEyes):
        standing_in.check_four_eyes([event(ZHAO, "village_head", WANG)], zhao, "handler", None)


def test_an_absence_without_a_deputy_falls_to_the_others_of_the_role() -> None:
    other, elsewhere = caller(ZHAO, ("handler", VILLAGE)), caller(ZHAO, ("handler", "330421103202"))
    alone = absence("handler", deputy=None, approved=None)
    waiting = absence("handler", deputy=Person("x", "x", "x"), approved=None)
    covered = absence("handler", deputy=Person("x", "x", "x"))
    assert of_role([alone, waiting, covered], other, FRIDAY) == [alone, waiting]
    assert of_role([alone], elsewhere, FRIDAY) == []
    assert of_role([alone], caller(WANG, ("handler", VILLAGE)), FRIDAY) == []


def prompt(grade: str) -> Prompt:
    told = {"zh": "拆分采购", "en": "Split purchases"}
    return Prompt.model_validate({"rule_id": "A001", "grade": grade, "title": told, "explanation": told})


def test_a_batch_goes_on_only_where_the_detector_has_looked_and_its_prompts_were_read() -> None:
    assert batch.check_prompts([], "") == []
    with pytest.raises(DetectorAway):
        batch.check_prompts(None, "")
    red, yellow = [prompt("red")], [prompt("yellow")]
    for read in ("", digest(red)):
        with pytest.raises(StoppedByPrompt):
            batch.check_prompts(red, read)
    with pytest.raises(PromptsUnread) as unread:
        batch.check_prompts(yellow, digest(red))
    assert batch.check_prompts(yellow, unread.value.members["prompts_read"]) == yellow


def test_a_batch_files_shared_papers_and_else_each_cases_own_latest() -> None:
    node = batch.node_of("PR2-02")
    old, new = ("a" * 64, "旧.pdf"), ("b" * 64, "新.pdf")
    log = [
        LogEntry(
            number,
            "case.node_completed.v1",
            FRIDAY,
            FRIDAY,
            {"documents": [{"kind": "minutes", "sha256": sha256, "name": name, "size": 1}]},
        )
        for number, (sha256, name) in enumerate([old, new], start=1)
    ]
    shared = [FiledPaper("sign_in", "c" * 64, "签到.pdf")]
    assert batch.papers_for(node, shared, log) == [*shared, FiledPaper("minutes", *new)]
    both = [*shared, FiledPaper("minutes", "d" * 64, "纪要.pdf")]
    assert batch.papers_for(node, both, log) == both


def test_a_seated_caller_keeps_his_name() -> None:
    seated = standing_in.seated(caller(ZHAO, ("party_branch", VILLAGE)), [absence()], plan(), FRIDAY)
    assert isinstance(seated, Seated)
    held = standing_in.behind(seated, "village_head", VILLAGE)
    assert (seated.subject, held and held.who.name) == ("zhao", "王建国")
    assert standing_in.behind(seated, "party_branch", VILLAGE) is None


def test_the_file_of_a_case_tells_every_kind_of_event_and_whom_somebody_stood_in_for() -> None:
    actor = {"person_key": "k", "name": "李晓明", "role": "handler"}
    by = {"actor": actor}
    paper = {"kind": "minutes", "sha256": "a" * 64, "name": "纪要.pdf", "size": 12}
    ballot = {"person_key": "k", "name": "王建国", "vote": "for", "cast_at": "2026-11-27T02:00:00Z"}
    told: list[tuple[str, dict[str, Any]]] = [
        ("case.opened.v1", by | {"fields": {"estimate_fen": 120000}}),
        ("case.node_completed.v1", by | {"node": "PR2-01", "on_behalf_of": actor | {"name": "沈丽华"}}),
        ("case.ballot_cast.v1", by | {"node": "PR2-02", "ballot": ballot}),
        ("case.node_completed.v1", by | {"node": "PR2-02", "documents": [paper], "ballots": [ballot]}),
        ("case.amended.v1", by | {"node": "PR2-01", "reason": "写错", "before": {"budget_fen": 100}}),
        ("case.suspended.v1", by | {"node": "PR2-03", "reason": "等批复", "until": "2026-12-31"}),
        ("case.node_returned.v1", by | {"node": "PR2-03", "to_node": "PR2-01", "reason": "缺报价"}),
        ("case.archived.v1", by | {"archive_no": "A-1", "documents": 1, "digest": "b" * 64}),
    ]
    log = [LogEntry(n, kind, FRIDAY, FRIDAY, data) for n, (kind, data) in enumerate(told, start=1)]
    opened, _ = Case.open(
        flows.load().flow("PR2"),
        case_id=str(uuid4()),
        case_no="1",
        title="采购",
        village_code=VILLAGE,
        by=RoleHolder("k", "李晓明", frozenset({"handler"})),
        fields=NodeFields(item="纸", reason="日常办公", estimate_fen=120000),
        now=FRIDAY,
    )
    seen = Opened(opened, flows.load().flow("PR2"), log, Actions())
    struck = Comment(uuid4(), uuid4(), None, "写错的话", (), "li", "李晓明", FRIDAY, FRIDAY, "李晓明", "写错了")
    printed = case_file.paper(seen, [struck], flows.load(), printed_by="何清", now=FRIDAY)
    words = json.dumps(printed, ensure_ascii=False)
    for said in ("1,200.00 元", "李晓明(代 沈丽华)", "王建国 同意", "更正前 预算金额:1.00 元", "至 2026-12-31"):
        assert said in words, said
    for said in ("退回到 PR2-01", "理由:缺报价", "档号 A-1", "a" * 64, "写错了"):
        assert said in words, said
    assert [each[2] for each in printed["papers"]] == ["纪要.pdf"]
