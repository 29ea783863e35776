"""Who takes a collective asset on lease: officials, their kin, or a firm that they stand behind."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.detector.distil import Fact
from services.detector.features.case import Case, history, occasion, the_case
from services.detector.features.matches import (
    about,
    behind,
    day_of,
    in_force,
    needs_of_company,
    needs_of_person,
    oversees,
    posts_of,
)
from services.detector.features.rents import rent_of
from services.detector.names import same_person_name, sound
from services.detector.registers import Need, Reference
from services.detector.subjects import Occasion, Params, Subject, View
from shared.contracts.reference import Company, IntegrityFile, Staff

_FLOWS = ("AS1", "AS2")
_ABSTENTION = "coi_statement"


@dataclass(frozen=True)
class Lessee:
    """A lessee tied to an official who oversees the village. `kin_steps` is 0 when he is the official himself.

    `open_bids` are the valid offers of an open bidding; `abstained` means that a statement of abstention was filed.
    """

    name: str
    official_key: str
    official: str
    position: str
    tie: str
    kin_steps: int
    certain: bool
    matched: str
    open_bids: int
    abstained: bool
    declared: bool
    rent_ratio: float | None
    comparables: int
    rent_fen: int


def needs_of_lessee(facts: Sequence[Fact], reference: Reference) -> set[Need]:
    """The posts of the lessee and his kin, or of those behind the firm; what they have declared."""
    if not facts or facts[0].data["flow"] not in _FLOWS:
        return set()
    needs: set[Need] = set()
    for fact in facts:
        told = fact.data.get("fields", {})
        if told.get("lessee_key"):
            needs |= needs_of_person(told["lessee_key"], reference)
        if told.get("supplier_id"):
            needs |= needs_of_company(told["supplier_id"], reference)
        if told.get("supplier_name"):
            needs.add(Need("staff", "sound", sound(told["supplier_name"])))
    posts = [record for need in needs for record in reference.found.get(need, ()) if isinstance(record, Staff)]
    return needs | {Need("integrity_files", "person_key", staff.person_key) for staff in posts if staff.person_key}


def _ties(view: View) -> Iterator[tuple[Staff, str, int, bool, str]]:
    """Official, how he is tied to the lessee, kin steps, whether that is certain, and by what they were matched."""
    so_far, case, reference = history(view), the_case(view), view.reference
    person, company_id, name = (so_far.latest(told) for told in ("lessee_key", "supplier_id", "supplier_name"))
    day = day_of(so_far.facts[-1].occurred_at)
    if person:
        for post in posts_of(person, reference, day):
            yield post.staff, post.path or "本人 / himself", post.steps, True, "证件号相同 / same ID number"
    company = reference.one(Company, company_id) if company_id else None
    if company:
        for interest, staff in behind(company, reference, day, 0, 0.0):
            tie = f"{interest.holder} {interest.role}" + (f" ← {interest.kin_path}" if interest.kin_path else "")
            yield staff, tie, interest.kin_steps, interest.certain, interest.matched
    if not person and not company_id and name:
        for staff in reference.all(Staff, "sound", sound(name)):
            likeness = same_person_name(name, staff.name)
            # By the name alone only the village's own cadres come into question: namesakes are many.
            if likeness.verdict != "other" and in_force(staff, day) and staff.region_code == case.village:
                yield staff, "仅姓名 / by name only", 0, False, likeness.said


def _lessee_occasions(view: View, params: Params) -> Iterator[Occasion]:
    so_far, case = history(view), the_case(view)
    if case.flow not in _FLOWS or case.withdrawn:
        return
    found: dict[str, tuple[Staff, str, int, bool, str]] = {}
    for tie in _ties(view):
        staff = tie[0]
        if oversees(staff, case.village):
            key = staff.person_key or staff.name
            found[key] = min(found.get(key, tie), tie, key=lambda one: (not one[3], one[2], one[1], one[0].id))
    for key, tie in sorted(found.items()):
        yield occasion(
            view,
            features={"lessee": partial(_lessee, view, key, tie, params)},
            about=(about(tie[0]),),
            fact=so_far.first_with("supplier_name", "supplier_id", "lessee_key"),
        )


def _lessee(view: View, key: str, tie: tuple[Staff, str, int, bool, str], params: Params) -> Lessee:
    so_far, case = history(view), the_case(view)
    staff, told, steps, certain, matched = tie
    rent = rent_of(view, int(params["months"]))
    company: Any = so_far.latest("supplier_id")
    files = view.reference.all(IntegrityFile, "person_key", staff.person_key) if staff.person_key else ()
    return Lessee(
        name=so_far.latest("supplier_name") or "",
        official_key=key,
        official=staff.name,
        position=staff.position,
        tie=told,
        kin_steps=steps,
        certain=certain,
        matched=matched,
        open_bids=sum(bid.valid for bid in so_far.bids.values()),
        abstained=_ABSTENTION in case.documents,
        declared=any(interest.company_id == company for file in files for interest in file.interests),
        rent_ratio=rent.ratio if rent else None,
        comparables=rent.comparables if rent else 0,
        rent_fen=so_far.latest("annual_rent_fen") or so_far.latest("award_fen") or 0,
    )


LESSEE = Subject(
    "lessee",
    "租赁事项中与公职人员有关联的承租人",
    "the lessee of a case who is tied to an official",
    frozenset({"case"}),
    {"case": Case, "lessee": Lessee},
    _lessee_occasions,
    {"months": int},
)
