"""A judgement on an alert, whether it is due for review, and what reopens it: pure, over `lifecycle.yaml`."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict

from services.notifier.handling import lifecycle
from services.notifier.handling.lifecycle import Actor, Move, Person
from services.notifier.routing import routing
from services.notifier.routing.routing import Desk
from shared.contracts.alerts import Alert, AlertStateChanged, Bilingual


class Judgement(BaseModel):
    """What was decided on an alert, by whom, and on which revision of it. Money is fen, `at` UTC.

    `accepted` are the words of the innocent explanation that was accepted, `explanation` its code.
    """

    model_config = ConfigDict(frozen=True)

    state: str
    outcome: str
    explanation: str | None = None
    accepted: Bilingual | None = None
    recovered_fen: int = 0
    people: int = 0
    by: Person
    role: str
    at: datetime
    revision: int

    @classmethod
    def made(cls, alert: Alert, revision: int, wish: Move, actor: Actor, told: AlertStateChanged) -> Self:
        """The judgement that a move is, when it brings the alert into a judged state."""
        assert wish.outcome, "lifecycle.change lets nobody judge without an outcome"
        return cls(
            state=told.state_to,
            outcome=wish.outcome,
            explanation=wish.explanation,
            accepted=lifecycle.explanations(alert)[wish.explanation] if wish.explanation else None,
            recovered_fen=wish.recovered_fen,
            people=wish.people,
            by=Person.of(actor),
            role=told.by_role or "",
            at=told.occurred_at,
            revision=revision,
        )


def review_due(alert: Alert, outcome: str, draw: float, now: datetime) -> datetime | None:
    """By when a judgement must be reviewed: None when it need not be. `draw` is a random number from 0 to below 1."""
    review = lifecycle.book().review
    if draw < review.share[alert.grade] or outcome in review.always.get(alert.grade, frozenset()):
        return review.within.end(now)
    return None


def review_desk(alert: Alert) -> Desk:
    """Whose desk a judgement goes to for review."""
    desk = lifecycle.book().review.desk
    return Desk(desk.role, routing.place_of(alert, desk.at))


def reopened_by(judgement: Judgement, before: Alert, after: Alert) -> Bilingual | None:
    """Why a revision reopens a judged alert: it turned graver, or has new evidence; None when it is merely shown."""
    rules, outcome = lifecycle.book().reopening.of(after.rule_id), lifecycle.book().outcomes[judgement.outcome]
    if judgement.state in rules.graver and routing.graver(after.grade, before.grade):
        return Bilingual(
            zh=f"办结({outcome.zh})后等级上升,自动重新办理",
            en=f"It turned graver after it was judged ({outcome.en}), so it is reopened",
        )
    if judgement.state in rules.evidence and _facts(after) - _facts(before):
        return Bilingual(
            zh=f"办结({outcome.zh})后出现新的证据,自动重新办理",
            en=f"New evidence came after it was judged ({outcome.en}), so it is reopened",
        )
    return None


def _facts(alert: Alert) -> set[tuple[str, str, str | None]]:
    return {(one.label.zh, one.value, one.source) for one in alert.evidence}
