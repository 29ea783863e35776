"""Joint decisions: who votes, what carries, what is void, and that each vote counts once."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.approval import errors
from services.approval.amending import fixed_at
from services.approval.cases import Case, RoleHolder
from services.approval.changes import waits_for
from services.approval.flows import CatalogueError, load
from services.approval.joint import Joint, Vote, check_carried, concerned, tally
from services.approval.told import Told
from shared.contracts.power import BallotCast, Bid, Grant, NodeFields
from shared.problems import Problem
from tests.approval.test_cases import LI, MONDAY, ballots, filled, flow, opened, papers, refused
from tests.approval.test_cases import at as waiting_at
from tests.approval.test_flows import NAME, WORDS, node, read_from, written
from tests.approval.test_flows import flow as entry

VILLAGE_MATTER, ASSET, PARTY = (
    joint for key in ("EN2-04", "AS1-06", "EN3-04") if (joint := load().flow(key[:3]).node(key).joint)
)
HEAD = RoleHolder("p:head", "王建国", frozenset({"village_head", "party_branch", "two_committees"}))


def member(number: int, role: str = "two_committees") -> RoleHolder:
    return RoleHolder(f"p:{number}", f"委员{number}", frozenset({role}))


def cast(case: Case, vote: Vote, by: RoleHolder, now: datetime = MONDAY, **asked: Any) -> tuple[Case, BallotCast]:
    told: dict[str, Any] = {"node": case.node, "concerned": ()} | asked
    return case.cast(flow(case.flow), vote=vote, by=by, now=now, **told)


def ratifying() -> Case:
    """An emergency purchase that waits for the two committees' ratification."""
    return waiting_at("PR4-05")[0]


def closed(case: Case, due: int, by: RoleHolder = LI, **said: Any) -> tuple[Case, Any]:
    """The vote closed with its minutes, as the clerk does it."""
    at = flow(case.flow).node(case.node or "")
    if "attendees_due" in {use.name for use in at.form}:
        said["attendees_due"] = due
    form = filled(at.form, **said)
    return case.complete(flow(case.flow), node=at.code, by=by, fields=form, documents=papers(at), now=case.last_at)


def voted(case: Case, *votes: Vote) -> Case:
    for number, vote in enumerate(votes):
        case, _ = cast(case, vote, member(number))
    return case


def meeting(due: int, present: int, agreed: int, against: int = 0) -> NodeFields:
    return NodeFields(attendees_due=due, attendees_present=present, votes_for=agreed, votes_against=against)


@pytest.mark.parametrize(
    ("joint", "numbers", "field"),
    [
        (VILLAGE_MATTER, (45, 30, 16), None),
        (VILLAGE_MATTER, (45, 29, 29), "attendees_present"),
        (VILLAGE_MATTER, (45, 30, 15), "votes_for"),
        (ASSET, (45, 30, 30), None),
        (ASSET, (45, 45, 29), "votes_for"),
        (PARTY, (50, 34, 25), None),
        (PARTY, (50, 33, 33), "attendees_present"),
        (PARTY, (50, 50, 24), "votes_for"),
        (VILLAGE_MATTER, (0, 0, 0), "votes_for"),
    ],
)
def test_a_meeting_carries_by_its_rule(joint: Joint, numbers: tuple[int, int, int], field: str | None) -> None:
    if field is None:
        check_carried(joint, meeting(*numbers), ())
    else:
        refused(errors.NotCarried, f"fields.{field}", lambda: check_carried(joint, meeting(*numbers), ()))


@pytest.mark.parametrize(
    ("form", "field"),
    [(meeting(30, 31, 31), "attendees_present"), (meeting(30, 30, 20, 11), "votes_for")],
)
def test_numbers_that_do_not_add_up_are_refused(form: NodeFields, field: str) -> None:
    refused(errors.FieldsUnsound, f"fields.{field}", lambda: check_carried(VILLAGE_MATTER, form, ()))


def test_a_meeting_without_its_numbers_decides_nothing() -> None:
    half = NodeFields(attendees_due=30, attendees_present=30, votes_for=30)
    refused(errors.FieldsMissing, "fields.votes_against", lambda: check_carried(VILLAGE_MATTER, half, ()))
    none = meeting(30, 30, 30).model_copy(update={"attendees_due": None})
    refused(errors.FieldsMissing, "fields.attendees_due", lambda: check_carried(VILLAGE_MATTER, none, ()))


def test_members_vote_and_the_clerk_closes_with_what_the_ballots_say() -> None:
    case = voted(ratifying(), "for", "for", "against", "for")
    case, event = closed(case, due=5)
    told = event.fields
    assert (told.attendees_due, told.attendees_present, told.votes_for, told.votes_against) == (5, 4, 3, 1)
    assert [(each.name, each.vote) for each in event.ballots][-1] == ("委员3", "for")
    assert (case.node, case.ballots, event.actor.role) == ("PR4-06", {}, "handler")


