"""Keys judged as a whole: all their facts, with the registers' records that they lead to.

A batch takes this way, and the clock does from the third step on:

    fresh = facts_of(envelope)                                   # distil: what an event says, filed under each key
    await locks.lock_keys(conn, keys)                            # nobody else judges them meanwhile
    judgement = await judge.judge(conn, keys, fresh=fresh)       # facts: all of a key's, stored and fresh
                                                                 # needs_of: asks the registers until nothing is new
                                                                 # detect: the verdict on each key, from all of it
    await judge.keep(conn, judgement, now)                       # alerts, questions, when silence is judged again
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.detector import deadlines, findings, kin, metrics
from services.detector.detection import Detection, detect, needs_of
from services.detector.distil import Fact
from services.detector.facts import FactStore
from services.detector.key_facts import KeyFacts
from services.detector.reference import Answers, Registers
from services.detector.registers import Need, Reference
from services.detector.rule_changes import RuleChanges
from services.detector.rules import Rulebook
from shared.db import Connection

_BREATH_SECONDS = 0.005
Fresh = Mapping[str, Sequence[Fact]]


@dataclass(frozen=True)
class Keyed:
    """One key with all its facts, and the moment up to which silence counts for it.

    That moment is the latest fact's event time, or the time up to which the clock has judged the key: so a log read
    again years later raises nothing for the silence between two of its events, however its batches are cut.
    """

    key: str
    facts: KeyFacts
    now: datetime


@dataclass(frozen=True)
class Known:
    """All that some keys are judged by: rules, facts, what each asked of the registers and what they answered."""

    rulebook: Rulebook
    keyed: Mapping[str, Keyed]
    asked: Mapping[str, frozenset[Need]]
    answers: Answers
    new: tuple[Fact, ...]

    def reference(self, key: str) -> Reference:
        """Only what the key itself asked for, or what others asked would colour its verdict."""
        return Reference({need: self.answers[need] for need in self.asked[key]})


@dataclass(frozen=True)
class Judgement:
    """The verdicts on some keys, by which rules, what each rested on, and which facts were not on record."""

    rulebook: Rulebook
    keyed: Mapping[str, Keyed]
    detections: Mapping[str, Detection]
    asked: Mapping[str, frozenset[Need]]
    new: tuple[Fact, ...] = ()

    def again_at(self) -> dict[str, datetime | None]:
        """When each key must be judged again though nothing happens; None where silence can change nothing."""
        return {
            key: min((moment for moment in detection.again_at if moment > self.keyed[key].now), default=None)
            for key, detection in self.detections.items()
        }


class Judge:
    """Judges keys by the rulebook and the county's changes; holds what it read of facts and registers.

    A judge `for_village` asks only the rules whose findings a village may see.
    """

    def __init__(self, rulebook: Rulebook, *, facts_held: int = 200_000, for_village: bool = False) -> None:
        self.rules = RuleChanges(rulebook)
        self._for_village = for_village
        self.facts = FactStore(facts_held)
        self.registers = Registers()

    async def judge(
        self,
        conn: Connection,
        keys: Collection[str],
        *,
        until: datetime | None = None,
        fresh: Fresh | None = None,
        unknown: Collection[str] = (),
    ) -> Judgement:
        """Judge these keys with `fresh` facts beside those stored, and silence up to `until` where that is later.

        To `keep` what comes of it the caller must hold the keys' locks. Keys without any fact are left out; those
        that are `unknown` are judged as though nothing were stored of them.
        """
        with metrics.step("gather"):
            known = await self.gather(conn, keys, until=until, fresh=fresh, unknown=unknown)
        with metrics.step("detect"):
            detections = await _detections(known)
        told, asked = await self._kin(conn, known, detections)
        return Judgement(known.rulebook, known.keyed, told, asked, known.new)

    async def gather(
        self,
        conn: Connection,
        keys: Collection[str],
        *,
        until: datetime | None = None,
        fresh: Fresh | None = None,
        unknown: Collection[str] = (),
    ) -> Known:
        """What is known of these keys, as `judge` judges it."""
        loaded = await self.facts.load(conn, keys)
        stored = {key: KeyFacts.of(()) if key in unknown else loaded[key] for key in keys}
        judged_until = await _judged_until(conn, keys)
        fresh = fresh or {}
        new = tuple(fact for key in keys for fact in fresh.get(key, ()) if not stored[key].has(fact))
        keyed = {}
        for key in keys:
            facts = stored[key].with_(fresh.get(key, ()))
            if facts:
                silence = judged_until.get(key) if stored[key] else None
                moments = [facts[-1].occurred_at, *(moment for moment in (silence, until) if moment)]
                keyed[key] = Keyed(key, facts, max(moments))
        version = await self.registers.version(conn)
        answers = self.registers.answers(version)
        rulebook = await self.rules.current(conn, version)
        asked = await self._ask(conn, keyed.values(), answers)
        return Known(rulebook.for_village if self._for_village else rulebook, keyed, asked, answers, new)

    async def keep(
        self, conn: Connection, judgement: Judgement, now: datetime, *, judged_until: datetime | None = None
    ) -> None:
        """Keep what a judgement came to: new facts, alerts to tell, questions to remember, when to look again."""
        with metrics.step("keep"):
            await self.facts.add(conn, judgement.new)
            await findings.settle(conn, judgement.detections, judgement.rulebook, now)
            await self.registers.remember(conn, judgement.asked)
            await deadlines.keep(conn, judgement.again_at(), judged_until=judged_until)

    async def _kin(
        self, conn: Connection, known: Known, detections: Mapping[str, Detection]
    ) -> tuple[Mapping[str, Detection], Mapping[str, frozenset[Need]]]:
        """The detections with the kin of whom they are about, and what each key has asked now."""
        about = {key: one for key, one in detections.items() if any(finding.about for finding in one.findings)}
        asked: dict[str, frozenset[Need]] = {}
        waiting = list(about)
        while waiting:
            reference = Reference(known.answers)
            asked |= {key: kin.needs_of_about(about[key].findings, reference) for key in waiting}
            waiting = [key for key in waiting if not asked[key] <= known.answers.keys()]
            await self.registers.fetch(conn, known.answers, {need for key in waiting for need in asked[key]})
        told = {key: kin.with_kin(one, Reference(known.answers)) for key, one in about.items()}
        return {**detections, **told}, {**known.asked, **{key: known.asked[key] | asked[key] for key in about}}

    async def _ask(self, conn: Connection, keyed: Iterable[Keyed], answers: Answers) -> dict[str, frozenset[Need]]:
        """Ask the registers in rounds, all keys at once, until no answer leads to a new question."""
        asked: dict[str, frozenset[Need]] = {}
        waiting = list(keyed)
        while waiting:
            reference = Reference(answers)
            asked |= {known.key: needs_of(known.key, known.facts, reference) for known in waiting}
            waiting = [known for known in waiting if not asked[known.key] <= answers.keys()]
            await self.registers.fetch(conn, answers, {need for known in waiting for need in asked[known.key]})
        return asked


async def _detections(known: Known) -> dict[str, Detection]:
    """The verdict on each key; now and then others may run."""
    detections = {}
    breath = time.perf_counter()
    for key, keyed in known.keyed.items():
        detections[key] = detect(known.rulebook, key, keyed.facts, known.reference(key), keyed.now)
        if time.perf_counter() - breath > _BREATH_SECONDS:
            await asyncio.sleep(0)
            breath = time.perf_counter()
    return detections


async def _judged_until(conn: Connection, keys: Collection[str]) -> dict[str, datetime]:
    rows = await conn.fetch(
        "SELECT key, judged_until FROM deadlines WHERE key = ANY($1::text[]) AND judged_until IS NOT NULL", list(keys)
    )
    return {row["key"]: row["judged_until"] for row in rows}
