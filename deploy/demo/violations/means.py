"""Relief for those who have means, and wages and relief on accounts of others."""

from deploy.demo.drafting import Chosen
from deploy.demo.violations.ground import Ground, Plant, Planted
from shared.contracts.power import Payout
from shared.contracts.reference import BankAccount, Vehicle
from shared.identity import account_key

_SIMPLE_CAR_FEN = 7_000_000


def car_in_the_household(ground: Ground) -> Planted:
    """Temporary relief for a household whose son drives a car of 70,000 yuan."""
    village = ground.village()
    person, son = ground.county.people.person(), ground.county.people.person()
    ground.county.keep_house(village, (person, son))
    ground.county.register(
        Vehicle(
            id=f"car-{son.key[:16]}",
            valid_from=ground.period.long_before,
            owner_key=son.key,
            owner_name=son.name,
            kind="小型轿车",
            value_fen=_SIMPLE_CAR_FEN,
        )
    )
    return Planted((ground.case("RE2", village=village, chosen=Chosen(beneficiary=person)),), person=person)


def firm_of_the_beneficiary(ground: Ground) -> Planted:
    """The allowance for the owner of a firm."""
    person = ground.county.people.person()
    ground.county.company("goods", person)
    return Planted((ground.case("RE1", chosen=Chosen(beneficiary=person)),), person=person)


def wages_on_one_account(ground: Ground) -> Planted:
    """Four labourers' wages go to the account of the reporting clerk."""
    village = ground.village()
    clerk = ground.county.villages[village].posts["reporting_clerk"]
    workers = [ground.county.people.person() for _ in range(4)]
    account = account_key(f"62284{clerk.id_no}", ground.county.secret)
    ground.county.register(
        BankAccount(id=f"account-{clerk.key[:16]}", account_key=account, holder_key=clerk.key, holder_name=clerk.name)
    )
    draft = ground.case("LA1", village=village, chosen=Chosen(workers=workers))
    sheet = draft.step("LA1-06").fields["workers"]
    draft.step("LA1-08").fields["payouts"] = tuple(
        Payout(person_key=line.person_key, name=line.name, amount_fen=line.wage_fen, account_key=account)
        for line in sheet
    )
    return Planted((draft,), person=clerk)


def relief_on_anothers_account(ground: Ground) -> Planted:
    """Relief is paid to the account of somebody else."""
    person, other = ground.county.people.person(), ground.county.people.person()
    account = account_key(f"62285{other.id_no}", ground.county.secret)
    ground.county.register(
        BankAccount(id=f"account-{other.key[:16]}", account_key=account, holder_key=other.key, holder_name=other.name)
    )
    draft = ground.case("RE2", chosen=Chosen(beneficiary=person))
    draft.put(payee_account_key=account)
    return Planted((draft,), person=other)


PLANTS = (
    Plant("car_in_the_household", ("A099",), car_in_the_household),
    Plant("firm_of_the_beneficiary", ("A099",), firm_of_the_beneficiary),
    Plant("wages_on_one_account", ("A104",), wages_on_one_account),
    Plant("relief_on_anothers_account", ("A104",), relief_on_anothers_account),
)