@pytest.mark.parametrize(
    ("votes", "due", "field"),
    [
        (("for", "for"), 3, "ballots"),
        (("for", "for", "for"), 5, "fields.attendees_present"),
        (("for", "for", "against", "abstain"), 4, "fields.votes_for"),
        ((), 3, "ballots"),
    ],
)
def test_one_person_decides_nothing_alone(votes: tuple[Vote, ...], due: int, field: str) -> None:
    case = voted(ratifying(), *votes)
    refused(errors.NotCarried, field, lambda: closed(case, due, by=HEAD))


def test_who_closes_cannot_state_other_numbers_than_the_ballots() -> None:
    case = voted(ratifying(), "for", "for", "against")
    refused(errors.FieldsUnsound, "fields.votes_for", lambda: closed(case, 3, votes_for=3))
    refused(errors.FieldsUnsound, "fields.attendees_present", lambda: closed(case, 7, attendees_present=7))
    assert closed(case, 3, votes_for=2)[1].fields.votes_for == 2


def test_who_stands_aside_counts_neither_as_due_nor_as_present() -> None:
    case = voted(ratifying(), "stand_aside", "for", "for", "against")
    _, event = closed(case, due=4)
    assert (event.fields.attendees_present, event.fields.votes_for) == (3, 2)
    assert tally(case.ballots["PR4-05"], 4).due == 3
    refused(errors.NotCarried, "ballots", lambda: closed(voted(ratifying(), "stand_aside", "for", "for"), due=3))


def test_a_vote_may_change_and_counts_once() -> None:
    case = voted(ratifying(), "for", "against")
    refused(errors.BallotRepeated, None, lambda: cast(case, "against", member(1), MONDAY + timedelta(hours=1)))
    changed, event = cast(case, "for", member(1))
    assert (event.ballot.vote, event.node, event.actor.role) == ("for", "PR4-05", "two_committees")
    assert [each.vote for each in changed.ballots["PR4-05"]] == ["for", "for"]
    aside, _ = cast(changed, "stand_aside", member(1))
    assert tally(aside.ballots["PR4-05"]).aside == 1
    assert tally(cast(aside, "abstain", member(1))[0].ballots["PR4-05"]).abstained == 1


def test_a_ballot_is_refused() -> None:
    case = ratifying()
    refused(errors.RoleMissing, None, lambda: cast(case, "for", LI))
    refused(errors.WrongNode, None, lambda: cast(case, "for", member(1), node="PR4-06"))
    refused(errors.NoSuchNode, None, lambda: cast(case, "for", member(1), node="EN1-01"))
    refused(errors.MustStandAside, None, lambda: cast(case, "for", member(1), concerned={"p:1"}))
    assert cast(case, "stand_aside", member(1), concerned={"p:1"})[1].ballot.stands_aside
    refused(errors.NotByBallot, None, lambda: cast(opened("PR1")[0], "for", member(1)))
    rests, _ = case.suspend(flow("PR4"), reason="等待", until=None, by=LI, now=MONDAY)
    refused(errors.CaseRests, None, lambda: cast(rests, "for", member(1)))


def test_both_signatures_take_two_people() -> None:
    """One person holds both offices in most villages; the second signature is another's all the same."""
    case = waiting_at("SE2-04")[0]
    case, event = cast(case, "for", HEAD)
    assert event.actor.role == "village_head"
    refused(errors.BallotRepeated, None, lambda: cast(case, "for", HEAD))
    refused(errors.NotCarried, "ballots", lambda: closed(case, 0, by=HEAD))
    case, _ = cast(case, "for", member(2, "party_branch"))
    assert closed(case, 0)[0].node == "SE2-05"
    against, _ = cast(case, "against", member(2, "party_branch"))
    refused(errors.NotCarried, "fields.votes_for", lambda: closed(against, 0))


def test_ballots_on_what_has_changed_since_are_void() -> None:
    case = voted(ratifying(), "for", "for", "for")
    of = flow("PR4")
    back, _ = case.send_back(of, to_node="PR4-04", reason="复验", by=LI, now=MONDAY)
    assert back.ballots == {}
    told = waiting_at("PR4-05")[0]
    right = replace(told, ballots=case.ballots)
    form = Told(1, MONDAY, filled(of.form))
    amended, _ = right.amend(
        of, node=None, told=form, fields=NodeFields(reason="改写"), reason="写错", by=LI, now=MONDAY
    )
    assert amended.ballots == {}
    rests, _ = case.suspend(of, reason="等待", until=None, by=LI, now=MONDAY)
    assert rests.resume(of, by=LI, now=MONDAY)[0].ballots == case.ballots
    assert case.withdraw(of, reason="不办", by=LI, now=MONDAY)[0].ballots == {}


def test_what_the_ballots_say_is_not_put_right() -> None:
    assert {"votes_for", "attendees_present"} <= fixed_at(flow("PR4").node("PR4-05"))
    assert "votes_for" not in fixed_at(flow("EN2").node("EN2-04"))


