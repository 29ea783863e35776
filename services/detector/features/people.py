"""Those who get wages, posts and relief, and what the registers say of them: dead, official, kin, twice on a roll."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from services.detector.distil import Fact
from services.detector.features.case import Case, history, occasion, the_case
from services.detector.features.matches import Post, about, day_of, in_force, needs_of_person, oversees, posts_of
from services.detector.registers import Need, Reference
from services.detector.subjects import Occasion, Params, Subject, View
from services.detector.vocabulary import midnight
from shared import regions
from shared.contracts.alerts import Bilingual, Evidence
from shared.contracts.reference import Death, Relief


def needs_of_recipients(facts: Iterable[Fact], reference: Reference) -> set[Need]:
    """Whether they live, their posts and their kin's."""
    needs: set[Need] = set()
    for person in recipients(facts):
        needs |= {Need("deaths", "person_key", person), *needs_of_person(person, reference)}
    return needs


@dataclass(frozen=True)
class Recipient:
    """A person who gets wages, a post or relief in a case, and what the registers say of him."""

    person_key: str
    name: str
    way: str
    amount_fen: int
    days: float
    died_on: datetime | None
    dead_days: int
    official: str
    position: str
    on_payroll: bool
    cadre: bool
    kin_official: str
    kin_path: str
    kin_steps: int
    kin_filed: bool


def recipients(facts: Iterable[Fact]) -> dict[str, tuple[Fact, dict[str, Any]]]:
    """Person, with the fact that names him and what he gets."""
    found: dict[str, tuple[Fact, dict[str, Any]]] = {}
    for fact in facts:
        fields = fact.data.get("fields", {})
        for worker in fields.get("workers", ()):
            line = {"name": worker["name"], "way": "wage", "amount_fen": worker["wage_fen"], "days": worker["days"]}
            found[worker["person_key"]] = (fact, line)
        if fields.get("hire_person_key"):
            found[fields["hire_person_key"]] = (fact, {"name": fields.get("hire_name", ""), "way": "post"})
        if fields.get("beneficiary_key"):
            line = {
                "name": fields.get("beneficiary_name", ""),
                "way": "relief",
                "amount_fen": fields.get("relief_fen", 0),
            }
            found[fields["beneficiary_key"]] = (fact, line)
    return found


def _recipient_occasions(view: View, params: Params) -> Iterator[Occasion]:
    filed = "kin_filing" in the_case(view).documents
    for person, (fact, line) in view.once("recipients", lambda: recipients(history(view).facts)).items():
        day = day_of(fact.occurred_at)
        posts = [
            post
            for post in posts_of(person, view.reference, day)
            if post.steps == 0 or oversees(post.staff, the_case(view).village)
        ]
        yield occasion(
            view,
            features={"recipient": partial(_recipient, person, line, day, tuple(posts), filed, view.reference)},
            fact=fact,
            about=tuple({post.staff.person_key: about(post.staff) for post in posts}.values()),
        )


def _recipient(
    person: str, line: Mapping[str, Any], day: date, posts: Sequence[Post], filed: bool, reference: Reference
) -> Recipient:
    died = min((death.died_on for death in reference.all(Death, "person_key", person)), default=None)
    own = next((post.staff for post in posts if post.steps == 0), None)
    kin = next((post for post in posts if post.steps > 0), None)
    return Recipient(
        person_key=person,
        name=line["name"],
        way=line["way"],
        amount_fen=line.get("amount_fen", 0),
        days=line.get("days", 0.0),
        died_on=midnight(died) if died else None,
        dead_days=max((day - died).days, 0) if died else 0,
        official=own.name if own else "",
        position=own.position if own else "",
        on_payroll=bool(own and own.on_payroll),
        cadre=bool(own and own.level == "village"),
        kin_official=kin.staff.name if kin else "",
        kin_path=kin.path if kin else "",
        kin_steps=kin.steps if kin else 0,
        kin_filed=filed,
    )


RECIPIENT = Subject(
    "recipient",
    "案件中每名领款人、受聘人或救助对象",
    "each person who gets wages, a post or relief in a case",
    frozenset({"case"}),
    {"case": Case, "recipient": Recipient},
    _recipient_occasions,
)


@dataclass(frozen=True)
class Beneficiary:
    """A person's relief over cases and rolls. `kinds` are the different kinds, `regions` the villages."""

    person_key: str
    name: str
    cases: int
    kinds: tuple[str, ...]
    repeated: tuple[str, ...]
    villages: int
    sum_fen: int


def _beneficiary_occasions(view: View, params: Params) -> Iterator[Occasion]:
    person = view.key.split(":", 1)[1]
    by_case = {fact.data["case_id"]: fact for fact in view.facts if "relief_kind" in fact.data["got"]}
    facts = sorted(by_case.values(), key=lambda fact: (fact.occurred_at, fact.event_id))
    if not facts:
        return
    rolls = [
        roll
        for roll in view.reference.all(Relief, "person_key", person)
        if in_force(roll, day_of(facts[-1].occurred_at))
    ]
    places = [(fact.data["got"]["relief_kind"], fact.data["village_code"]) for fact in facts]
    places += [(roll.kind, roll.village_code) for roll in rolls]
    villages: dict[str, set[str]] = defaultdict(set)
    for kind, village in places:
        villages[kind].add(village)
    beneficiary = Beneficiary(
        person_key=person,
        name=facts[-1].data["got"]["name"],
        cases=len(facts),
        kinds=tuple(sorted(villages)),
        repeated=tuple(sorted(kind for kind, where in villages.items() if len(where) > 1)),
        villages=len({village for _, village in places}),
        sum_fen=sum(fact.data["got"].get("relief_fen", 0) for fact in facts),
    )
    last = facts[-1].data
    yield Occasion(
        features={"beneficiary": lambda: beneficiary},
        given=frozenset(),
        matter=last["matter"],
        village_code=last["village_code"],
        town_code=last["town_code"],
        cases=tuple((fact.data["case_id"], fact.data["case_no"]) for fact in facts),
        occurred_at=facts[-1].occurred_at,
        trail=partial(_granted, facts),
    )


def _granted(facts: Sequence[Fact]) -> tuple[Evidence, ...]:
    return tuple(_grant(fact) for fact in facts)


def _grant(fact: Fact) -> Evidence:
    kind, village = fact.data["got"]["relief_kind"], regions.name(fact.village_code)
    return Evidence(
        label=Bilingual(zh="救助", en="Relief"),
        value=f"{fact.data['case_no']} {kind}({village})",
        source=fact.event_id,
        occurred_at=fact.occurred_at,
    )


BENEFICIARY = Subject(
    "beneficiary",
    "每名救助对象(跨村跨案件)",
    "each beneficiary over cases and villages",
    frozenset({"person"}),
    {"beneficiary": Beneficiary},
    _beneficiary_occasions,
)
