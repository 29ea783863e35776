"""Keys judged as a whole: all their facts, with the registers' records that they lead to."""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.detector.detection import Detection, Fact, Need, Reference, detect, needs_of
from services.detector.facts import FactStore
from services.detector.reference import Answers, Registers
from services.detector.rules import Rulebook
from shared.db import Connection

_BREATH_SECONDS = 0.005
Fresh = Mapping[str, Sequence[Fact]]


@dataclass(frozen=True)
class Case:
    """One key with all its facts, and the moment up to which silence counts for it.

    That moment is the latest fact's event time, or the time up to which the clock has judged the key: so a log read
    again years later raises nothing for the silence between two of its events, however its batches are cut.
    """

    key: str
    facts: tuple[Fact, ...]
    now: datetime


@dataclass(frozen=True)
class Judgement:
    """The verdicts on some keys, what each rested on, and which facts were not on record."""

    cases: Mapping[str, Case]
    detections: Mapping[str, Detection]
    asked: Mapping[str, frozenset[Need]]
    new: tuple[Fact, ...] = ()


class Judge:
    """Judges keys by one rulebook; holds what it read of facts and registers for the next time."""

    def __init__(self, rulebook: Rulebook, *, facts_held: int = 200_000) -> None:
        self.rulebook = rulebook
        self.facts = FactStore(facts_held)
        self.registers = Registers()

    async def judge(
        self, conn: Connection, keys: Collection[str], *, until: datetime | None = None, fresh: Fresh | None = None
    ) -> Judgement:
        """Judge these keys with `fresh` facts beside those stored, and silence up to `until` where that is later.

        To write what comes of it the caller must hold the keys' locks. Keys without any fact are left out.
        """
        stored = await self.facts.load(conn, keys)
        judged_until = await _judged_until(conn, keys)
        fresh = fresh or {}
        new = tuple(fact for key in keys for fact in fresh.get(key, ()) if fact.event_id not in stored[key])
        cases = {}
        for key in keys:
            facts = {fact.event_id: fact for fact in fresh.get(key, ())} | stored[key]
            if facts:
                moments = [fact.occurred_at for fact in facts.values()]
                moments += [moment for moment in (judged_until.get(key), until) if moment]
                cases[key] = Case(key, tuple(facts.values()), max(moments))
        return replace(await self._judge(conn, cases), new=new)

    async def _judge(self, conn: Connection, cases: Mapping[str, Case]) -> Judgement:
        answers = await self.registers.answers(conn)
        asked = await self._ask(conn, cases.values(), answers)
        detections = {}
        breath = time.perf_counter()
        for key, case in cases.items():
            # Only what the key itself asked for, or what others asked would colour its verdict.
            reference = Reference({need: answers[need] for need in asked[key]})
            detections[key] = detect(self.rulebook, key, case.facts, reference, case.now)
            if time.perf_counter() - breath > _BREATH_SECONDS:
                await asyncio.sleep(0)
                breath = time.perf_counter()
        return Judgement(cases, detections, asked)

    async def _ask(self, conn: Connection, cases: Iterable[Case], answers: Answers) -> dict[str, frozenset[Need]]:
        """Ask the registers in rounds, all keys at once, until no answer leads to a new question."""
        asked: dict[str, frozenset[Need]] = {}
        waiting = list(cases)
        while waiting:
            reference = Reference(answers)
            asked |= {case.key: needs_of(case.key, case.facts, reference) for case in waiting}
            waiting = [case for case in waiting if not asked[case.key] <= answers.keys()]
            await self.registers.fetch(conn, answers, {need for case in waiting for need in asked[case.key]})
        return asked


async def _judged_until(conn: Connection, keys: Collection[str]) -> dict[str, datetime]:
    rows = await conn.fetch(
        "SELECT key, judged_until FROM deadlines WHERE key = ANY($1::text[]) AND judged_until IS NOT NULL", list(keys)
    )
    return {row["key"]: row["judged_until"] for row in rows}
