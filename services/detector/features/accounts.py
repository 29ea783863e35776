"""Bank accounts on which wages and relief are paid: whose they are, and for how many they serve."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.detector.distil import Fact
from services.detector.features.matches import about, day_of, in_force
from services.detector.features.network import SPOUSE
from services.detector.names import same_person_name
from services.detector.registers import Need, Reference
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from shared.contracts.alerts import Bilingual, Evidence
from shared.contracts.reference import BankAccount, Household, Kinship, Staff


@dataclass(frozen=True)
class Account:
    """An account with all who were paid on it. `others` are those it isn't kept for; `family` if all of them are kin.

    `certain` means that the register of accounts names the holder; else only the name on the payment tells.
    """

    key: str
    certain: bool
    holder: str
    position: str
    persons: int
    names: tuple[str, ...]
    others: int
    other_names: tuple[str, ...]
    family: bool
    kept_for_all: bool
    cases: int
    sum_fen: int


def needs_of_account(key: str, facts: Sequence[Fact], reference: Reference) -> set[Need]:
    """Who holds the account, his post, his household and whom he is married to."""
    needs = {Need("bank_accounts", "account_key", key)}
    for account in reference.all(BankAccount, "account_key", key):
        holder = account.holder_key
        needs |= {Need("staff", "person_key", holder), Need("households", "person_key", holder)}
        needs |= {Need("kinship", "person_key", holder), Need("kinship", "relative_key", holder)}
    return needs


def _account_occasions(view: View, params: Params) -> Iterator[Occasion]:
    key = view.key.split(":", 1)[1]
    latest = {(fact.data["case_id"], fact.data.get("node")): fact for fact in view.facts}
    facts = sorted(latest.values(), key=lambda fact: (fact.occurred_at, fact.event_id))
    lines = [line for fact in facts for line in fact.data["paid"]]
    day = day_of(facts[-1].occurred_at)
    held = [one for one in view.reference.all(BankAccount, "account_key", key) if in_force(one, day)]
    persons = {person: name for person, name, _, _ in lines}
    if held:
        served = {held[0].holder_key, *held[0].on_behalf_of}
        others = {person: name for person, name in persons.items() if person not in served}
        family = bool(others) and others.keys() <= _family(held[0].holder_key, view.reference)
    else:
        # Without a register the name that the payment states must do, and a slip of the pen in it is no other person.
        others = {
            person: name for person, name, _, holder in lines if same_person_name(name, holder).verdict == "other"
        }
        family = False
    posts = [
        staff
        for one in held
        for staff in view.reference.all(Staff, "person_key", one.holder_key)
        if in_force(staff, day)
    ]
    account = Account(
        key=key,
        certain=bool(held),
        holder=held[0].holder_name if held else lines[-1][3],
        position=posts[0].position if posts else "",
        persons=len(persons),
        names=tuple(persons[person] for person in sorted(persons)),
        others=len(others),
        other_names=tuple(others[person] for person in sorted(others)),
        family=family,
        kept_for_all=bool(held) and not others,
        cases=len({fact.data["case_id"] for fact in facts}),
        sum_fen=sum(fen for _, _, fen, _ in lines),
    )
    last = facts[-1]
    yield Occasion(
        features={"account": at_hand(account)},
        given=frozenset(),
        matter=last.data["matter"],
        village_code=last.village_code,
        town_code=last.data["town_code"],
        cases=tuple({fact.data["case_id"]: (fact.data["case_id"], fact.data["case_no"]) for fact in facts}.values()),
        occurred_at=last.occurred_at,
        about=tuple(about(staff) for staff in posts),
        trail=lambda: _paid(facts),
    )


def _family(person: str, reference: Reference) -> set[str]:
    """His household and spouse."""
    found = {member.person_key for home in reference.all(Household, "person_key", person) for member in home.members}
    for tie in (*reference.all(Kinship, "person_key", person), *reference.all(Kinship, "relative_key", person)):
        if tie.relation in SPOUSE:
            found |= {tie.person_key, tie.relative_key}
    return found


def _paid(facts: Sequence[Fact]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            label=Bilingual(zh="发放", en="Paid"),
            value=f"{fact.data['case_no']} {name} {fen / 100:,.2f} 元",
            source=fact.event_id,
            occurred_at=fact.occurred_at,
        )
        for fact in facts
        for _, name, fen, _ in fact.data["paid"]
    )


ACCOUNT = Subject(
    "account",
    "每个工资、救助收款账户",
    "each account on which wages or relief are paid",
    frozenset({"account"}),
    {"account": Account},
    _account_occasions,
)
