"""Residents who ask about a case and get no answer, or none that answers."""

from deploy.demo.violations.ground import Ground, Plant, Planted


def never_answered(ground: Ground) -> Planted:
    """A complaint about works is accepted and lies there for good."""
    draft = ground.case("EN2")
    ground.county.appeal(draft.case_no, draft.village_code, ground.later(draft.opened_at, 10))
    return Planted((draft,))


def answered_late(ground: Ground) -> Planted:
    """A question about relief is answered after three and a half weeks."""
    draft = ground.case("RE2")
    filed = ground.later(draft.opened_at, 10)
    ground.county.appeal(draft.case_no, draft.village_code, filed, answered_at=ground.later(filed, 25))
    return Planted((draft,))


def answer_refused(ground: Ground) -> Planted:
    """An answer comes in time, its author refuses it, and nobody answers again."""
    draft = ground.case("PR2")
    filed = ground.later(draft.opened_at, 10)
    answered = ground.later(filed, 4)
    ground.county.appeal(draft.case_no, draft.village_code, filed, answered_at=answered, unsatisfied=1)
    return Planted((draft,))


PLANTS = (
    Plant("never_answered", ("A028",), never_answered),
    Plant("answered_late", ("A028",), answered_late),
    Plant("answer_refused", ("A028",), answer_refused),
)
