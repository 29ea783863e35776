"""The audit log's chain: what was changed, taken out, swapped, cut off or written anew is named."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.audit import NotForTheLog, _around, _checked
from shared.audit.chain import GENESIS, Break, Entry, Walk, digest, genuine, published
from shared.contracts.audit import AuditSealed
from shared.db import ROOT

AT = datetime(2026, 3, 2, 1, tzinfo=UTC)
SECRET = "the-secret-of-the-tests"


def log(size: int, *, actor: str = "wang") -> list[Entry]:
    """A sound log of so many entries."""
    made: list[Entry] = []
    for number in range(1, size + 1):
        entry = Entry(
            number,
            AT + timedelta(seconds=number),
            actor,
            "王书记",
            ("town_secretary@330421107000",),
            "alert.viewed",
            f"alert:{number}",
            "330421107201",
            {"n": number, "to": None},
        )
        made.append(replace(entry, hash=digest("notifier", entry, made[-1].hash if made else GENESIS)))
    return made


def heads(entries: Sequence[Entry], *numbers: int) -> list[AuditSealed]:
    """The heads that were published behind these entries."""
    return [published("notifier", number, entries[number - 1].hash, AT, SECRET) for number in numbers]


def walked(entries: Sequence[Entry], known: Sequence[AuditSealed] = ()) -> Break | None:
    """The first break of a log."""
    walk = Walk("notifier", known)
    for entry in entries:
        if broken := walk.step(entry):
            return broken
    return walk.end()


def test_an_entry_is_hashed_as_canonical_json() -> None:
    (entry,) = log(1)
    plain = {
        "service": "notifier",
        "number": 1,
        "at": "2026-03-02T01:00:01.000000+00:00",
        "actor": "wang",
        "name": "王书记",
        "grants": ["town_secretary@330421107000"],
        "action": "alert.viewed",
        "object": "alert:1",
        "region": "330421107201",
        "detail": {"to": None, "n": 1},
        "previous": "0" * 64,
    }
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert entry.hash == hashlib.sha256(text.encode()).hexdigest()


@given(st.integers(0, 12))
def test_a_log_that_nobody_touched_is_sound(size: int) -> None:
    entries = log(size)
    assert walked(entries, heads(entries, *range(1, size + 1, 3))) is None


@given(st.integers(1, 10), st.data())
def test_a_changed_entry_is_named(size: int, data: st.DataObject) -> None:
    entries = log(size)
    at = data.draw(st.integers(0, size - 1))
    change = data.draw(
        st.sampled_from(
            [
                {"actor": "li"},
                {"name": "李"},
                {"grants": ()},
                {"action": "alert.moved"},
                {"object": "alert:x"},
                {"region": "330421107202"},
                {"detail": {}},
                {"at": AT},
                {"hash": "f" * 64},
            ]
        )
    )
    entries[at] = replace(entries[at], **change)  # type: ignore[arg-type]
    broken = walked(entries)
    assert broken
    assert broken.number == at + 1


@given(st.integers(2, 10), st.data())
def test_a_missing_entry_is_named(size: int, data: st.DataObject) -> None:
    entries, gone = log(size), data.draw(st.integers(0, size - 2))
    broken = walked(entries[:gone] + entries[gone + 1 :])
    assert broken
    assert (broken.number, broken.zh) == (gone + 1, "记录缺失")


@given(st.integers(2, 10), st.data())
def test_swapped_entries_are_named(size: int, data: st.DataObject) -> None:
    entries, first = log(size), data.draw(st.integers(0, size - 2))
    one, other = entries[first], entries[first + 1]
    entries[first] = replace(other, number=one.number)
    entries[first + 1] = replace(one, number=other.number)
    broken = walked(entries)
    assert broken
    assert broken.number == first + 1


def test_a_tail_that_was_cut_off_is_known_by_the_heads() -> None:
    entries = log(9)
    known = heads(entries, 3, 8)
    assert walked(entries[:8], known) is None
    broken = walked(entries[:7], known)
    assert broken
    assert broken.number == 8


def test_a_chain_written_anew_is_known_by_the_heads() -> None:
    true = log(9)
    forged = true[:4] + log(9, actor="nobody")[4:]
    for at in range(4, 9):
        forged[at] = replace(forged[at], hash=digest("notifier", forged[at], forged[at - 1].hash))
    assert walked(forged) is None
    broken = walked(forged, heads(true, 3, 6, 9))
    assert broken
    assert (broken.number, "4 to 6" in broken.en) == (4, True)


def test_two_heads_of_one_entry_are_a_break() -> None:
    true, other = log(5), log(5, actor="nobody")
    for shown in (true, other):
        broken = walked(shown, [*heads(true, 4), *heads(other, 4)])
        assert broken
        assert broken.number == 1


def test_only_a_service_publishes_heads() -> None:
    (head,) = heads(log(1), 1)
    assert genuine(head, SECRET)
    assert not genuine(head, "another secret")
    assert not genuine(head.model_copy(update={"number": 2}), SECRET)


@given(st.text(min_size=1).filter(lambda text: not re.fullmatch(r"[\x21-\x7e]*", text)))
def test_words_stay_out_of_the_log(text: str) -> None:
    with pytest.raises(NotForTheLog, match=r"detail\.note"):
        _checked({"note": text}, "detail")


@pytest.mark.parametrize("value", ["330421199001011234", "13857312345", "6222021202012345678", 0.5, 2**60, b"x"])
def test_what_may_not_stand_in_the_log(value: object) -> None:
    with pytest.raises(NotForTheLog):
        _checked({"fields": [value]}, "detail")


def test_what_may_stand_in_the_log() -> None:
    detail = {"fields": {"title", "amount_fen"}, "to": "verifying", "rows": 3, "all": True, "outcome": None}
    assert _checked(detail, "detail") == detail | {"fields": ["amount_fen", "title"]}


@pytest.mark.parametrize(
    ("places", "around"),
    [
        ((), "330421000000"),
        (("330421107201",), "330421107201"),
        (("330421107201", "330421107202"), "330421107000"),
        (("330421107201", "330421107000"), "330421107000"),
        (("330421107201", "330421105201"), "330421000000"),
        (("330421107201", "330400000000"), "330400000000"),
    ],
)
def test_a_deed_without_a_place_lies_where_its_actor_serves(places: tuple[str, ...], around: str) -> None:
    assert _around(places) == around


def test_every_deed_has_its_words() -> None:
    words = yaml.safe_load((ROOT / "shared" / "audit" / "deeds.yaml").read_text(encoding="utf-8"))
    assert all(set(name) == {"zh", "en"} for name in words["actions"].values())
    for place in (ROOT / "services", ROOT / "shared"):
        for file in place.rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            if "audit" not in text:
                continue
            told = re.findall(r"""\brecord\(\s*conn,[^()]*?,\s*f?"([a-z_]+\.[a-z_]+)",\s*f?"([a-z_]+)""", text)
            for action, kind in told:
                assert action in words["actions"], (file, action)
                assert kind in words["objects"], (file, kind)
    assert sorted(words["actions"]) == [*words["actions"]]
    assert all(one != other for one, other in pairwise(words["actions"]))
