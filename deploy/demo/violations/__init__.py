"""What is planted in the demo county, each kind by a plan of its own that the detector knows nothing of."""

from random import Random

from deploy.demo.county import County
from deploy.demo.drafting import Drafter
from deploy.demo.labels import Label
from deploy.demo.ledger import Ledger
from deploy.demo.period import Period
from deploy.demo.violations import (
    amounts,
    appeals,
    assets,
    cash,
    collusion,
    crews,
    emergencies,
    favours,
    filings,
    insiders,
    lateness,
    means,
    offers,
    order,
    overruns,
    papers,
    people,
    prices,
    proofs,
    repeats,
    reversals,
    rings,
    scales,
    seals,
    splitting,
    sums,
    ties,
)
from deploy.demo.violations.ground import Ground, Plant, Planted

PLANTS: tuple[Plant, ...] = (
    *insiders.PLANTS,
    *splitting.PLANTS,
    *collusion.PLANTS,
    *order.PLANTS,
    *reversals.PLANTS,
    *lateness.PLANTS,
    *filings.PLANTS,
    *appeals.PLANTS,
    *emergencies.PLANTS,
    *papers.PLANTS,
    *proofs.PLANTS,
    *cash.PLANTS,
    *offers.PLANTS,
    *overruns.PLANTS,
    *crews.PLANTS,
    *scales.PLANTS,
    *amounts.PLANTS,
    *people.PLANTS,
    *ties.PLANTS,
    *rings.PLANTS,
    *prices.PLANTS,
    *means.PLANTS,
    *seals.PLANTS,
    *sums.PLANTS,
    *assets.PLANTS,
    *repeats.PLANTS,
    *favours.PLANTS,
)


def plant(
    county: County, drafter: Drafter, ledger: Ledger, rng: Random, period: Period, times: int
) -> list[tuple[Planted, Label]]:
    """Every kind so many times, with the labels that tell what was planted."""
    ground = Ground(county, drafter, ledger, rng, period)
    return [_one(kind, ground, number) for number in range(1, times + 1) for kind in PLANTS]


def _one(kind: Plant, ground: Ground, number: int) -> tuple[Planted, Label]:
    planted = kind.make(ground)
    label = Label(
        violation=f"{kind.name}-{number}",
        kind=kind.name,
        rules=kind.rules,
        case_ids=tuple(draft.case_id for draft in planted.drafts),
        village=planted.drafts[0].village_code,
        company=planted.company.id if planted.company else None,
        person=planted.person.key if planted.person else None,
        may=kind.may,
    )
    return planted, label
