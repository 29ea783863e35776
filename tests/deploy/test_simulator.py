"""The demo county: valid, the same from the same seed, and walked as approval itself would."""

import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from deploy.demo import sheets
from deploy.demo.cases import Draft, Step, paper, sample
from deploy.demo.companies import valid_credit_code
from deploy.demo.county import County
from deploy.demo.drafting import Chosen, Drafter
from deploy.demo.labels import read, write
from deploy.demo.people import People
from deploy.demo.simulator import Simulation, Size
from services.approval import flows
from services.approval.cases import Case, RoleHolder
from services.approval.joint import Vote
from shared.contracts.power import CaseOpened, NodeCompleted, NodeFields
from shared.contracts.reference import Company, Staff
from shared.identity import valid_id_no

UNTIL = datetime(2026, 6, 30, 9, tzinfo=UTC)
SIZE = Size(1_500, UNTIL)
TYPES = {model.TYPE: model for model in (CaseOpened, NodeCompleted)}


def simulate(seed: int = 7) -> Simulation:
    return Simulation(seed=seed, size=SIZE, secret="s")


def test_the_same_seed_gives_the_same_county() -> None:
    one, other, third = simulate(), simulate(), simulate(8)
    assert list(one.events()) == list(other.events()) != list(third.events())
    assert one.records() == other.records()
    assert one.labels == other.labels


def test_the_same_seed_gives_the_same_county_in_another_process() -> None:
    program = (
        "from tests.deploy.test_simulator import simulate; import hashlib;"
        "print(hashlib.sha256(repr(list(simulate().events())).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_events_come_in_order_valid_and_without_gaps() -> None:
    last, sequences = datetime.min.replace(tzinfo=UTC), Counter[str]()
    for at, envelope in simulate().events():
        assert last <= at <= UNTIL
        last = at
        assert envelope.data is not None
        event = TYPES[envelope.type].model_validate(envelope.data)
        sequences[event.case_id] += 1
        assert (event.sequence, envelope.key) == (sequences[event.case_id], event.village_code)


def test_about_as_many_events_as_asked_for_over_all_flows() -> None:
    honest = [Simulation(seed=7, size=Size(1_500, UNTIL, planted=0), secret="s") for _ in range(2)]
    counted = Counter(envelope.type for _, envelope in honest[0].events())
    walked = {case.case.flow for case in honest[1].cases()}
    assert 1_500 * 0.8 < counted.total() < 1_500 * 1.2
    assert walked == set(flows.load().flows)


def test_persons_and_companies_pass_the_checks_of_their_numbers() -> None:
    people = People(Random(1), "s")
    assert all(valid_id_no(people.person().id_no) for _ in range(200))
    records = simulate().records()
    assert all(valid_credit_code(record.id) for record in records if isinstance(record, Company))
    assert any(isinstance(record, Staff) and not record.on_payroll for record in records)


@pytest.mark.parametrize("code", sorted(flows.load().flows))
def test_approval_takes_an_honest_case_step_by_step(code: str) -> None:
    rng = Random(code)
    drafter = Drafter(County(rng, "s"), 1, rng)
    for _ in range(20):
        _walk(drafter.draft(code, "330421103201", datetime(2025, 3, 3, 1, tzinfo=UTC), Chosen(related_case_no="X")))


def _walk(draft: Draft) -> None:
    case, _ = Case.open(
        draft.flow,
        case_id=draft.case_id,
        case_no=draft.case_no,
        title=draft.title,
        village_code=draft.village_code,
        by=RoleHolder("k", "n", frozenset({"handler"})),
        fields=NodeFields(**draft.fields),
        now=draft.opened_at,
    )
    for step in draft.steps:
        assert case.due_at is None or step.at <= case.due_at
        case = _voted(case, draft, step)
        case, _ = case.complete(
            draft.flow,
            node=step.node.code,
            by=RoleHolder("k", "n", frozenset({step.node.role})),
            fields=NodeFields(**step.fields),
            documents=tuple(paper(kind) for kind in step.papers),
            now=step.at,
        )
    assert case.status == "closed"


def _voted(case: Case, draft: Draft, step: Step) -> Case:
    """The case with the ballots that the step's form tells of, where members vote themselves."""
    if not step.node.by_ballot or step.node.joint is None:
        return case
    places = [place.role for place in step.node.joint.places for _ in range(place.least)]
    present, against = step.fields.get("attendees_present", len(places)), step.fields.get("votes_against", 0)
    for number in range(present):
        role = places[number] if number < len(places) else places[0]
        by = RoleHolder(f"k{number}", "n", frozenset({role}))
        vote: Vote = "against" if number >= present - against else "for"
        case, _ = case.cast(draft.flow, node=step.node.code, vote=vote, by=by, concerned=(), now=step.at)
    return case


def test_labels_are_kept_apart_from_what_the_system_sees() -> None:
    county = simulate()
    assert all(label.rules and label.case_ids for label in county.labels)
    told = repr(list(county.events()))
    assert not any(label.violation in told for label in county.labels)


def test_labels_survive_their_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    county = simulate()
    write(path, county.labels)
    assert tuple(read(path)) == county.labels


def test_an_official_outside_the_payroll_wins_nine_works_where_he_oversees() -> None:
    county = simulate()
    story = next(label for label in county.labels if label.kind == "resident_outside_payroll")
    post = next(r for r in county.records() if isinstance(r, Staff) and r.person_key == story.person)
    won = [case for case in county.cases() if case.case.case_id in story.case_ids]
    assert (len(won), len(post.oversees), post.on_payroll) == (9, 6, False)
    assert {case.case.village_code for case in won} == set(post.oversees)


def test_sample_papers_are_pdfs() -> None:
    assert sample("contract").startswith(b"%PDF-")
    assert paper("contract").sha256 != paper("minutes").sha256


@pytest.mark.parametrize("code", ["LA1", "LA2", "LA3", "RE2", "RE3", "EN2", "SE1"])
def test_approval_takes_an_honest_case_with_its_lists(code: str) -> None:
    rng = Random(code)
    county = County(rng, "s")
    draft = Drafter(county, 1, rng).draft(code, "330421103201", datetime(2025, 3, 3, 1, tzinfo=UTC))
    _walk(sheets.complete(draft, county.people))
    held = {name for step in draft.steps for name in step.fields}
    assert held & {"attendance", "payouts", "bill", "stamped_away_m"}
