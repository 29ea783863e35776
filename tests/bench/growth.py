"""What an event costs after ten times the history: the latest events of a long log judged after all of it, and after
the last tenth of it."""

import argparse
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from deploy.demo.simulator import Simulation, Size
from services.detector import rules
from services.detector.detection import detect, needs_of
from services.detector.distil import Fact, facts_of
from services.detector.key_facts import KeyFacts
from services.detector.registers import Reference
from services.detector.rules import Rulebook
from tests.bench.figures import Figure
from tests.bench.ground import Ground

_SEED = 11
_UNTIL = datetime(2026, 6, 30, 9, tzinfo=UTC)
_TIMES = 10
_LATEST = 2_000
_ROUNDS = 3
History = Mapping[str, Sequence[Fact]]


async def measure(ground: Ground, wanted: argparse.Namespace) -> list[Figure]:
    """Judge both in turn, several times, and compare the CPU time of the quickest."""
    county = Simulation(seed=_SEED, size=Size(wanted.records, _UNTIL), secret=ground.settings.identity_secret)
    known, rulebook = Reference.of(county.records()), rules.load()
    log = [facts_of(envelope) for _, envelope in county.events()]
    past, latest = log[:-_LATEST], log[-_LATEST:]
    keys = {fact.key for facts in latest for fact in facts}
    fresh, short, long = (_by_key(some, keys) for some in (latest, past[-(len(past) // _TIMES) :], past))
    rounds = [(_cost(rulebook, short, fresh, known), _cost(rulebook, long, fresh, known)) for _ in range(_ROUNDS)]
    once, ten = min(one for one, _ in rounds), min(other for _, other in rounds)
    how = (
        f"the latest {_LATEST} of {len(log)} simulated events, judged in one batch after all before them and after the "
        f"last tenth of these: {ten / _LATEST * 1e6:.0f} and {once / _LATEST * 1e6:.0f} us CPU an event; questions to "
        f"the registers and rules, with the keys' earlier facts in memory, without the database"
    )
    return [Figure("cost_growth", round(ten / once, 2), "ratio", 1.1, how)]


def _by_key(log: Sequence[Sequence[Fact]], keys: set[str]) -> History:
    found: dict[str, list[Fact]] = {key: [] for key in keys}
    for facts in log:
        for fact in facts:
            if fact.key in found:
                found[fact.key].append(fact)
    return found


def _cost(rulebook: Rulebook, history: History, fresh: History, known: Reference) -> float:
    """CPU seconds to judge the fresh facts of keys whose earlier ones have been judged and are held."""
    spent = 0.0
    for key, earlier in history.items():
        held = KeyFacts.of(earlier)
        if held:
            _judge(rulebook, key, held, known)
        began = time.process_time()
        _judge(rulebook, key, held.with_(fresh[key]), known)
        spent += time.process_time() - began
    return spent


def _judge(rulebook: Rulebook, key: str, facts: KeyFacts, known: Reference) -> None:
    asked = Reference({})
    while not (needs := needs_of(key, facts, asked)) <= asked.found.keys():
        asked = Reference({need: known.found.get(need, ()) for need in needs})
    detect(rulebook, key, facts, asked, facts[-1].occurred_at)
