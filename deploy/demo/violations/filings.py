"""Records made up afterwards."""

from datetime import timedelta

from deploy.demo.drafting import Chosen
from deploy.demo.schedule import local_day
from deploy.demo.violations.ground import Ground, Plant, Planted

_FIVE_WEEKS_WORKED = 25


def minutes_made_up(ground: Ground) -> Planted:
    """A resolution is filed five weeks late with the day on which the meeting should have been held."""
    draft = ground.case("EN2", chosen=Chosen(late={"EN2-04": _FIVE_WEEKS_WORKED}))
    resolved = draft.step("EN2-04")
    resolved.fields["meeting_on"] = local_day(resolved.at) - timedelta(days=28)
    return Planted((draft,))


def three_meetings_at_one_sitting(ground: Ground) -> Planted:
    """One person files three meetings within ten minutes."""
    draft = ground.case("EN2")
    last = draft.step("EN2-04")
    for code, minutes in (("EN2-02", 9), ("EN2-03", 4)):
        step = draft.step(code)
        step.at, step.by = last.at - timedelta(minutes=minutes), last.by
    return Planted((draft,))


PLANTS = (
    Plant("minutes_made_up", ("A013",), minutes_made_up, may=("A016",)),
    Plant("three_meetings_at_one_sitting", ("A013",), three_meetings_at_one_sitting, may=("A016",)),
)
