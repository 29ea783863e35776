"""What a key's earlier judgements leave to its later ones changes no verdict: in any order, in any parts."""

from collections import defaultdict
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.demo.simulator import Simulation, Size
from services.detector.detection import Detection, detect, needs_of
from services.detector.distil import Fact, facts_of
from services.detector.key_facts import KeyFacts
from services.detector.registers import Reference
from tests.detector.rulebook import RULEBOOK

_LEDGERS = ("village", "cash", "seal", "labour", "leases", "relief", "agent", "auditor", "company")
_SIZE = Size(1_500, datetime(2026, 6, 30, 9, tzinfo=UTC))
_KEYS, _PARTS = 20, 5


@cache
def _ledgers() -> tuple[Reference, list[list[Fact]]]:
    """A small county's registers, and the longest of its ledgers."""
    county = Simulation(seed=7, size=_SIZE, secret="secret-of-a-small-county")
    by_key: dict[str, list[Fact]] = defaultdict(list)
    for _, envelope in county.events():
        for fact in facts_of(envelope):
            by_key[fact.key].append(fact)
    some = sorted((facts for key, facts in by_key.items() if key.split(":")[0] in _LEDGERS), key=len)
    longest: dict[str, list[list[Fact]]] = defaultdict(list)
    for facts in some:
        longest[facts[0].key.split(":")[0]].append(facts)
    return Reference.of(county.records()), [facts for kind in longest.values() for facts in kind[-_KEYS // 5 :]]


def _judged(facts: KeyFacts, known: Reference) -> Detection:
    key, asked = facts[0].key, Reference({})
    while not (needs := needs_of(key, facts, asked)) <= asked.found.keys():
        asked = Reference({need: known.found.get(need, ()) for need in needs})
    return detect(RULEBOOK, key, facts, asked, facts[-1].occurred_at)


@settings(max_examples=4, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_ledger_judged_as_it_grows_is_judged_as_over_everything(dice: Random) -> None:
    known, ledgers = _ledgers()
    found = 0
    for facts in ledgers:
        shuffled = dice.sample(facts, len(facts))
        cuts = sorted({0, len(facts), *(dice.randint(1, len(facts)) for _ in range(_PARTS - 1))})
        held = KeyFacts.of(())
        for start, end in pairwise(cuts):
            held = held.with_(shuffled[start:end])
            verdict = _judged(held, known)
            assert verdict == _judged(KeyFacts.of(shuffled[:end]), known)
            found += len(verdict.findings)
    assert found > 5
