"""How loud a change is: what rings, what is put off, and what is never kept quiet."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier.noise import noise
from services.notifier.noise.noise import Heard, Verdict
from services.notifier.noise.silences import Matchers, Silence
from services.notifier.routing.routing import Desk, graver
from services.notifier.standing import Change, Kind, Standing
from shared.contracts.alerts import Grade, Party
from tests.notifier.samples import COUNTY, NOW, OTHER_TOWN, TOWN, VILLAGE, about, alert

DESKS = {"red": f"town_secretary@{TOWN}", "yellow": f"town_inspector@{TOWN}", "prompt": f"handler@{VILLAGE}"}
GRADES: tuple[Grade, ...] = ("red", "yellow", "prompt")
SPLIT, ACCEPTANCE = "A075", "A031"


def standing(desk: str = "", state: str = "pushed", **changed: object) -> Standing:
    found = alert(**{"rule_id": SPLIT, "case_ids": ("c1",)} | changed)
    return Standing(found, 1, state, (Desk.at(desk or DESKS[found.grade]),), NOW, NOW)


def change(held: Standing, kind: Kind = "raised", after: timedelta = timedelta(0), **changed: str) -> Change:
    return Change(kind, held, NOW + after, changed.get("state_from", "not_pushed"))


def heard(*changes: Change, silences: Sequence[Silence] = ()) -> list[Verdict]:
    return noise.hear_all(changes, {}, silences)[1]


def silence(**changed: object) -> Silence:
    made = Silence(
        id=uuid.UUID(int=1),
        matchers=Matchers(TOWN, frozenset({"yellow", "prompt"}), rule_id=SPLIT),
        reason="集中整改",
        ends_at=NOW + timedelta(days=5),
        state="approved",
        proposed_by="wang",
        proposed_name="王",
        proposed_at=NOW,
        people=frozenset({"wang-key", "chen-key"}),
        approved_role="town_secretary",
    )
    return replace(made, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize("grade", GRADES)
def test_the_first_rings(grade: Grade) -> None:
    assert heard(change(standing(grade=grade))) == [noise.RING]


def test_further_ones_of_a_case_are_put_off_and_counted() -> None:
    told = heard(*(change(standing(grade="yellow", rule_id=rule)) for rule in (SPLIT, ACCEPTANCE, "A085")))
    assert [one.loudness for one in told] == ["ring", "digest", "digest"]
    assert [one.muted.reason.zh[-8:] for one in told if one.muted] == [",同组第 2 条", ",同组第 3 条"]
    assert {one.muted.id for one in told if one.muted} == {"case:c1"}


def test_one_party_in_two_cases_is_a_group() -> None:
    supplier = Party(kind="company", key="91330421MA0000000X", name="某某建设")
    pair = [standing(grade="yellow", case_ids=(case,), parties=(supplier,)) for case in ("c1", "c2")]
    first, second = heard(*map(change, pair))
    assert (first.loudness, second.loudness) == ("ring", "digest")
    assert second.muted
    assert second.muted.id == "party:company:91330421MA0000000X"


def test_a_desk_that_has_not_heard_of_the_group_hears_it_ring() -> None:
    other = standing(f"town_inspector@{OTHER_TOWN}", grade="yellow")
    assert [one.loudness for one in heard(change(standing(grade="yellow")), change(other))] == ["ring", "ring"]


def test_after_its_time_a_group_rings_again() -> None:
    later = change(standing(grade="yellow", rule_id=ACCEPTANCE), after=timedelta(hours=24))
    assert [one.loudness for one in heard(change(standing(grade="yellow")), later)] == ["ring", "ring"]


def test_what_rang_and_is_closed_mutes_nothing() -> None:
    first = standing(grade="yellow")
    closed = replace(first, state="withdrawn")
    told = heard(change(first), change(closed, "withdrawn"), change(standing(grade="yellow", rule_id=ACCEPTANCE)))
    assert [one.loudness for one in told] == ["ring", "quiet", "ring"]


def test_updates_do_not_ring_and_what_turns_graver_does() -> None:
    held = standing(grade="yellow")
    red = replace(held, alert=held.alert.model_copy(update={"grade": "red"}))
    told = heard(change(held), change(held, "updated"), change(red, "aggravated"), change(red, "moved"))
    assert [one.loudness for one in told] == ["ring", "quiet", "ring", "quiet"]
    assert told[1].muted
    assert told[1].muted.kind == "follow_up"


def test_what_is_reopened_rings_whoever_reopens_it() -> None:
    held = standing(state="reopened")
    for kind in ("moved", "reopened"):
        assert heard(change(held, kind, state_from="no_action")) == [noise.RING]


def test_a_standing_red_keeps_its_yellow_quiet_and_names_itself_to_nobody() -> None:
    red, yellow = standing(), standing(grade="yellow", rule_id="A045")
    told = heard(change(red), change(yellow))[1]
    assert (told.loudness, told.cause) == ("quiet", noise.Cause("red", red.alert.alert_id))
    assert told.muted
    assert (told.muted.kind, told.muted.id) == ("held", None)
    assert "红" not in told.muted.reason.zh
    assert "red" not in told.muted.reason.en


def test_a_red_says_nothing_of_other_facts_or_cases_and_nothing_once_it_is_over() -> None:
    red = standing()
    for yellow in (standing(grade="yellow", rule_id=ACCEPTANCE), standing(grade="yellow", case_ids=("c2",))):
        assert heard(change(red), change(yellow))[1] == noise.RING
    over = change(replace(red, state="withdrawn"), "withdrawn")
    assert heard(change(red), over, change(standing(grade="yellow")))[2] == noise.RING


def test_what_was_kept_quiet_rings_when_it_is_judged_anew_and_the_red_is_over() -> None:
    red, yellow = standing(), standing(grade="yellow")
    over = change(replace(red, state="closed_rectified"), "moved")
    assert heard(change(red), change(yellow), over, change(yellow, "unmuted"))[3] == noise.RING


def test_past_its_term_it_rings_beside_a_red_and_under_a_silence() -> None:
    yellow = standing(grade="yellow")
    told = heard(change(standing()), change(yellow), change(yellow, "escalated"), silences=[silence()])
    assert [one.loudness for one in told] == ["ring", "quiet", "ring"]


def test_a_silence_keeps_quiet_what_fits_until_its_end() -> None:
    yellow = change(standing(grade="yellow"))
    (told,) = heard(yellow, silences=[silence()])
    assert (told.loudness, told.cause) == ("quiet", noise.Cause("silence", str(silence().id)))
    assert told.muted
    assert "集中整改" not in told.muted.reason.zh
    for other in (
        silence(state="proposed"),
        silence(state="ended"),
        silence(ends_at=NOW),
        silence(matchers=Matchers(OTHER_TOWN, frozenset(GRADES), rule_id=SPLIT)),
        silence(matchers=Matchers(TOWN, frozenset(GRADES), rule_id=SPLIT, case="c2")),
        silence(matchers=Matchers(TOWN, frozenset(GRADES), party="someone")),
        silence(matchers=Matchers(TOWN, frozenset(GRADES), matter="RE")),
    ):
        assert heard(yellow, silences=[other]) == [noise.RING]


def test_a_red_rings_under_a_silence_that_does_not_name_red() -> None:
    assert heard(change(standing()), silences=[silence()]) == [noise.RING]
    county = silence(matchers=Matchers(TOWN, frozenset(GRADES), rule_id=SPLIT), approved_role="county_secretary")
    assert heard(change(standing()), silences=[county])[0].loudness == "quiet"


def test_nobody_silences_what_is_about_himself_or_a_town_what_passes_over_it() -> None:
    for person in (about("village", VILLAGE, "wang-key"), about("town", TOWN, "somebody")):
        assert heard(change(standing(grade="yellow", about=(person,))), silences=[silence()]) == [noise.RING]
    kin = about("village", VILLAGE).model_copy(update={"kin": ("chen-key",)})
    assert heard(change(standing(grade="yellow", about=(kin,))), silences=[silence()]) == [noise.RING]
    by_county = silence(approved_role="county_secretary")
    of_town = change(standing(grade="yellow", about=(about("county", COUNTY),)))
    assert heard(of_town, silences=[by_county])[0].loudness == "quiet"


def test_digests_are_due_at_working_hours_and_pressing_ones_each_half_hour() -> None:
    rhythms = noise.book().digests
    for now, due in (
        (datetime(2026, 3, 2, 0, 59, tzinfo=UTC), datetime(2026, 2, 28, 9, tzinfo=UTC)),  # a Saturday that is worked
        (datetime(2026, 3, 2, 1, 0, tzinfo=UTC), datetime(2026, 3, 2, 1, tzinfo=UTC)),
        (datetime(2026, 3, 2, 20, 0, tzinfo=UTC), datetime(2026, 3, 2, 9, tzinfo=UTC)),
    ):
        assert noise.last_due(rhythms["working_hours"], now) == due
    assert noise.last_due(rhythms["pressing"], datetime(2026, 3, 1, 20, 44, tzinfo=UTC)) == datetime(
        2026, 3, 1, 20, 30, tzinfo=UTC
    )


@st.composite
def stories(draw: st.DrawFn) -> list[Change]:
    """Some alerts of few cases, parties and rules, and what happens to them, in any order of alerts."""
    parties = [(), (Party(kind="person", key="p1"),)]
    held = [
        standing(
            alert_id=str(uuid.UUID(int=n + 1)),
            grade=draw(st.sampled_from(GRADES)),
            rule_id=draw(st.sampled_from([SPLIT, "A045", ACCEPTANCE])),
            case_ids=(draw(st.sampled_from(["c1", "c2"])),),
            parties=draw(st.sampled_from(parties)),
        )
        for n in range(draw(st.integers(1, 6)))
    ]
    told: list[Change] = []
    minutes, raised = 0, set[int]()
    for _ in range(draw(st.integers(1, 20))):
        n = draw(st.integers(0, len(held) - 1))
        minutes += draw(st.sampled_from([0, 1, 8, 600]))
        if n not in raised:
            kind: Kind = "raised"
        elif held[n].state == "withdrawn":
            continue
        else:
            kind = draw(st.sampled_from(["updated", "escalated", "withdrawn", "unmuted", "moved"]))
        raised.add(n)
        held[n] = replace(held[n], state="withdrawn" if kind == "withdrawn" else "pushed")
        told.append(change(held[n], kind, timedelta(minutes=minutes), state_from="pushed"))
    return told


SILENCES = st.sampled_from([(), (silence(),)])


@settings(max_examples=200, deadline=None)
@given(stories(), SILENCES, st.data())
def test_parts_of_any_size_come_to_the_same(
    story: list[Change], silences: tuple[Silence, ...], data: st.DataObject
) -> None:
    whole, verdicts = noise.hear_all(story, {}, silences)
    known: Mapping[str, Heard] = {}
    parts: list[Verdict] = []
    rest = story
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        touched, some = noise.hear_all(rest[:size], known, silences)
        known, parts, rest = {**known, **touched}, [*parts, *some], rest[size:]
    assert (known, parts) == (whole, verdicts)


@settings(max_examples=300, deadline=None)
@given(stories(), SILENCES)
def test_a_red_is_never_less_loud_than_what_is_milder_on_the_same_facts(
    story: list[Change], silences: tuple[Silence, ...]
) -> None:
    known: dict[str, Heard] = {}
    scale = ("quiet", "digest", "ring")
    for one in story:
        now, verdict = noise.hear(one, noise.Known(known.values()), silences)
        for other in known.values():
            if not other.open or not other.facts & now.facts or other.alert_id == now.alert_id:
                continue
            if one.kind in ("raised", "unmuted") and now.grade == "red" and other.grade != "red":
                assert scale.index(verdict.loudness) >= scale.index(other.loudness)
            if one.kind in ("raised", "unmuted") and other.grade == "red" and now.grade != "red":
                assert verdict.loudness == "quiet"
        known[now.alert_id] = now


@settings(max_examples=300, deadline=None)
@given(stories(), SILENCES)
def test_what_does_not_ring_says_why_and_what_is_past_its_term_rings(
    story: list[Change], silences: tuple[Silence, ...]
) -> None:
    for one, verdict in zip(story, heard(*story, silences=silences), strict=True):
        assert (verdict.loudness == "ring") == (verdict.muted is None)
        if verdict.muted:
            assert verdict.muted.reason.zh
            assert verdict.muted.reason.en
        if one.kind == "escalated":
            assert verdict == noise.RING


@settings(max_examples=300, deadline=None)
@given(stories().map(lambda story: [one for one in story if one.kind == "raised"]), st.randoms())
def test_in_any_order_the_gravest_of_each_case_has_rung_on_its_desk(story: list[Change], random: object) -> None:
    random.shuffle(story)  # type: ignore[attr-defined]
    known, _ = noise.hear_all([replace(one, at=NOW) for one in story], {}, ())
    for one in known.values():
        same = [other for other in known.values() if other.groups & one.groups]
        if not any(graver(other.grade, one.grade) for other in same):
            assert any(other.grade == one.grade and other.loudness == "ring" for other in same)


def test_what_nobody_thought_of_rings() -> None:
    assert "stood_in" not in noise.book().changes
    assert heard(change(standing(), "stood_in")) == [noise.RING]