def test_it_waits_for_voters_and_the_clerk_and_knows_who_has_voted() -> None:
    case = voted(ratifying(), "for")
    (wait,) = waits_for(flow("PR4"), case)
    assert (wait.roles, wait.voted) == (("handler", "two_committees"), ("p:0",))
    may = case.actions(flow("PR4"), member(1), MONDAY)
    assert may.cast_at == ("PR4-05",)
    assert not case.actions(flow("PR4"), LI, MONDAY).cast_at


def test_those_whom_a_case_is_about_are_known_by_its_forms() -> None:
    bid = Bid(company_id="1", company_name="甲", price_fen=1, manager_key="k:manager")
    grant = Grant(person_key="k:grant", name="乙", amount_fen=1)
    forms = [NodeFields(beneficiary_key="k:poor"), NodeFields(bids=(bid,), grants=(grant,)), NodeFields()]
    assert concerned(forms) == {"k:poor", "k:manager", "k:grant"}


VOTES = st.sampled_from(["for", "against", "abstain", "stand_aside"])


@given(st.lists(st.tuples(st.integers(0, 5), VOTES), max_size=20), st.integers(0, 8))
def test_whatever_is_cast_each_counts_once_and_only_a_majority_carries(casts: list[tuple[int, Vote]], due: int) -> None:
    case = ratifying()
    last: dict[int, Vote] = {}
    for who, vote in casts:
        before = case
        if last.get(who) == vote:
            refused(errors.BallotRepeated, None, lambda: cast(before, vote, member(who)))  # noqa: B023
            continue
        case, event = cast(case, vote, member(who))
        last[who] = vote
        assert event.sequence == case.sequence == before.sequence + 1
        assert Case.from_state(case.to_state()) == case
    votes = [vote for vote in last.values() if vote != "stand_aside"]
    here, agreed, expected = len(votes), votes.count("for"), due - (len(last) - len(votes))
    carries = here >= 3 and here <= expected and 3 * here >= 2 * expected and 2 * agreed > here
    if carries:
        after, event = closed(case, due)
        assert (after.node, event.fields.votes_for, len(event.ballots)) == ("PR4-06", agreed, len(last))
    else:
        with pytest.raises(Problem):
            closed(case, due)


@given(*(st.integers(0, 60) for _ in range(4)))
def test_a_recorded_vote_carries_exactly_when_the_law_says_so(due: int, present: int, agreed: int, no: int) -> None:
    sound = present <= due and agreed + no <= present
    for joint, carries in (
        (VILLAGE_MATTER, 3 * present >= 2 * due and 2 * agreed > present),
        (ASSET, 3 * agreed >= 2 * due and agreed > 0),
        (PARTY, 3 * present >= 2 * due and 2 * agreed >= due and agreed > 0),
    ):
        if sound and carries:
            check_carried(joint, meeting(due, present, agreed, no), ())
        else:
            with pytest.raises((errors.NotCarried, errors.FieldsUnsound)):
                check_carried(joint, meeting(due, present, agreed, no), ())


RULE = NAME | {"source": "法", "agree": "1/2", "more": True}
DECIDED = {"decision": True, "form": ["approved", "attendees_due", "attendees_present", "votes_for", "votes_against"]}
VOTING = {"rule": "half", "ballots": "cast", "places": {"village_head": 1}}


@pytest.mark.parametrize(
    ("asked", "path", "what"),
    [
        ({"joint": {"rule": "half"}}, "nodes.0.joint", "only a decision"),
        (DECIDED | {"joint": {"rule": "none"}}, "nodes.0.joint.rule", "unknown"),
        (DECIDED | {"joint": VOTING | {"places": {}}}, "nodes.0.joint.places", "need the places"),
        (DECIDED | {"joint": VOTING | {"places": {"lessee": 1}}}, "nodes.0.joint.places", "no account"),
        (DECIDED | {"joint": VOTING | {"ballots": "recorded"}}, "nodes.0.joint.places", "need the places"),
        ({"decision": True, "form": ["approved"], "joint": {"rule": "half"}}, "nodes.0.joint.rule", "attendees_pre"),
    ],
)
def test_a_fault_of_a_joint_decision_is_told(tmp_path: Path, asked: dict[str, Any], path: str, what: str) -> None:
    words = WORDS | {"decision_rules": {"half": RULE}}
    with pytest.raises(CatalogueError, match=what) as told:
        read_from(written(tmp_path, entry(node(1, **asked)), words=words))
    assert told.value.path == path


def test_every_meeting_of_the_catalogue_decides_by_a_rule() -> None:
    bodies = {"two_committees", "rep_meeting", "party_members_meeting"}
    decided = [each for of in load().flows.values() for each in of.nodes if each.role in bodies and each.decision]
    assert len(decided) > 25
    assert all(each.joint for each in decided)
    assert all(ballots(each) for each in decided if each.by_ballot)
