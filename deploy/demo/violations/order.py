"""Steps out of their order or past their term."""

from datetime import timedelta

from deploy.demo.drafting import Chosen
from deploy.demo.schedule import local_day
from deploy.demo.violations.ground import Ground, Plant, Planted

_OVERDUE_DAYS = 9
_SIX_WEEKS = 30
_DAYS_OF_A_LARGE_WORK = 420


def work_before_contract(ground: Ground) -> Planted:
    """Work begins twelve days before the contract."""
    draft = ground.case("EN2")
    signed = draft.step("EN2-10").fields["contract_signed_on"]
    draft.step("EN2-11").fields["started_on"] = signed - timedelta(days=12)
    return Planted((draft,))


def paid_before_acceptance(ground: Ground) -> Planted:
    """The works are paid in full before anybody has accepted them."""
    draft = ground.case("EN1")
    accepted, paid = draft.step("EN1-07"), draft.step("EN1-08")
    accepted.at, paid.at = paid.at, accepted.at
    accepted.fields["finished_on"] = local_day(accepted.at) - timedelta(days=1)
    return Planted((draft,))


def contract_before_resolution(ground: Ground) -> Planted:
    """The contract bears a date before any meeting was held."""
    draft = ground.case("EN2")
    draft.step("EN2-10").fields["contract_signed_on"] = local_day(draft.opened_at)
    return Planted((draft,))


def contract_during_notice(ground: Ground) -> Planted:
    """The contract is signed on the second day of a notice of three days."""
    draft = ground.case("EN1")
    posted = draft.step("EN1-05")
    contract = draft.step("EN1-06")
    contract.at = ground.later(posted.at, 1)
    contract.fields["contract_signed_on"] = local_day(posted.at) + timedelta(days=1)
    return Planted((draft,))


def resolution_skipped(ground: Ground) -> Planted:
    """No villagers' representatives ever decided."""
    draft = ground.case("EN2")
    draft.steps.remove(draft.step("EN2-04"))
    return Planted((draft,))


def labour_before_dispatch(ground: Ground) -> Planted:
    """The work was done three days before anybody ordered it."""
    draft = ground.case("LA1", chosen=Chosen(kind="河道打捞"))
    ordered = local_day(draft.step("LA1-02").at)
    draft.step("LA1-05").fields["started_on"] = ordered - timedelta(days=3)
    return Planted((draft,))


def relief_before_notice_end(ground: Ground) -> Planted:
    """Relief is paid while its notice of a week still runs, if need be on a holiday."""
    draft = ground.case("RE2")
    posted, decided, paid = (draft.step(code) for code in ("RE2-05", "RE2-06", "RE2-07"))
    decided.at = posted.at + timedelta(hours=1)
    paid.at = min(ground.later(posted.at, 2), posted.at + timedelta(days=5))
    return Planted((draft,))


def finished_late(ground: Ground) -> Planted:
    """A meeting is held nine working days after its term."""
    return Planted((ground.case("EN2", chosen=Chosen(late={"EN2-03": _OVERDUE_DAYS})),))


def never_finished(ground: Ground) -> Planted:
    """A case lies at a node long past its term and nobody moves it."""
    draft = ground.case("PR2")
    draft.steps = draft.steps[:3]
    return Planted((draft,))


def works_late(ground: Ground) -> Planted:
    """The works end weeks after the day that the contract names."""
    draft = ground.case("EN3", at=ground.moment(_DAYS_OF_A_LARGE_WORK))
    contract, accepted = draft.step("EN3-13"), draft.step("EN3-14")
    worked = accepted.fields["finished_on"] - accepted.fields["started_on"]
    contract.fields["contract_days"] = max(5, worked.days - _OVERDUE_DAYS * 3)
    return Planted((draft,))


def sealed_without_approval(ground: Ground) -> Planted:
    """The seal is set before the head has approved."""
    draft = ground.case("SE1")
    approved, sealed = draft.step("SE1-03"), draft.step("SE1-04")
    approved.at, sealed.at = sealed.at, approved.at
    return Planted((draft,))


def contract_late(ground: Ground) -> Planted:
    """The contract is signed six weeks after the award."""
    return Planted((ground.case("EN1", chosen=Chosen(late={"EN1-06": _SIX_WEEKS})),))


def short_notice(ground: Ground) -> Planted:
    """A notice of three days is taken down after one."""
    draft = ground.case("PR2")
    fields = draft.step("PR2-06").fields
    fields["notice_to"] = fields["notice_from"] + timedelta(days=1)
    return Planted((draft,))


PLANTS = (
    Plant("work_before_contract", ("A001",), work_before_contract),
    Plant("paid_before_acceptance", ("A002",), paid_before_acceptance),
    Plant("contract_before_resolution", ("A003",), contract_before_resolution, may=("A005", "A013")),
    Plant("contract_during_notice", ("A005",), contract_during_notice),
    Plant("resolution_skipped", ("A006",), resolution_skipped, may=("A016",)),
    Plant("labour_before_dispatch", ("A010",), labour_before_dispatch, may=("A040",)),
    Plant("relief_before_notice_end", ("A012",), relief_before_notice_end, may=("A024",)),
    Plant("finished_late", ("A016",), finished_late),
    Plant("never_finished", ("A016",), never_finished),
    Plant("works_late", ("A018",), works_late),
    Plant("sealed_without_approval", ("A011",), sealed_without_approval, may=("A025",)),
    Plant("contract_late", ("A021",), contract_late, may=("A016",)),
    Plant("short_notice", ("A024",), short_notice),
)
