"""What the county has changed of the rulebook, as it came over the bus: the law by which this process judges."""

import uuid
from collections.abc import Sequence

from services.detector import metrics
from services.detector.rules import Rule, Rulebook, parse
from shared.bus.envelope import Envelope
from shared.contracts.rulesets import RuleChanged
from shared.db import Connection, region_prefix
from shared.telemetry import logger

_IDS = "SELECT change_id::text FROM rule_changes ORDER BY change_id"
_ALL = "SELECT body FROM rule_changes ORDER BY rule_id, number"
_KEEP = """
INSERT INTO rule_changes (change_id, rule_id, number, region_code, body)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::jsonb[])
ON CONFLICT (change_id) DO NOTHING
"""
# A key with a fact in the region (or anywhere, for what it is judged by may lie elsewhere) and something known of it
# since the change: before, it is judged by the law that was.
_TOUCHED = """
SELECT DISTINCT f.key FROM facts f
WHERE f.occurred_at >= $1 AND split_part(f.key, ':', 1) = ANY($2::text[])
  AND EXISTS (SELECT FROM facts o WHERE o.key = f.key AND o.village_code LIKE $3)
UNION
SELECT d.key FROM deadlines d
WHERE d.judged_until >= $1 AND split_part(d.key, ':', 1) = ANY($2::text[])
  AND EXISTS (SELECT FROM facts o WHERE o.key = d.key AND o.village_code LIKE $3)
"""
# When a rule's moments of silence change, whoever waits must be told anew when to look again. Where the rule was never
# off, that is who has such a moment; else whoever may have one now.
_WAITING = """
SELECT DISTINCT f.key FROM facts f
WHERE split_part(f.key, ':', 1) = ANY($1::text[]) AND f.village_code LIKE $2
  AND ($3 OR EXISTS (SELECT FROM deadlines d WHERE d.key = f.key AND d.due_at IS NOT NULL))
"""
log = logger("rules")


def change_of(envelope: Envelope) -> RuleChanged:
    """What an event of `rules.changes` says; raises pydantic's or the rulebook's error for one that can't be taken."""
    change = RuleChanged.model_validate(envelope.data)
    if change.rule_id != envelope.key:
        raise ValueError(f"the change is of {change.rule_id!r}, the message's key is {envelope.key!r}")
    if change.definition is not None and parse(change.definition).id != change.rule_id:
        raise ValueError(f"the definition is not of {change.rule_id!r}")
    return change


class RuleChanges:
    """The rulebook with the county's own rules and all changes; read anew when something has changed."""

    def __init__(self, base: Rulebook) -> None:
        self._base = base
        self._version: uuid.UUID | None = None
        self._known: tuple[str, ...] = ()
        self.rulebook = base

    async def current(self, conn: Connection, version: uuid.UUID) -> Rulebook:
        """The rulebook at a version of the registers, which every change moves on.

        The same object as long as no rule was changed. To write what comes of it the caller must hold the registers'
        lock.
        """
        if version != self._version:
            known = tuple(row["change_id"] for row in await conn.fetch(_IDS))
            if known != self._known:
                self.rulebook = self._base.with_changes(await all_changes(conn))
                self._known = known
                for error in self.rulebook.unreadable:
                    log.error("rules.unreadable", error=str(error))
                metrics.UNREADABLE.set(len(self.rulebook.unreadable))
            self._version = version
        return self.rulebook

    async def apply(self, conn: Connection, changes: Sequence[RuleChanged]) -> frozenset[str]:
        """Take changes over, and name the keys whose judgement they may touch.

        The caller holds the registers' lock alone.
        """
        if not changes:
            return frozenset()
        await conn.execute(
            _KEEP,
            [change.change_id for change in changes],
            [change.rule_id for change in changes],
            [change.number for change in changes],
            [change.region_code for change in changes],
            [change.model_dump(mode="json", exclude_defaults=True) for change in changes],
        )
        await conn.execute("UPDATE registers_version SET version = gen_random_uuid()")
        known = await all_changes(conn)
        rules = {rule.id: rule for rule in self._base.with_changes(known).rules}
        taken = {change.change_id for change in changes}
        defined = {change.rule_id for change in changes if change.definition}
        touched: set[str] = set()
        # A change that came before the definition of its rule could touch nothing then.
        for change in (one for one in known if one.change_id in taken or one.rule_id in defined):
            if change.rule_id in rules:
                rule = rules[change.rule_id]
                was_off = not rule.enabled or any(one.enabled is False for one in known if one.rule_id == rule.id)
                touched |= await _touched(conn, change, rule, was_off)
        return frozenset(touched)


async def _touched(conn: Connection, change: RuleChanged, rule: Rule, was_off: bool) -> set[str]:
    kinds, region = sorted(rule.subject.keys), region_prefix(change.region_code)
    rows = await conn.fetch(_TOUCHED, change.effective_from, kinds, region)
    if rule.again_at:
        rows += await conn.fetch(_WAITING, kinds, region, was_off)
    return {row["key"] for row in rows}


async def all_changes(conn: Connection) -> list[RuleChanged]:
    """Every change that came over the bus."""
    return [RuleChanged.model_validate(row["body"]) for row in await conn.fetch(_ALL)]
