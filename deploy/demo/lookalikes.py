"""Innocent ties and prices that look like violations to a careless eye. Nothing may fire on them."""

from datetime import timedelta

from deploy.demo import pricing
from deploy.demo.cases import Draft
from deploy.demo.drafting import Chosen
from deploy.demo.schedule import local_day
from deploy.demo.violations.collusion import rewrite
from deploy.demo.violations.ground import Ground, NearMiss
from deploy.demo.words import WORDS
from shared.contracts.power import Payout
from shared.contracts.reference import BankAccount, CollectiveContract, Employment, Property, Vehicle
from shared.identity import account_key

_LONG_AGO = timedelta(days=6 * 365)
_TOWER = "嘉善县魏塘街道银杏路88号"


def insured_by_an_agency(ground: Ground) -> Draft:
    """A labour agency that insures a village head for others wins there."""
    return _employed(ground, "dispatched", timedelta())


def left_six_years_ago(ground: Ground) -> Draft:
    """A village head left the winner six years before."""
    return _employed(ground, "insured", _LONG_AGO)


def _employed(ground: Ground, kind: str, ago: timedelta) -> Draft:
    village = ground.village()
    head, company = ground.county.villages[village].posts["village_head"], ground.county.company("works")
    others = ground.rng.sample(ground.county.market["works"], 3)
    draft = ground.case("EN2", village=village, chosen=Chosen(bidders=[company, *others]))
    opened = local_day(draft.opened_at)
    told = {"person_key": head.key, "name": head.name, "company_id": company.id, "company_name": company.name}
    begun, ended = opened - ago - _LONG_AGO, opened - ago if ago else None
    ground.county.register(
        Employment.model_validate(
            {"id": f"job-{company.id}", "kind": kind, "valid_from": begun, "valid_to": ended, **told}
        )
    )
    return draft


def cleaner_with_a_broad_scope(ground: Ground) -> Draft:
    """A garden firm, whose scope in traditional characters covers municipal works, builds a road."""
    company = ground.county.company("works")
    ground.county.rescope(company, "園林綠化;市政公用工程")
    others = ground.rng.sample(ground.county.market["works"], 3)
    return ground.case("EN2", chosen=Chosen(kind="道路硬化", bidders=[company, *others]))


def a_tricycle_and_a_house(ground: Ground) -> Draft:
    """Relief for somebody with one house and a cheap tricycle."""
    person = ground.county.people.person()
    owner = {"owner_key": person.key, "owner_name": person.name}
    ground.county.register(Vehicle(id=f"car-{person.key[:16]}", kind="三轮汽车", value_fen=900_000, **owner))
    ground.county.register(Property(id=f"house-{person.key[:16]}", kind="住宅", area=70.0, **owner))
    return ground.case("RE2", chosen=Chosen(beneficiary=person))


def care_home_keeps_the_account(ground: Ground) -> Draft:
    """Four labourers who live in a care home are paid on the account that it keeps for them."""
    workers = [ground.county.people.person() for _ in range(4)]
    home = ground.county.company("goods")
    account = account_key(f"62286{home.id}", ground.county.secret)
    ground.county.register(
        BankAccount(
            id=f"account-{home.id}",
            account_key=account,
            holder_key=home.id,
            holder_name=home.name,
            on_behalf_of=tuple(worker.key for worker in workers),
        )
    )
    draft = ground.case("LA1", chosen=Chosen(workers=workers))
    draft.step("LA1-08").fields["payouts"] = tuple(
        Payout(person_key=line.person_key, name=line.name, amount_fen=line.wage_fen, account_key=account)
        for line in draft.step("LA1-06").fields["workers"]
    )
    return draft


def guardian_receives(ground: Ground) -> Draft:
    """Relief is paid to a registered guardian."""
    person, guardian = ground.county.people.person(), ground.county.people.person()
    account = account_key(f"62287{guardian.id_no}", ground.county.secret)
    ground.county.register(
        BankAccount(
            id=f"account-{guardian.key[:16]}",
            account_key=account,
            holder_key=guardian.key,
            holder_name=guardian.name,
            on_behalf_of=(person.key,),
        )
    )
    draft = ground.case("RE2", chosen=Chosen(beneficiary=person))
    draft.put(payee_account_key=account)
    return draft


