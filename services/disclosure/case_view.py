"""What is public of one case: its history with fields and papers."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Self

from pydantic import Field

from services.disclosure.cases import Case, Entry
from services.disclosure.errors import NoSuchList
from services.disclosure.free_text import cut
from services.disclosure.masking import Masks
from services.disclosure.proof.papers import open_papers
from services.disclosure.schemas import (
    Answer,
    Bilingual,
    CaseCard,
    Named,
    NoticeCard,
    card_values,
    node_named,
    notices_of,
    sum_values,
)
from services.disclosure.vocabulary import Vocabulary

# So many lines of a wage sheet or of bids are in a case's answer; the others are fetched as a list of their own.
SHOWN_LINES = 50
_KINDS = {"code": "text", "party": "text", "person": "text"}


class ShownField(Answer):
    """One public field of a node. `kind` says how to read `value`: money is in fen, dates are ISO days.

    `value` holds the first lines of a list; `lines` is how many there are, and `more` where all of them are. What was
    put right later is `corrected`: it no longer holds; at the correction itself `was` is what was said before.
    """

    name: str
    label: Bilingual
    kind: str = Field(description="text, number, money, date, flag, choice, officials, workers or bids")
    value: Any
    value_en: str | None = None
    lines: int | None = None
    more: str | None = None
    corrected: bool = False
    was: Any = None


class Ended(Answer):
    """A field that was public until the end of a day: its term is over, or an official has taken it back, and why."""

    label: Bilingual
    on: date
    why: Named


class Lines(Answer):
    """Lines of one wage sheet or of bids, from `offset` on, and how many there are."""

    name: str
    kind: str
    label: Bilingual
    offset: int
    lines: int
    items: tuple[Any, ...]


class Document(Answer):
    """An original filed at a node, by its fingerprint."""

    kind: Named
    sha256: str
    page: str = Field(description="在存证日志中核验 / where it is checked against the log of disclosed papers")


class HistoryEntry(Answer):
    """One thing that happened: at which node, when, by whom (a role), why, with what.

    A case that rests may tell `until` when. `ended` is what was public here and no longer is.
    """

    sequence: int
    kind: Named
    at: datetime
    node: Named | None
    to_node: Named | None
    role: Named
    notice_ends_at: datetime | None
    reason: str | None
    until: datetime | None
    fields: tuple[ShownField, ...]
    ended: tuple[Ended, ...]
    documents: tuple[Document, ...]


class CaseView(CaseCard):
    """A case with its whole history, the oldest first. `ahead` are the nodes of its flow still to come."""

    village: Named
    town: Named
    flow: Named
    flow_version: int
    notices: tuple[NoticeCard, ...]
    history: tuple[HistoryEntry, ...]
    ahead: tuple[Named, ...]

    @classmethod
    def at(cls, case: Case, now: datetime, masks: Masks, words: Vocabulary) -> Self:
        """All that is public of a case at a moment."""
        flow = words.flow(case.flow, case.flow_version)
        nodes, waiting = list(flow.nodes), case.node if case.state == "running" else None
        return cls(
            **card_values(case, words),
            **sum_values(case, masks, words),
            public_until=case.public_until(masks),
            village=Named.region(case.village_code),
            town=Named.region(case.town_code),
            flow=Named.of(case.flow, flow),
            flow_version=case.flow_version,
            notices=tuple(notice for notice in notices_of(case, words) if notice.ends_at > now),
            history=tuple(_entry(entry, case, masks, words) for entry in case.history),
            ahead=tuple(node_named(code, case, words) for code in nodes[nodes.index(waiting) :])
            if waiting in nodes
            else (),
        )


def lines_of(case: Case, sequence: int, name: str, offset: int, limit: int, masks: Masks, words: Vocabulary) -> Lines:
    """Some lines of one list of a case; raises `NoSuchList`."""
    for entry in case.history:
        value = entry.get("fields", {}).get(name)
        rule = masks.rule(name, case.places)
        if entry["sequence"] == sequence and isinstance(value, list) and rule:
            items = tuple(_cut(each) for each in value[offset : offset + limit])
            label = Bilingual.of(words.fields[name])
            return Lines(name=name, kind=rule.rule, label=label, offset=offset, lines=len(value), items=items)
    raise NoSuchList("案件在这个节点没有公开这份明细", "No such list is public at this node of the case")


def _entry(entry: Entry, case: Case, masks: Masks, words: Vocabulary) -> HistoryEntry:
    role, kind = entry.get("role", ""), entry["kind"]
    return HistoryEntry(
        sequence=entry["sequence"],
        kind=Named.of(kind, words.kinds[kind]),
        at=entry["at"],
        node=node_named(entry["node"], case, words) if entry.get("node") else None,
        to_node=node_named(entry["to_node"], case, words) if entry.get("to_node") else None,
        role=Named.of(role, words.role(role)),
        notice_ends_at=entry.get("notice_ends_at"),
        reason=entry.get("reason"),
        until=entry.get("until"),
        fields=tuple(_fields(entry, case, masks, words)),
        ended=tuple(_ended(entry, masks, words)),
        documents=tuple(_documents(entry, case, masks, words)),
    )


def _fields(entry: Entry, case: Case, masks: Masks, words: Vocabulary) -> Iterator[ShownField]:
    """What may be shown by the list in force: a field that it no longer names for this flow stays in."""
    corrected, before = _corrected(entry, case), _before(entry, case)
    for name in masks.rules:
        value, rule = entry.get("fields", {}).get(name), masks.rule(name, case.places)
        if value is None or rule is None:
            continue
        several = isinstance(value, list)
        more = several and len(value) > SHOWN_LINES
        yield ShownField(
            name=name,
            label=Bilingual.of(words.fields[name]),
            kind=_KINDS.get(rule.rule, rule.rule),
            value=[_cut(each) for each in value[:SHOWN_LINES]] if several else _cut(value),
            value_en=masks.choice_names.get(value) if rule.rule == "choice" else None,
            lines=len(value) if several else None,
            more=f"/v1/cases/{case.case_id}/{entry['sequence']}/{name}" if more else None,
            corrected=name in corrected,
            was=None if several else _cut(before.get(name)),
        )


def _corrected(entry: Entry, case: Case) -> set[str]:
    """The fields of an entry that a later one has put right."""
    later = (each for each in case.history if each["sequence"] > entry["sequence"])
    return {name for each in later if _of_one_form(entry, each) for name in each.get("changed", ())}


def _before(entry: Entry, case: Case) -> dict[str, Any]:
    """What was said until this entry put it right."""
    if "supersedes" not in entry:
        return {}
    earlier = (each for each in case.history if each["sequence"] < entry["sequence"])
    return {
        name: value
        for each in earlier
        if _of_one_form(each, entry)
        for name, value in each.get("fields", {}).items()
        if name in entry.get("changed", ())
    }


def _of_one_form(entry: Entry, correction: Entry) -> bool:
    """Whether a correction is one of the form that the entry filed, or corrected before."""
    form = correction.get("supersedes")
    return form is not None and form in (entry["sequence"], entry.get("supersedes"))


def _ended(entry: Entry, masks: Masks, words: Vocabulary) -> Iterator[Ended]:
    for name, mark in entry.get("ended", {}).items():
        why = masks.ended_because.get(mark["why"])
        if why and name in words.fields:
            yield Ended(label=Bilingual.of(words.fields[name]), on=mark["on"], why=Named.of(mark["why"], why))


def _documents(entry: Entry, case: Case, masks: Masks, words: Vocabulary) -> Iterator[Document]:
    for kind, sha256 in open_papers(entry, case, masks, words):
        yield Document(kind=Named.of(kind, words.papers[kind]), sha256=sha256, page=f"/papers/{case.case_id}/{sha256}")


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return cut(value)
    return value | {"name": cut(value["name"])} if isinstance(value, dict) and "name" in value else value
