"""What a seal holds, for whoever proposes it and whoever decides of it: each card beside its last revision. Pure."""

from collections import Counter
from datetime import datetime

from services.disclosure.evaluation.cards import Quartered
from services.disclosure.evaluation.schemas import QuarterHead, SealedCard, SealPreview
from services.disclosure.schemas import Named

_AS_BEFORE = 0.05


def preview(
    made: Quartered,
    before: Quartered | None,
    *,
    becomes: int,
    settled_at: datetime,
    now: datetime,
    waiting_figures: int,
    seal_id: str | None = None,
    yours: bool = False,
) -> SealPreview:
    """The cards that are, or would be, sealed as revision `becomes`; `before` is the last sealed revision."""
    cards = tuple(_card(made, before, code) for code in sorted(made.cards))
    every = [one.card for one in made.cards.values()]
    return SealPreview(
        **QuarterHead.head(made),
        seal_id=seal_id,
        yours=yours,
        becomes=becomes,
        settled_at=settled_at,
        settled=settled_at <= now,
        waiting_figures=waiting_figures,
        bands=dict(Counter(card.bands[0] for card in every if len(card.bands) == 1)),
        undecided=sum(len(card.bands) > 1 for card in every),
        too_little=sum(not card.bands for card in every),
        vetoed=sum(bool(card.vetoes) for card in every),
        changed=None if before is None else sum(one.changed for one in cards),
        cards=cards,
    )


def _card(made: Quartered, before: Quartered | None, code: str) -> SealedCard:
    card, held = made.cards[code].card, before.cards.get(code) if before else None
    old = held.card.score if held else None
    changed = before is not None and (
        (card.score is None) != (old is None)
        or (card.score is not None and old is not None and abs(card.score - old) >= _AS_BEFORE)
    )
    return SealedCard(
        region=Named.region(code),
        level=card.level,
        score=card.score,
        low=card.low,
        high=card.high,
        bands=card.bands,
        measured=card.measured,
        vetoes=card.vetoes,
        before=old,
        changed=changed,
    )
