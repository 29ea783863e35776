"""Steps due tonight, and what nobody sees to for months: tenders, settlements, publications, relief, leases, pay."""

from datetime import timedelta

from deploy.demo.drafting import Chosen
from deploy.demo.schedule import at_office, local_day
from deploy.demo.violations.ground import Ground, Plant, Planted
from shared.workdays import is_working_day

_MONTHS_OF_SILENCE = 360
_SIX_WEEKS_WORKED = 30
_FOUR_WEEKS_WORKED = 20
_THREE_MONTHS_WORKED = 60
_LONG_WORKS = 420


def due_today(ground: Ground) -> Planted:
    """A request for the seal came in on the last working day and is still unseen: its day ends tonight."""
    yesterday = local_day(ground.period.until) - timedelta(days=1)
    while not is_working_day(yesterday):
        yesterday -= timedelta(days=1)
    draft = ground.case("SE1", at=at_office(yesterday, ground.rng))
    draft.steps = []
    return Planted((draft,))


def never_tendered(ground: Ground) -> Planted:
    """The town approves the works, and more than half a year later nothing has been announced."""
    draft = ground.case("EN2", at=ground.moment(_MONTHS_OF_SILENCE))
    draft.steps = draft.steps[:7]
    return Planted((draft,))


def never_settled(ground: Ground) -> Planted:
    """Accepted works lie unsettled until the end."""
    draft = ground.case("EN2", at=ground.moment(_LONG_WORKS))
    draft.steps = draft.steps[:-1]
    return Planted((draft,))


def published_late(ground: Ground) -> Planted:
    """What a purchase cost hangs on the board six weeks after it was due."""
    return Planted((ground.case("PR1", chosen=Chosen(late={"PR1-06": _SIX_WEEKS_WORKED})),))


def relief_reviewed_late(ground: Ground) -> Planted:
    """The county sits four weeks on a decision that it owes within five working days."""
    return Planted((ground.case("RE1", chosen=Chosen(late={"RE1-08": _FOUR_WEEKS_WORKED})),))


def accepted_late(ground: Ground) -> Planted:
    """Works stand finished for seven weeks before anybody comes to accept them."""
    draft = ground.case("EN3", at=ground.moment(_LONG_WORKS))
    accepted = draft.step("EN3-14")
    accepted.fields["finished_on"] = max(accepted.fields["started_on"], local_day(accepted.at) - timedelta(days=49))
    return Planted((draft,))


def lease_run_out(ground: Ground) -> Planted:
    """A lease of two months ends and the lessee stays where he is."""
    draft = ground.case("AS1", at=ground.moment(_MONTHS_OF_SILENCE), relet=False)
    signed = draft.step("AS1-12").fields["contract_signed_on"]
    draft.put(lease_from=signed + timedelta(days=1), lease_to=signed + timedelta(days=60))
    return Planted((draft,))


def rent_never_paid(ground: Ground) -> Planted:
    """The lessee signs and never pays."""
    draft = ground.case("AS1", at=ground.moment(_MONTHS_OF_SILENCE))
    draft.steps.remove(draft.step("AS1-13"))
    return Planted((draft,))


def wages_unpaid(ground: Ground) -> Planted:
    """Labourers wait for their pay until three months after their work."""
    return Planted((ground.case("LA1", chosen=Chosen(late={"LA1-08": _THREE_MONTHS_WORKED})),))


PLANTS = (
    Plant("lease_run_out", ("A022",), lease_run_out),
    Plant("rent_never_paid", ("A023", "A068"), rent_never_paid),
    Plant("wages_unpaid", ("A027",), wages_unpaid),
    Plant("due_today", ("A015",), due_today),
    Plant("never_tendered", ("A017",), never_tendered),
    Plant("never_settled", ("A020",), never_settled),
    Plant("published_late", ("A025",), published_late),
    Plant("relief_reviewed_late", ("A026",), relief_reviewed_late),
    Plant("accepted_late", ("A019",), accepted_late),
)
