"""What may happen to an alert."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from services.notifier.errors import MoveNeedsMore, MoveNotYours, MoveOutOfOrder, PersonUnknown, Recused
from services.notifier.handling import lifecycle
from services.notifier.handling.lifecycle import THE_SYSTEM, Actor, Move
from tests.notifier.samples import COUNTY, NOW, about, alert

SECRETARY = Actor(frozenset({"town_secretary"}), person_key="wang", subject="wang", name="王书记")
INSPECTOR = Actor(frozenset({"town_inspector"}))
HANDLER = Actor(frozenset({"handler"}))


def walk(*wishes: Move, state: str = "pushed", actor: Actor = SECRETARY, grade: str = "red") -> str:
    for wish in wishes:
        state = lifecycle.change(alert(grade=grade), state, wish, actor, NOW).state_to
    return state


def test_a_red_alert_walks_to_an_outcome() -> None:
    end = walk(
        Move("acknowledged"),
        Move("verifying"),
        Move("fed_back", "查明分三次采购"),
        Move("rectifying", "责令整改"),
        Move("downgraded", "主动退款"),
        Move("closed_rectified", "已整改", "reminder_talk"),
    )
    assert end in lifecycle.finished()


def test_a_lowered_red_alert_counts_as_yellow() -> None:
    assert lifecycle.change(alert(), "rectifying", Move("downgraded", "x"), SECRETARY, NOW).grade == "yellow"


def test_the_event_names_the_role_and_both_states() -> None:
    told = lifecycle.change(alert(), "pushed", Move("acknowledged"), SECRETARY, NOW)
    assert (told.by_role, told.state_from, told.state_to) == ("town_secretary", "pushed", "acknowledged")


def test_no_step_is_skipped() -> None:
    with pytest.raises(MoveOutOfOrder):
        walk(Move("fed_back", "x"))


def test_nothing_leads_out_of_a_finished_alert() -> None:
    for state in lifecycle.finished():
        assert lifecycle.choices(alert(), state, SECRETARY) == []


@pytest.mark.parametrize("actor", [INSPECTOR, HANDLER])
def test_only_a_judge_ends_a_red_alert(actor: Actor) -> None:
    with pytest.raises(MoveNotYours):
        walk(Move("no_action", "x", "explanation_accepted", "other"), state="fed_back", actor=actor)


def test_the_inspector_judges_a_yellow_one() -> None:
    wish = Move("no_action", "说明合理", "explanation_accepted", "other")
    assert walk(wish, state="fed_back", actor=INSPECTOR, grade="yellow") == "no_action"


def test_a_form_says_all_that_is_missing() -> None:
    with pytest.raises(MoveNeedsMore) as refused:
        walk(Move("no_action"), state="fed_back")
    assert [error.field for error in refused.value.errors] == ["note", "outcome", "explanation"]


@pytest.mark.parametrize("wish", [Move("nowhere"), Move("acknowledged", outcome="rectified")])
def test_an_unknown_state_or_a_needless_outcome_is_refused(wish: Move) -> None:
    with pytest.raises(MoveNeedsMore):
        walk(wish)


def test_whom_it_concerns_must_stand_aside() -> None:
    concerned = alert(about=(about("county", COUNTY, "wang"),))
    with pytest.raises(Recused):
        lifecycle.change(concerned, "pushed", Move("acknowledged"), SECRETARY, NOW)
    assert lifecycle.choices(concerned, "pushed", SECRETARY) == []


def test_who_is_not_known_by_person_may_not_handle_an_alert_about_somebody() -> None:
    concerned = alert(about=(about("village", "330421107201", "li"),))
    nameless = replace(SECRETARY, person_key="")
    with pytest.raises(PersonUnknown) as refused:
        lifecycle.change(concerned, "pushed", Move("acknowledged"), nameless, NOW)
    assert "person_key" in refused.value.detail_zh
    assert "person_key" in refused.value.detail_en
    assert lifecycle.choices(concerned, "pushed", nameless) == []
    assert lifecycle.change(alert(), "pushed", Move("acknowledged"), nameless, NOW)
    assert lifecycle.change(concerned, "not_pushed", Move("pushed"), THE_SYSTEM, NOW)


def test_kin_stand_aside_too() -> None:
    concerned = alert(about=(about("village", "330421107201", "li").model_copy(update={"kin": ("wang",)}),))
    with pytest.raises(Recused):
        lifecycle.change(concerned, "pushed", Move("acknowledged"), SECRETARY, NOW)
    assert lifecycle.choices(concerned, "pushed", SECRETARY) == []


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (Move("closed_rectified", "x", "rectified", recovered_fen=-1), "recovered_fen"),
        (Move("closed_rectified", "x", "rectified", recovered_fen=10**12 + 1), "recovered_fen"),
        (Move("closed_rectified", "x", "rectified", people=-1), "people"),
        (Move("closed_rectified", "x", "rectified", people=1001), "people"),
        (Move("clue", "x", recovered_fen=5), "recovered_fen"),
        (Move("clue", "x", people=1), "people"),
        (Move("clue", "x", explanation="other"), "explanation"),
    ],
)
def test_money_people_and_explanations_must_fit(wish: Move, field: str) -> None:
    with pytest.raises(MoveNeedsMore) as refused:
        walk(wish, state="rectifying")
    assert [error.field for error in refused.value.errors] == [field]
    assert all(error.zh and error.en for error in refused.value.errors)


def test_an_explanation_is_the_alerts_own_or_another() -> None:
    codes = list(lifecycle.explanations(alert()))
    assert codes[-1] == "other"
    assert list(lifecycle.explanations(alert(revision=7))) == codes
    for code in codes:
        assert walk(Move("no_action", "x", "explanation_accepted", code), state="fed_back") == "no_action"
    with pytest.raises(MoveNeedsMore) as refused:
        walk(Move("no_action", "x", "explanation_accepted", "f00"), state="fed_back")
    assert codes[0] in refused.value.errors[0].en


def test_terms() -> None:
    friday = datetime(2026, 3, 6, 8, tzinfo=UTC)
    assert lifecycle.due("pushed", "red", friday) == datetime(2026, 3, 7, 8, tzinfo=UTC)
    assert lifecycle.due("pushed", "yellow", friday) == datetime(2026, 3, 9, 16, tzinfo=UTC)
    assert lifecycle.due("rectifying", "red", friday) == datetime(2026, 4, 5, 16, tzinfo=UTC)
    assert lifecycle.due("pushed", "prompt", friday) is None
    assert lifecycle.due("reviewed", "red", friday) is None


def test_a_book_without_a_term_or_with_a_judgement_without_outcome_is_refused() -> None:
    data = yaml.safe_load((Path(lifecycle.__file__).with_name("lifecycle.yaml")).read_text(encoding="utf-8"))
    with pytest.raises(ValidationError, match="without terms"):
        lifecycle.Book.model_validate(data | {"terms": {k: v for k, v in data["terms"].items() if k != "watch"}})
    with pytest.raises(ValidationError, match="one of hours"):
        lifecycle.Book.model_validate(data | {"terms": data["terms"] | {"watch": {"red": {}}}})
    bare = [move for move in data["transitions"] if not move.get("outcomes")]
    with pytest.raises(ValidationError, match="needs an outcome"):
        lifecycle.Book.model_validate(
            data | {"transitions": [*bare, {"from": ["clue"], "to": "no_action", "by": "judge", "zh": "x", "en": "x"}]}
        )
