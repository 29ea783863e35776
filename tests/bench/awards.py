"""Awards as `push` has them, for the detector alone: micro works over all villages, two of whose rivals have one
telephone."""

from datetime import datetime, timedelta
from random import Random

from deploy.demo.cases import record
from deploy.demo.county import County
from deploy.demo.drafting import Drafter
from deploy.demo.schedule import at_office, local_day
from deploy.demo.simulator import told_event
from shared import regions
from shared.bus.envelope import Envelope
from tests.bench.ready_cases import AWARD

_SEED = 4_711
_OPENED_DAYS_AGO = 40


def awarded(count: int, secret: str, until: datetime) -> tuple[list[Envelope], list[Envelope]]:
    """What comes before so many awards, and the awards; all of it happened by `until`, the awards in turn."""
    rng = Random(_SEED)
    drafter = Drafter(County(rng, secret), _SEED, rng)
    opened = at_office(local_day(until) - timedelta(days=_OPENED_DAYS_AGO), rng)
    villages = [village.code for village in regions.villages()]
    before, awards = [], []
    for number in range(count):
        draft = drafter.draft("EN1", villages[number % len(villages)], opened)
        award = draft.step(AWARD)
        phone = {"contact_phone_key": award.fields["bids"][0].contact_phone_key}
        award.fields["bids"] = [bid.model_copy(update=phone) for bid in award.fields["bids"]]
        draft.steps = draft.steps[: draft.steps.index(award) + 1]
        events = [told_event(event) for event in record(draft, until).events]
        before += events[:-1]
        awards.append(events[-1])
    return before, sorted(awards, key=lambda award: award.time)
