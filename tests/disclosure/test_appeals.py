"""The life of an appeal, its desk, its number: pure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.disclosure.appeals import lifecycle, number, routing
from services.disclosure.appeals.errors import Mend, NotNow
from services.disclosure.appeals.lifecycle import Appeal, Reply, Step
from services.disclosure.appeals.plan import Level, plan
from shared.contracts.appeals import AppealForwarded, Kind
from shared.principals import Grant, Principal

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
VILLAGE, TOWN, COUNTY = "330421107201", "330421107000", "330421000000"
POST = f"town_secretary@{TOWN}"
SECRET = "a-secret-of-the-tests"


def appeal(kind: Kind = "complaint", concerns: Level = "village") -> Appeal:
    return lifecycle.new("a1", VILLAGE, kind, concerns, ("c1", "EN2-1"), NOW, plan())


def taken(one: Appeal, at: datetime = NOW) -> Appeal:
    return lifecycle.take_up(one, POST, at).appeal


def answered(one: Appeal, at: datetime = NOW) -> Appeal:
    return lifecycle.reply(taken(one), Reply("已核实,灯已装好"), POST, at, plan()).appeal


def test_the_town_handles_what_concerns_the_village_and_never_what_concerns_the_town() -> None:
    assert appeal().desk == TOWN
    assert appeal(concerns="town").desk == COUNTY
    assert POST not in routing.readers(COUNTY, "complaint", plan())
    assert f"county_secretary@{COUNTY}" in routing.readers(TOWN, "complaint", plan())
    assert f"town_inspector@{TOWN}" not in routing.readers(TOWN, "report", plan())


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("村里的路灯坏了", "village"),
        ("听说是镇长的亲戚中标", "town"),
        ("鎮長 的親戚", "town"),
        ("县民政局一直不批", "county"),
        ("The town secretary knows", "town"),
    ],
)
def test_posts_named_in_the_text_take_it_past_their_desk(text: str, level: Level) -> None:
    assert routing.concerned_level("village", text, plan()) == level


def test_what_its_author_says_is_never_lowered_by_the_text() -> None:
    assert routing.concerned_level("county", "镇长说的", plan()) == "county"


def test_who_is_named_or_serves_in_the_village_stands_aside() -> None:
    def person(name: str, *grants: str) -> Principal:
        return Principal("x", name, "k", frozenset(Grant.parse(each) or Grant("", "") for each in grants))

    assert routing.stands_aside(person("徐正平", POST), VILLAGE, ("徐 正平拿了好处",))
    assert routing.stands_aside(person("李四", POST, f"village_head@{VILLAGE}"), VILLAGE, ("路灯",))
    assert not routing.stands_aside(person("李四", POST), VILLAGE, ("徐正平拿了好处",))


def test_terms_run_in_working_days_and_end_at_midnight() -> None:
    one = appeal()
    assert one.due_by == datetime(2026, 3, 3, 16, tzinfo=UTC)
    assert taken(one).due_by == datetime(2026, 3, 17, 16, tzinfo=UTC)


def test_silence_escalates_to_the_county_once_and_an_answer_nobody_refuses_is_closed() -> None:
    one = appeal()
    assert lifecycle.lapse(one, NOW, plan()) is None
    assert one.due_by
    late = lifecycle.lapse(one, one.due_by, plan())
    assert late
    assert (late.appeal.desk, late.appeal.overdue, late.entry.kind) == (COUNTY, True, "overdue")
    at, told = late.appeal, 1
    while at.due_by and (more := lifecycle.lapse(at, at.due_by, plan())):
        at, told = more.appeal, told + 1
    assert told <= 3
    assert at.desk == COUNTY
    closed = lifecycle.lapse(answered(appeal()), NOW + timedelta(days=40), plan())
    assert closed
    assert closed.appeal.state == "closed"
    refused = lifecycle.rate(answered(appeal()), False, "", NOW).appeal
    assert lifecycle.lapse(refused, NOW + timedelta(days=40), plan()) is None


def test_nothing_is_closed_without_an_answer_or_against_its_author() -> None:
    with pytest.raises(NotNow):
        lifecycle.close(taken(appeal()), POST, NOW)
    refused = lifecycle.rate(answered(appeal()), False, "没有去看", NOW).appeal
    with pytest.raises(NotNow):
        lifecycle.close(refused, POST, NOW)
    again = lifecycle.reply(refused, Reply("再次核实"), POST, NOW, plan()).appeal
    assert again.redone_at == NOW
    assert lifecycle.close(again, POST, NOW).appeal.state == "closed"


def test_a_report_of_wrongdoing_is_never_published_counted_or_told_with_its_case() -> None:
    step = lifecycle.file(appeal("report"), "村书记吃回扣")
    assert step.event
    assert (step.event.case_id, step.event.case_no) == (None, None)
    assert "吃回扣" not in step.event.model_dump_json()
    with pytest.raises(NotNow):
        lifecycle.reply(taken(appeal("report")), Reply("已立案", True, "举报"), POST, NOW, plan())
    assert answered(appeal("report")).counted == (0, 0, 0)


def test_a_public_answer_says_what_was_asked_in_the_desks_own_words() -> None:
    with pytest.raises(Mend) as error:
        lifecycle.reply(taken(appeal()), Reply("已装好", True), POST, NOW, plan())
    assert [each.field for each in error.value.errors] == ["about"]


def test_an_extension_is_had_once_and_never_past_the_longest_term() -> None:
    one = taken(appeal())
    longer = lifecycle.extend(one, "等检测报告", POST, NOW, plan()).appeal
    assert longer.due_by == datetime(2026, 3, 22, 16, tzinfo=UTC)
    with pytest.raises(NotNow):
        lifecycle.extend(longer, "再等", POST, NOW, plan())
    with pytest.raises(NotNow):
        lifecycle.extend(one, "等", POST, one.answer_by, plan())


DEEDS = ("take_up", "reply", "up", "down", "extend", "close", "add", "satisfied", "unsatisfied", "reopen", "lapse")


def do(one: Appeal, deed: str, now: datetime) -> Step | None:
    match deed:
        case "take_up":
            return lifecycle.take_up(one, POST, now)
        case "reply":
            return lifecycle.reply(one, Reply("答复"), POST, now, plan())
        case "up":
            return lifecycle.forward(one, COUNTY, "涉及镇里", POST, now, plan())
        case "down":
            return lifecycle.forward(one, TOWN, "由镇办理", POST, now, plan())
        case "extend":
            return lifecycle.extend(one, "等报告", POST, now, plan())
        case "close":
            return lifecycle.close(one, POST, now)
        case "add":
            return lifecycle.add(one, "补充" if now.day % 3 else "镇长知情", 0, now, plan())
        case "satisfied" | "unsatisfied":
            return lifecycle.rate(one, deed == "satisfied", "", now)
        case "reopen":
            return lifecycle.reopen(one, "没解决", now, plan())
    return lifecycle.lapse(one, now, plan())


@given(
    concerns=st.sampled_from(("village", "town", "county")),
    deeds=st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 30)), max_size=25),
)
def test_whatever_is_tried_the_life_holds(concerns: Level, deeds: list[tuple[str, int]]) -> None:
    one, now, replied, reopened = appeal(concerns=concerns), NOW, False, 0
    for deed, days in deeds:
        now += timedelta(days=days)
        before = one
        try:
            step = do(one, deed, now)
        except (NotNow, Mend):
            continue
        if step is None:
            continue
        one = step.appeal
        assert one.revision == before.revision + 1
        assert step.entry.at == now
        assert step.event is None or (step.event.revision, step.event.state) == (one.revision, one.state)
        replied = (replied or deed == "reply") and deed != "reopen"
        assert one.state != "closed" or replied
        if deed == "reopen":
            reopened += 1
            assert one.desk == (routing.above(before.desk) or before.desk)
            assert one.state == "filed"
        assert not (concerns != "village" and one.desk == TOWN)
        assert one.answered_at is None or one.accepted_at is not None
        assert one.filed_at == NOW
    assert reopened <= 1


@given(st.text(min_size=1, max_size=20))
def test_a_number_is_read_however_it_is_grouped_and_a_wrong_digit_is_found(token: str) -> None:
    made = number.number_of(token, SECRET)
    assert number.read(number.grouped(made)) == made == number.number_of(token, SECRET)
    assert number.read(f" {made[:7]}-{made[7:]}。") == made
    for at in (0, 7, 19):
        wrong = made[:at] + str((int(made[at]) + 1) % 10) + made[at + 1 :]
        assert number.read(wrong) is None
    assert number.read(made[:-1]) is None
    assert made not in number.key_of(made, SECRET)


def test_what_is_added_takes_it_past_the_town_when_it_names_the_town() -> None:
    one = taken(appeal())
    assert lifecycle.add(one, "还有照片", 1, NOW, plan()).event is None
    moved = lifecycle.add(one, "镇长也知道这件事", 0, NOW, plan())
    assert (moved.appeal.desk, moved.appeal.state, moved.appeal.concerns) == (COUNTY, "filed", "town")
    assert isinstance(moved.event, AppealForwarded)
    assert lifecycle.targets(moved.appeal) == ()


def test_a_reopened_appeal_doesnt_go_down_again() -> None:
    again = lifecycle.reopen(answered(appeal()), "没解决", NOW, plan()).appeal
    assert again.desk == COUNTY
    assert TOWN not in lifecycle.targets(again)
    assert lifecycle.targets(replace(again, round=1)) == (TOWN,)
