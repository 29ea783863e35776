"""Who stands behind a company or a name on a list: officials (编内 or 编外), their kin, the dead, the barred."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from services.detector.distil import Fact
from services.detector.features.case import Case, history, occasion
from services.detector.features.deals import Deal, deals_of, in_turn, listed
from services.detector.names import Likeness, company_sound, plain, same_company_name, same_person_name, sound
from services.detector.registers import Need, Reference
from services.detector.subjects import Occasion, Params, Subject, View
from shared.contracts.alerts import About
from shared.contracts.reference import Blacklist, Company, Death, Kinship, Record, Staff
from shared.workdays import SHANGHAI

_KIN_STEPS = 2
# A lease is judged by who takes it, be it a firm or a person: features/lessees.py.
_LEASES = ("AS1", "AS2")
_BY_CODE = "统一社会信用代码相同 / same credit code"
_BY_PERSON = "证件号相同 / same ID number"
_ROLES = {
    "legal_person": ("法定代表人", "legal representative"),
    "shareholder": ("股东", "shareholder"),
    "manager": ("高管", "manager"),
    "self": ("本人", "himself"),
}


@dataclass(frozen=True)
class Interest:
    """An official behind a company that was paid or won in villages he oversees, in one town.

    `kin_steps` is 0 when he stands in the company himself. `certain` means matched on the person, not the name alone;
    `matched` says by what.
    """

    company_id: str
    company: str
    official_key: str
    official: str
    position: str
    level: str
    on_payroll: bool
    holder: str
    role: str
    role_en: str
    kin_steps: int
    kin_path: str
    certain: bool
    alike: float
    matched: str
    own_village: bool
    town: str
    works: int
    villages: int
    sum_fen: int


@dataclass(frozen=True)
class Supplier:
    """The company chosen or paid in a case, and what the registers say of it on that day.

    `certain` and `matched` say by what the entry on the blacklist, or the company itself, was found.
    """

    id: str
    name: str
    certain: bool
    matched: str
    barred: bool
    barred_reason: str
    known: bool
    age_days: int | None
    legal_person_dead: bool


@dataclass(frozen=True)
class Post:
    """A staff record with how its holder is tied to someone: 0 steps is he himself."""

    staff: Staff
    steps: int
    path: str


# --- what the registers are asked ------------------------------------------------------------------------------------


def needs_of_person(person: str, reference: Reference) -> set[Need]:
    """His posts, and those of kin up to two steps, as far as kin are known."""
    posts = {Need("staff", "person_key", key) for key in kin_of(person, reference)}
    return posts | needs_of_kin(person, reference)


def needs_of_kin(person: str, reference: Reference) -> set[Need]:
    """The kinship of a person and of his kin, as far as it leads within two steps."""
    near = [key for key, steps in kin_of(person, reference).items() if len(steps) < _KIN_STEPS]
    return {Need("kinship", lookup, key) for key in near for lookup in ("person_key", "relative_key")}


def needs_of_company(id: str, reference: Reference) -> set[Need]:
    """The company, the persons behind it, and their posts and kin."""
    needs = {Need("companies", "id", id)}
    company = reference.one(Company, id)
    for person, name, _, _ in holders_of(company) if company else ():
        needs |= {Need("staff", "sound", sound(name))}
        needs |= needs_of_person(person, reference) if person else set()
    return needs


def needs_of_supplier(id: str, name: str, reference: Reference) -> set[Need]:
    """The company (by its name where no id is given), what bars it or the one who runs it, and whether he lives."""
    needs = {Need("companies", "id", id), Need("blacklist", "subject_id", id)} if id else set()
    if name:
        needs.add(Need("blacklist", "sound", company_sound(name)))
    if name and not id:
        needs.add(Need("companies", "sound", company_sound(name)))
    company, _ = _registered(id, name, reference)
    if company and company.legal_person_key:
        needs |= {Need("blacklist", "subject_id", company.legal_person_key)}
        needs |= {Need("deaths", "person_key", company.legal_person_key)}
    return needs


def _registered(id: str, name: str, reference: Reference) -> tuple[Company | None, Likeness | None]:
    """The company of this id; where none is given, the one of this name, and how alike the names are."""
    if id:
        return reference.one(Company, id), None
    alike = [
        (likeness.score, company, likeness)
        for company in reference.all(Company, "sound", company_sound(name))
        if (likeness := same_company_name(name, company.name)).verdict != "other"
    ]
    best = max(alike, key=lambda found: found[0], default=None)
    # Two firms as alike as each other are no firm found.
    if best is None or sum(found[0] == best[0] for found in alike) > 1:
        return None, None
    return best[1], best[2]


def kin_of(person: str, reference: Reference) -> dict[str, tuple[str, ...]]:
    """The person and kin up to two steps, each with the relations that lead to him; the shortest way counts."""
    reached: dict[str, tuple[str, ...]] = {person: ()}
    edge = [person]
    for _ in range(_KIN_STEPS):
        following: list[str] = []
        for at in edge:
            for other, relation in _ties(at, reference):
                if other not in reached:
                    reached[other] = (*reached[at], relation)
                    following.append(other)
        edge = sorted(following)
    return reached


def _ties(person: str, reference: Reference) -> list[tuple[str, str]]:
    """A kinship recorded from either side ties both."""
    forth = ((tie.relative_key, tie.relation) for tie in reference.all(Kinship, "person_key", person))
    back = ((tie.person_key, tie.relation) for tie in reference.all(Kinship, "relative_key", person))
    return sorted({*forth, *back})


def posts_of(person: str, reference: Reference, day: date, lookback_days: int = 0) -> list[Post]:
    """The posts held on a day (or given up within the days before it) by a person and his kin, nearest first."""
    found = [
        Post(staff, len(path), "的".join(path))
        for key, path in kin_of(person, reference).items()
        for staff in reference.all(Staff, "person_key", key)
        if in_force(staff, day, lookback_days)
    ]
    return sorted(found, key=lambda post: (post.steps, post.staff.id))


def in_force(record: Record, day: date, lookback_days: int = 0) -> bool:
    """Whether a record is valid on a day, or ended within the days before it."""
    ended = record.valid_to is not None and record.valid_to + timedelta(days=lookback_days) <= day
    return record.valid_from <= day and not ended


def oversees(staff: Staff, village: str) -> bool:
    """Whether a village lies in what he oversees: the regions named, or his own region when none is named."""
    return any(village.startswith(_prefix(region)) for region in staff.oversees or (staff.region_code,))


def _prefix(region: str) -> str:
    if region.endswith("000000"):
        return region[:6]
    return region[:9] if region.endswith("000") else region


def holders_of(company: Company) -> Iterator[tuple[str, str, str, float]]:
    """Person, name, role and share (percent) of everyone behind a company."""
    yield company.legal_person_key, company.legal_person_name, "legal_person", 100.0
    for holder in company.shareholders:
        yield holder.person_key, holder.name, "shareholder", holder.share * 100 if holder.share <= 1 else holder.share
    for manager in company.managers:
        yield manager.person_key, manager.name, "manager", 100.0


def stakes_of(company: Company, person: str) -> float:
    """The largest share, in percent, that a person holds in a company; who runs it holds all of it."""
    return max((share for holder, _, _, share in holders_of(company) if holder == person), default=0.0)


def day_of(moment: datetime) -> date:
    """The day in Shanghai."""
    return moment.astimezone(SHANGHAI).date()


# --- an official behind a company ------------------------------------------------------------------------------------


def _interests(view: View, params: Params) -> Iterator[tuple[Interest, Staff, list[Deal]]]:
    id = view.key.split(":", 1)[1]
    company = view.reference.one(Company, id)
    if company is None:
        return
    share_pct, lookback = float(params["share_pct"]), int(params["lookback_months"]) * 30
    found: dict[tuple[str, str], tuple[Interest, Staff, dict[str, Deal]]] = {}
    for work in deals_of(view.facts):
        day = day_of(work.facts[0].occurred_at)
        if not in_force(company, day) or work.facts[0].data["flow"] in _LEASES:
            continue
        for interest, staff in behind(company, view.reference, day, lookback, share_pct):
            if not oversees(staff, work.village):
                continue
            at = (staff.person_key or staff.name, work.town)
            best, held, works = found.get(at, (interest, staff, {}))
            works[work.case[0]] = work
            if _rank(interest) < _rank(best):
                best, held = interest, staff
            found[at] = (best, held, works)
    for (_, town), (interest, staff, works) in sorted(found.items(), key=lambda item: item[0]):
        mine = in_turn(list(works.values()))
        yield (
            replace(
                interest,
                town=town,
                works=len(mine),
                villages=len({work.village for work in mine}),
                sum_fen=sum(work.amount_fen for work in mine),
                own_village=staff.level == "village",
            ),
            staff,
            mine,
        )


def _rank(interest: Interest) -> tuple[bool, float, int, str, str]:
    return (not interest.certain, -interest.alike, interest.kin_steps, interest.role, interest.holder)


def behind(
    company: Company, reference: Reference, day: date, lookback_days: int, share_pct: float
) -> Iterator[tuple[Interest, Staff]]:
    """Every official tied to the company on a day, by each way that leads to him.

    Names are compared only where one side's person isn't known: two known persons of one name are two persons.
    """
    for person, name, role, share in holders_of(company):
        if share < share_pct:
            continue
        for post in posts_of(person, reference, day, lookback_days) if person else ():
            yield _interest(company, name, role, post, None), post.staff
        for staff in reference.all(Staff, "sound", sound(name)):
            likeness = same_person_name(name, staff.name)
            unknown = not person or not staff.person_key
            if unknown and likeness.verdict != "other" and in_force(staff, day, lookback_days):
                yield _interest(company, name, role, Post(staff, 0, ""), likeness), staff


def _interest(company: Company, holder: str, role: str, post: Post, likeness: Likeness | None) -> Interest:
    """`likeness` is that of the names where no person is known."""
    staff = post.staff
    return Interest(
        company_id=company.id,
        company=company.name,
        official_key=staff.person_key or staff.name,
        official=staff.name,
        position=staff.position,
        level=staff.level,
        on_payroll=staff.on_payroll,
        holder=holder,
        role=_ROLES[role][0],
        role_en=_ROLES[role][1],
        kin_steps=post.steps,
        kin_path=post.path,
        certain=likeness is None,
        alike=likeness.score if likeness else 1.0,
        matched=likeness.said if likeness else _BY_PERSON,
        own_village=False,
        town="",
        works=0,
        villages=0,
        sum_fen=0,
    )


def _interest_occasions(view: View, params: Params) -> Iterator[Occasion]:
    for interest, staff, works in _interests(view, params):
        first = works[0].facts[0].data
        yield Occasion(
            features={"interest": partial(_same, interest)},
            given=frozenset(),
            matter=first["matter"],
            village_code=first["village_code"],
            town_code=first["town_code"],
            cases=tuple(work.case for work in works),
            occurred_at=max(fact.occurred_at for work in works for fact in work.facts),
            about=(about(staff),),
            trail=partial(listed, works),
        )


def about(staff: Staff) -> About:
    """The official as an alert names him."""
    return About(person_key=staff.person_key, name=staff.name, level=staff.level, region_code=staff.region_code)


INTEREST = Subject(
    "interest",
    "每个单位背后的每名公职人员(按镇)",
    "each official behind a company, a town at a time",
    frozenset({"company"}),
    {"interest": Interest},
    _interest_occasions,
    {"share_pct": float, "lookback_months": int},
)


# --- the supplier of a case ------------------------------------------------------------------------------------------


def _supplier_occasions(view: View, params: Params) -> Iterator[Occasion]:
    named: dict[tuple[str, str], Fact] = {}
    for fact in history(view).facts:
        told = fact.data.get("fields", {})
        id, name = told.get("supplier_id", ""), told.get("supplier_name", "")
        if id or name:
            named.setdefault((id, "" if id else name), fact)
    identified = {plain(fact.data["fields"].get("supplier_name", "")) for (id, _), fact in named.items() if id}
    for (id, name), fact in sorted(named.items()):
        # A name that stands beside an id elsewhere in the case is that company.
        if id or plain(name) not in identified:
            yield occasion(view, features={"supplier": partial(_supplier, id, fact, view.reference)}, fact=fact)


def _supplier(id: str, fact: Fact, reference: Reference) -> Supplier:
    day = day_of(fact.occurred_at)
    name = fact.data["fields"].get("supplier_name", "")
    company, found_by = _registered(id, name, reference)
    subjects = [subject for subject in (id, company.legal_person_key if company else "") if subject]
    bars = [(bar, found_by) for subject in subjects for bar in reference.all(Blacklist, "subject_id", subject)]
    bars = bars or [
        (bar, likeness)
        for bar in reference.all(Blacklist, "sound", company_sound(name) if name else "")
        if not _identified(bar) and (likeness := same_company_name(name, bar.name)).verdict != "other"
    ]
    barred = [(bar, likeness) for bar, likeness in bars if in_force(bar, day)]
    doubts = [likeness for _, likeness in barred if likeness] or [likeness for likeness in (found_by,) if likeness]
    deaths = reference.all(Death, "person_key", company.legal_person_key) if company else ()
    return Supplier(
        id=id or name,
        name=company.name if company else name or id,
        certain=not doubts,
        matched=min(doubts, key=lambda likeness: likeness.score).said if doubts else _BY_CODE,
        barred=bool(barred),
        barred_reason="、".join(sorted({bar.reason for bar, _ in barred})),
        known=company is not None,
        age_days=(day - company.registered_on).days if company and company.registered_on else None,
        legal_person_dead=any(death.died_on < day for death in deaths),
    )


def _identified(bar: Blacklist) -> bool:
    """Whether the entry names its subject by a credit code or a person's key; many published lists give but names."""
    return len(bar.subject_id) in (18, 32)


SUPPLIER = Subject(
    "supplier",
    "案件中选定或付款的单位",
    "the company chosen or paid in a case",
    frozenset({"case"}),
    {"case": Case, "supplier": Supplier},
    _supplier_occasions,
)


def _same(value: Any) -> Any:
    return value