def one_office_tower(ground: Ground) -> Draft:
    """Agent and winner have rooms in one tower."""
    company, agent = ground.county.company("works"), ground.county.company("agents")
    ground.county.rehouse(company, f"{_TOWER}{ground.rng.randint(101, 899)}室")
    ground.county.rehouse(agent, f"{_TOWER}{ground.rng.randint(901, 1899)}室")
    others = ground.rng.sample(ground.county.market["works"], 3)
    return ground.case("EN3", chosen=Chosen(bidders=[company, *others], agent=agent))


def manager_moved(ground: Ground) -> Draft:
    """A project manager was insured by a rival until the month before."""
    rivals = [ground.county.company("works") for _ in range(2)]
    others = ground.rng.sample(ground.county.market["works"], 2)
    draft = ground.case("EN3", chosen=Chosen(bidders=[*rivals, *others]))
    first, second, *_ = ground.bids_of(draft)
    opened = local_day(draft.step("EN3-10").at)
    ground.county.register(
        Employment(
            id=f"manager-{draft.case_id}",
            valid_from=opened - _LONG_AGO,
            valid_to=opened - timedelta(days=20),
            person_key=first.manager_key or "",
            name=first.manager_name or "",
            company_id=second.company_id,
            company_name=second.company_name,
        )
    )
    return draft


def another_firm_helps(ground: Ground) -> Draft:
    """Half of the works go to a firm that did not bid."""
    draft = ground.case("EN2")
    bidders = {bid.company_id for bid in ground.bids_of(draft)}
    helper = next(firm for firm in ground.county.market["works"] if firm.id not in bidders)
    contract = draft.step("EN2-10").fields["contract_fen"]
    draft.step("EN2-11").fields |= {
        "subcontractor_id": helper.id,
        "subcontractor_name": helper.name,
        "subcontract_fen": contract // 2,
    }
    return draft


def contract_in_the_ledger(ground: Ground) -> Draft:
    """A seal is asked for an old contract that is in the ledger, under the firm's name in another spelling."""
    village = ground.village()
    tenant = ground.rng.choice(ground.county.market["tenants"])
    number = f"OLD-{tenant.id[-6:]}"
    ground.county.register(
        CollectiveContract(
            id=f"contract-{village}-{number}",
            village_code=village,
            contract_no=number,
            kind="租赁",
            party_name=tenant.name.replace("有限公司", "有限责任公司"),
            amount_fen=6_000_000,
        )
    )
    contract = {"contract_no": number, "contract_fen": 6_000_000, "supplier_name": tenant.name}
    chosen = Chosen(kind="租赁合同用章", related_case_no="旧合同", contract=contract)
    return ground.case("SE2", village=village, chosen=chosen)


def a_little_dear(ground: Ground) -> Draft:
    """The main item is a tenth above the price library; the lowest of four offers was also the first to come in."""
    kind = "道路硬化"
    draft = ground.case("EN2", chosen=Chosen(kind=kind))
    item, _, yuan = WORDS["prices"][kind]
    step = draft.step("EN2-06")
    step.fields["bill"] = pricing.of_price(item, round(yuan * 100 * 1.1), step.fields["budget_fen"])
    first = min(bid.submitted_at for bid in ground.bids_of(draft) if bid.submitted_at) - timedelta(hours=1)
    rewrite(draft, lambda at, bid: bid.model_copy(update={"submitted_at": first}) if at == 0 else bid)
    return draft


KINDS = (
    NearMiss(("A093",), insured_by_an_agency),
    NearMiss(("A093",), left_six_years_ago),
    NearMiss(("A096",), cleaner_with_a_broad_scope),
    NearMiss(("A099",), a_tricycle_and_a_house),
    NearMiss(("A104",), care_home_keeps_the_account),
    NearMiss(("A104",), guardian_receives),
    NearMiss(("A106",), one_office_tower),
    NearMiss(("A112",), manager_moved),
    NearMiss(("A116",), another_firm_helps),
    NearMiss(("A107",), contract_in_the_ledger),
    NearMiss(
        (
            "A120",
            "A121",
        ),
        a_little_dear,
    ),
)
