"""Work that nobody can have seen done: confirmed late, paid too well, by people who were not on the list."""

from datetime import date, timedelta
from typing import Any

from deploy.demo.cases import Draft
from deploy.demo.drafting import Chosen
from deploy.demo.schedule import local_day
from deploy.demo.violations.ground import Ground, Plant, Planted
from shared.contracts.power import Worker


def confirmed_days_later(ground: Ground) -> Planted:
    """The work is confirmed four days after it was done."""
    draft = ground.case("LA1")
    confirmed = draft.step("LA1-05")
    confirmed.fields["started_on"] = local_day(confirmed.at) - timedelta(days=4)
    return Planted((draft,))


def paid_too_well(ground: Ground) -> Planted:
    """A day is paid at 320 yuan, where the village has resolved 240."""
    draft = ground.case("LA1", chosen=Chosen(amount_yuan=2_400))
    _rewrite(draft, wage_fen=lambda worker: round(worker.days * 32_000))
    return Planted((draft,))


def one_more_on_the_sheet(ground: Ground) -> Planted:
    """The wage sheet has one name more than were approved and published."""
    draft = ground.case("LA1", chosen=Chosen(amount_yuan=2_400))
    person = ground.county.people.person()
    workers: tuple[Worker, ...] = draft.step("LA1-06").fields["workers"]
    further = workers[0].model_copy(update={"person_key": person.key, "name": person.name})
    draft.put(workers=(*workers, further))
    _repay(draft)
    return Planted((draft,), person=person)


def old_worker(ground: Ground) -> Planted:
    """A man of 79 draws a labourer's wages."""
    at = ground.moment()
    person = ground.county.people.person(born=date(local_day(at).year - 79, 5, 1))
    return Planted((ground.case("LA1", at=at, chosen=Chosen(workers=[person], amount_yuan=2_400)),), person=person)


def _rewrite(draft: Draft, **changes: Any) -> None:
    workers: tuple[Worker, ...] = draft.step("LA1-06").fields["workers"]
    draft.put(
        workers=tuple(
            worker.model_copy(update={name: change(worker) for name, change in changes.items()}) for worker in workers
        )
    )
    _repay(draft)


def _repay(draft: Draft) -> None:
    """What was paid is what the sheet adds up to."""
    draft.put(payment_fen=sum(worker.wage_fen for worker in draft.step("LA1-06").fields["workers"]))


PLANTS = (
    Plant("confirmed_days_later", ("A040",), confirmed_days_later),
    Plant("paid_too_well", ("A057",), paid_too_well),
    Plant("one_more_on_the_sheet", ("A058",), one_more_on_the_sheet),
    Plant("old_worker", ("A058",), old_worker),
)
