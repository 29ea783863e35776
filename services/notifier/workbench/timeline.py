"""All that happened to an alert in one line of time: history, desks reached, readings, messages. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.notifier.channels.channel_schemas import Receipt
from services.notifier.handling.history_schemas import HistoryEntry
from services.notifier.schemas import DeskView

Kind = Literal["entry", "arrived", "sent", "taken", "read", "given_up", "left"]
# What happened at one moment is told in this order.
_ORDER: tuple[Kind, ...] = ("entry", "arrived", "sent", "taken", "read", "given_up", "left")


@dataclass(frozen=True)
class Moment:
    """One thing at one time (UTC): an entry of the history, or what happened at a desk or to a message."""

    at: datetime
    kind: Kind
    entry: HistoryEntry | None = None
    desk: DeskView | None = None
    receipt: Receipt | None = None
    name: str = ""


def merged(history: Iterable[HistoryEntry], desks: Iterable[DeskView], receipts: Iterable[Receipt]) -> list[Moment]:
    """All moments, the oldest first; an auditor's desk has no arrival, he only read."""
    moments = [
        *(Moment(entry.at, "entry", entry=entry) for entry in history),
        *(moment for desk in desks for moment in _at_desk(desk)),
        *(moment for receipt in receipts for moment in _of_message(receipt)),
    ]
    return sorted(moments, key=lambda moment: (moment.at, _ORDER.index(moment.kind)))


def _at_desk(desk: DeskView) -> Iterator[Moment]:
    if desk.why.code != "audit":
        yield Moment(desk.since, "arrived", desk=desk)
    for reading in desk.read_by:
        yield Moment(reading.at, "read", desk=desk, name=reading.name)
    if desk.until:
        yield Moment(desk.until, "left", desk=desk)


def _of_message(receipt: Receipt) -> Iterator[Moment]:
    yield Moment(receipt.queued_at, "sent", receipt=receipt)
    if receipt.delivered_at:
        yield Moment(receipt.delivered_at, "taken", receipt=receipt)
    elif receipt.state == "given_up":
        yield Moment(receipt.attempted_at or receipt.queued_at, "given_up", receipt=receipt)
