"""The law as of the day: each occasion is judged by the settings in force on its own day, in its own region. Pure.

An occasion's day is its event time, and never later than what is known of its key. A later fact may bring an old
occasion (a case, a cluster of works) under a new law that no longer finds what the old one found. That must not
rewrite the old verdict: what the facts of an era gave by its own law stands, unless facts or records that became
known since refute it under that same law.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from services.detector.rules import Rule, Rulebook
from services.detector.rulesets import Timeline, covering
from services.detector.subjects import Occasion, View

_INSTANT = timedelta(microseconds=1)
_EVER = datetime.max.replace(tzinfo=UTC)
F = TypeVar("F")


@dataclass(frozen=True)
class Asked:
    """A rule as it is in force for one occasion, and as it will be while the occasion waits for its end."""

    rule: Rule
    occasion: Occasion
    later: tuple[Rule, ...]
    changes_at: tuple[datetime, ...]


@dataclass(frozen=True)
class Law:
    """One rule with all its changes; with `held_before` as though none had come into force since."""

    rulebook: Rulebook
    rule: Rule
    timeline: Timeline
    held_before: datetime = _EVER

    def asked(self, view: View, occasions: Callable[[Rule, View], list[Occasion]]) -> Iterator[Asked]:
        """The key's occasions, each with the rule as of its day."""
        for shape, begins, ends in self._shapes(view):
            shaped = self.rule if shape is None else replace(self.rule, params={**self.rule.params, **shape})
            for occasion in occasions(shaped, view):
                day = self._day(occasion, view)
                if begins is None or begins <= day < ends:
                    yield self._asked(occasion, day, shape)

    def changes_amid(self, view: View) -> list[datetime]:
        """When the law changed for the key's villages while there were facts already, the latest first."""
        moments = self.timeline.moments({fact.village_code for fact in view.facts})
        return [moment for moment in reversed(moments) if view.facts[0].occurred_at < moment <= view.now]

    def before(self, moment: datetime) -> "Law":
        """The law as it stood just before a moment."""
        return replace(self, held_before=moment)

    def _day(self, occasion: Occasion, view: View) -> datetime:
        return min(occasion.occurred_at, view.now, self.held_before - _INSTANT)

    def _asked(self, occasion: Occasion, day: datetime, shape: Mapping[str, Any] | None) -> Asked:
        def variant(when: datetime) -> Rule:
            settings = self.timeline.settings(occasion.village_code, when)
            return self.rulebook.variant(self.rule, settings, shape)

        changes = tuple(when for when in self.timeline.moments({occasion.village_code}) if when > day)
        return Asked(variant(day), occasion, tuple(variant(when) for when in changes), changes)

    def _shapes(self, view: View) -> Iterator[tuple[dict[str, Any] | None, datetime | None, datetime]]:
        """The parameters that shape occasions, of the narrowest region around the key's facts, era by era."""
        if not self.rule.subject.params:
            yield None, None, _EVER
            return
        region = covering({fact.village_code for fact in view.facts})
        moments = [when for when in self.timeline.moments({region}) if when < self.held_before]
        begins = datetime.min.replace(tzinfo=UTC)
        for ends in (*moments, _EVER):
            settings = self.timeline.settings(region, begins)
            yield self.rulebook.variant(self.rule, settings).shaping, begins, ends
            begins = ends


def standing(law: Law, view: View, found: Callable[[Law, View], Mapping[str, F]]) -> Iterator[F]:
    """What stands: found by the law of each occasion's day, and old verdicts that nothing but a new law would undo.

    `found` gives findings by the id of their alert.
    """
    told = dict(found(law, view))
    yield from told.values()
    for moment in law.changes_amid(view):
        # First what is cheap: over the whole set of facts, whose features are known, does the old law find more at all?
        by_the_old_law = {id for id in found(law.before(moment), view) if id not in told}
        if by_the_old_law:
            earlier = found(law, view.before(moment))
            kept = {id: one for id, one in earlier.items() if id in by_the_old_law}
            told |= kept
            yield from kept.values()
