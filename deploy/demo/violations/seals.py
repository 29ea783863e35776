"""Contracts stamped without a case behind them, or with other terms than their case has."""

from deploy.demo.drafting import Chosen
from deploy.demo.violations.ground import Ground, Plant, Planted

_DEARER = 1.1


def contract_of_no_case(ground: Ground) -> Planted:
    """A seal is asked for a contract that neither a case nor the ledger knows."""
    tenant = ground.rng.choice(ground.county.market["tenants"])
    contract = {"contract_no": "XY-0001", "contract_fen": 8_000_000, "supplier_name": tenant.name}
    chosen = Chosen(kind="租赁合同用章", related_case_no="无", contract=contract)
    return Planted((ground.case("SE2", chosen=chosen),))


def another_sum_stamped(ground: Ground) -> Planted:
    """The contract stamped is a tenth dearer than the one of its case."""
    works = ground.case("EN2")
    signed = works.step("EN2-10")
    contract = {name: signed.fields[name] for name in ("contract_no", "contract_fen", "supplier_name")}
    contract["contract_fen"] = round(contract["contract_fen"] * _DEARER)
    chosen = Chosen(kind="施工合同用章", related_case_no=works.case_no, contract=contract)
    seal = ground.case("SE2", village=works.village_code, at=ground.later(signed.at, 1), chosen=chosen)
    return Planted((works, seal))


PLANTS = (
    Plant("contract_of_no_case", ("A107",), contract_of_no_case),
    Plant("another_sum_stamped", ("A107",), another_sum_stamped),
)
