"""Agents (tendering, appraisal, cost, supervision): what ties them to a bidder, and who wins where they run things."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import comb

from services.detector.distil import Fact
from services.detector.features.case import Case, history, occasion, the_case
from services.detector.features.matches import holders_of
from services.detector.features.network import SPOUSE
from services.detector.names import same_address
from services.detector.registers import Need, Reference
from services.detector.subjects import Occasion, Params, Subject, View
from shared.contracts.alerts import Bilingual, Evidence
from shared.contracts.reference import Company, Kinship


@dataclass(frozen=True)
class Agency:
    """An agent of a case tied to its winner or to another bidder. `strong` ties are persons, spouses and telephones."""

    agent_id: str
    agent: str
    company_id: str
    company: str
    won: bool
    ties: tuple[str, ...]
    strong: bool


def needs_of_agents(facts: Sequence[Fact], reference: Reference) -> set[Need]:
    """The agents, and whom those who run them are married to."""
    needs: set[Need] = set()
    for agent in {fact.data.get("fields", {}).get("agent_id") for fact in facts} - {None}:
        needs.add(Need("companies", "id", agent))
        company = reference.one(Company, agent)
        if company and company.legal_person_key:
            person = company.legal_person_key
            needs |= {Need("kinship", "person_key", person), Need("kinship", "relative_key", person)}
    return needs


def _agency_occasions(view: View, params: Params) -> Iterator[Occasion]:
    so_far, case = history(view), the_case(view)
    agents = {agent: fact for fact, agent in so_far.given("agent_id")}
    if not agents:
        return
    bidders = {id: bid.company_name for id, bid in so_far.bids.items()}
    if case.supplier_id:
        bidders[case.supplier_id] = case.supplier_name or bidders.get(case.supplier_id, "")
    for agent_id, fact in sorted(agents.items()):
        agent = view.reference.one(Company, agent_id)
        name = agent.name if agent else fact.data["fields"].get("agent_name", agent_id)
        for id, company_name in sorted(bidders.items()):
            ties, strong = _ties(agent_id, id, view.reference)
            if ties:
                found = Agency(agent_id, name, id, company_name, id == case.supplier_id, tuple(ties), strong)
                yield occasion(view, features={"agency": partial(_same, found)}, fact=fact)


def _same(agency: Agency) -> Agency:
    return agency


def _ties(agent_id: str, company_id: str, reference: Reference) -> tuple[list[str], bool]:
    """What ties two companies, in words, and whether it is more than an address."""
    if agent_id == company_id:
        return ["同一单位 / one and the same firm"], True
    agent, company = reference.one(Company, agent_id), reference.one(Company, company_id)
    if agent is None or company is None:
        return [], False
    ties = [f"同一人任职或持股:{name} / one person: {name}" for name in _common(agent, company)]
    ties += ["负责人为夫妻 / run by spouses"] if _married(agent, company, reference) else []
    ties += ["登记电话相同 / one telephone"] if set(agent.phone_keys) & set(company.phone_keys) else []
    ties += ["银行账户相同 / one bank account"] if set(agent.account_keys) & set(company.account_keys) else []
    strong = bool(ties)
    if agent.address and company.address and (likeness := same_address(agent.address, company.address)):
        ties += [f"登记地址相同:{agent.address} / one address"] if likeness.verdict == "same" else []
    return ties, strong


def _common(one: Company, other: Company) -> list[str]:
    names = {person: name for person, name, _, _ in holders_of(one) if person}
    return sorted({names[person] for person, _, _, _ in holders_of(other) if person in names})


def _married(one: Company, other: Company, reference: Reference) -> bool:
    first, second = one.legal_person_key, other.legal_person_key
    ties = (*reference.all(Kinship, "person_key", first), *reference.all(Kinship, "relative_key", first))
    return any(tie.relation in SPOUSE and second in (tie.person_key, tie.relative_key) for tie in ties if second)


AGENCY = Subject(
    "agency",
    "事项的中介机构与每个投标人的关联",
    "what ties an agent of a case to each bidder",
    frozenset({"case"}),
    {"case": Case, "agency": Agency},
    _agency_occasions,
)


@dataclass(frozen=True)
class Pairing:
    """An agent and a firm in a town. `runs` are the agent's processes there, `wins` those that the firm won.

    `chance` is the probability that some firm wins so many of them by luck where as many firms compete as did on
    average; `drawn` counts the firm's wins for which the agent was drawn by lot.
    """

    agent_id: str
    agent: str
    company_id: str
    company: str
    town: str
    runs: int
    wins: int
    share_pct: float
    drawn: int
    firms: int
    chance: float


def _pairing_occasions(view: View, params: Params) -> Iterator[Occasion]:
    cases = {fact.data["case_id"]: fact for fact in view.facts}
    towns: dict[str, list[Fact]] = defaultdict(list)
    for fact in sorted(cases.values(), key=lambda fact: (fact.occurred_at, fact.event_id)):
        towns[fact.data["town_code"]].append(fact)
    for town, facts in sorted(towns.items()):
        wins = Counter(fact.data["fields"]["supplier_id"] for fact in facts)
        company, most = max(wins.items(), key=lambda item: (item[1], item[0]))
        won = [fact for fact in facts if fact.data["fields"]["supplier_id"] == company]
        last = won[-1]
        rivals = max(int(params["rivals"]), 2)
        pairing = Pairing(
            agent_id=view.key.split(":", 1)[1],
            agent=last.data["fields"].get("agent_name", ""),
            company_id=company,
            company=last.data["fields"].get("supplier_name", ""),
            town=town,
            runs=len(facts),
            wins=most,
            share_pct=100 * most / len(facts),
            drawn=sum(bool(fact.data["fields"].get("agent_drawn")) for fact in won),
            firms=len(wins),
            chance=min(1.0, rivals * at_least(most, len(facts), 1 / rivals)),
        )
        yield Occasion(
            features={"pairing": partial(_this, pairing)},
            given=frozenset(),
            matter=won[0].data["matter"],
            village_code=won[0].village_code,
            town_code=town,
            cases=tuple((fact.data["case_id"], fact.data["case_no"]) for fact in won),
            occurred_at=facts[-1].occurred_at,
            trail=partial(_won, won),
        )


def _this(pairing: Pairing) -> Pairing:
    return pairing


def at_least(hits: int, tries: int, share: float) -> float:
    """The probability of so many hits or more in independent tries."""
    return sum(comb(tries, n) * share**n * (1 - share) ** (tries - n) for n in range(hits, tries + 1))


def _won(facts: Sequence[Fact]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            label=Bilingual(zh="同一搭配", en="The same pair"),
            value=f"{fact.data['case_no']} {fact.data['title']}",
            source=fact.event_id,
            occurred_at=fact.occurred_at,
        )
        for fact in facts
    )


PAIRING = Subject(
    "pairing",
    "每家中介机构与其项目中中标最多的单位(按镇)",
    "each agent and the firm that wins most where it runs things, a town at a time",
    frozenset({"agent"}),
    {"pairing": Pairing},
    _pairing_occasions,
    {"rivals": int},
)
