"""A key's facts are one set, however they come; what is made of a case is made again only when the case goes on."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.detector.distil import AMENDED, COMPLETED, SUSPENDED, Fact
from services.detector.key_facts import CaseFacts, KeyFacts

_BEGIN = datetime(2026, 3, 2, 1, tzinfo=UTC)


def fact(case: int, sequence: int, hour: int, kind: str = COMPLETED) -> Fact:
    data = {"case_id": f"c{case}", "sequence": sequence, "fields": {}, "amends": 1, "by_sequence": sequence}
    moment = _BEGIN + timedelta(hours=hour)
    return Fact(f"e{case}-{sequence}", "village:v:EN", kind, moment, {**data, "done_at": _BEGIN.isoformat()})


KINDS = st.sampled_from([COMPLETED, COMPLETED, COMPLETED, AMENDED, SUSPENDED])
FACTS = st.builds(fact, st.integers(1, 4), st.integers(1, 5), st.integers(0, 9), KINDS)


def told(facts: KeyFacts) -> tuple[list[Fact], list[tuple[Fact, ...]]]:
    return list(facts), [case.facts for case in facts.cases]


@given(st.lists(FACTS, unique_by=lambda fact: fact.event_id), st.data())
def test_the_same_set_is_the_same_in_any_order_and_in_any_parts(facts: list[Fact], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(facts))
    cut = data.draw(st.integers(0, len(facts)))
    in_parts = KeyFacts.of(shuffled[:cut]).with_(shuffled[cut:]).with_(shuffled)
    whole = KeyFacts.of(facts)
    assert told(in_parts) == told(whole)
    assert told(in_parts.course) == told(whole.course)
    assert all(whole.has(one) for one in facts)
    turns = [(one.occurred_at, one.data["sequence"], one.event_id) for one in whole]
    assert turns == sorted(turns)
    assert all(one.kind not in (AMENDED, SUSPENDED) for one in whole.course)


def test_what_is_made_of_a_case_is_kept_until_it_goes_on() -> None:
    made: list[str] = []

    def count(case: CaseFacts) -> int:
        made.append(case.facts[0].data["case_id"])
        return len(case.facts)

    before = KeyFacts.of([fact(1, 1, 0), fact(2, 1, 1)])
    assert [case.once("count", count) for case in before.cases] == [1, 1]
    after = before.with_([fact(2, 2, 2)])
    assert [case.once("count", count) for case in after.cases] == [1, 2]
    assert made == ["c1", "c2", "c2"]
    assert [case.once("count", count) for case in before.cases] == [1, 1]


def test_what_is_made_of_parts_is_kept_until_one_of_them_changes() -> None:
    made: list[tuple[str, ...]] = []

    def told(facts: KeyFacts) -> tuple[str, ...]:
        cases = tuple(case.facts[0].data["case_id"] for case in facts.cases)

        def make() -> tuple[str, ...]:
            made.append(cases)
            return cases

        return facts.kept("ids", tuple(facts.cases)[:2], make)

    before = KeyFacts.of([fact(1, 1, 0), fact(2, 1, 1)])
    after = before.with_([fact(3, 1, 2)])
    assert [told(before), told(after)] == [("c1", "c2"), ("c1", "c2")]
    assert told(after.with_([fact(1, 2, 3)])) == ("c1", "c2", "c3")
    assert told(before) == ("c1", "c2")
    assert made == [("c1", "c2"), ("c1", "c2", "c3"), ("c1", "c2")]
