"""Emergencies that were none, and emergency works that never end."""

from deploy.demo.drafting import Chosen
from deploy.demo.schedule import local_day
from deploy.demo.violations.ground import Ground, Plant, Planted

_QUIET_DAYS = 12
_WEEKS_TOO_LONG = 20


def emergency_invented(ground: Ground, code: str) -> Planted:
    """An emergency is stated in a village that nothing happened to for weeks."""
    at = ground.moment()
    village = ground.calm_village(at)
    while ground.county.dangers.near(village, local_day(at), _QUIET_DAYS):
        at = ground.moment()
        village = ground.calm_village(at)
    return Planted((ground.case(code, village=village, at=at, in_danger=False),))


def emergency_works_drawn_out(ground: Ground) -> Planted:
    """Repairs that could not wait a day go on for a month."""
    at = ground.moment()
    chosen = Chosen(late={"EN6-05": _WEEKS_TOO_LONG})
    return Planted((ground.case("EN6", village=ground.calm_village(at), at=at, chosen=chosen),))


PLANTS = (
    Plant("emergency_purchase_invented", ("A014",), lambda ground: emergency_invented(ground, "PR4")),
    Plant("emergency_works_invented", ("A014",), lambda ground: emergency_invented(ground, "EN6")),
    Plant("emergency_works_drawn_out", ("A014",), emergency_works_drawn_out, may=("A016", "A018")),
)
