"""What each topic carries, from whom, and under which key."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from shared.bus import dlq
from shared.contracts import alerts, appeals, audit, papers, power, proof, proposals, reference, rulesets
from shared.contracts.base import Contract
from shared.contracts.dead_letters import DeadLetter


@dataclass(frozen=True)
class Message:
    """One type of event. A tombstone has no model: its value is null."""

    name: str
    event: str
    summary: str
    model: type[Contract] | None = None

    @classmethod
    def of(cls, model: type[Contract], event: str) -> Self:
        """The message that carries a model."""
        return cls(model.__name__, event, (model.__doc__ or "").strip().split("\n")[0], model)


@dataclass(frozen=True)
class Channel:
    """One topic."""

    topic: str
    publisher: str
    key: str
    messages: tuple[Message, ...]


def channels() -> Iterator[Channel]:
    """Every topic, its dead letters beside it."""
    letters = (Message.of(DeadLetter, DeadLetter.TYPE),)
    for channel in _sources():
        yield channel
        yield Channel(channel.topic + dlq.SUFFIX, "any consumer", "As the record had it", letters)


def _sources() -> Iterator[Channel]:
    yield Channel(power.TOPIC, "approval", "The village code", _typed(*power.EVENTS, papers.PaperRead))
    for dataset, model in reference.DATASETS.items():
        deleted = Message("RecordDeleted", reference.RECORD_DELETED, "The record is no more: a tombstone.")
        messages = (Message.of(model, reference.RECORD_SET), deleted)
        yield Channel(reference.topic(dataset), "detector", "The record's id", messages)
    yield Channel(rulesets.TOPIC, "detector", "The rule's id", _typed(rulesets.RuleChanged))
    raised = _typed(alerts.AlertRaised, alerts.AlertUpdated, alerts.AlertWithdrawn)
    yield Channel(alerts.RAISED_TOPIC, "detector", "The alert id", raised)
    lifecycle = _typed(alerts.AlertStateChanged, proposals.ProposalChanged)
    yield Channel(alerts.LIFECYCLE_TOPIC, "notifier", "The id of the alert, or of the proposal", lifecycle)
    yield Channel(audit.TOPIC, "every service", "The service", _typed(audit.AuditSealed))
    yield Channel(proof.TOPIC, "disclosure", "The log's origin", _typed(proof.HeadSigned))
    yield Channel(appeals.TOPIC, "disclosure", "The village code", _typed(*appeals.EVENTS))


def _typed(*models: type[Contract]) -> tuple[Message, ...]:
    return tuple(Message.of(model, model.TYPE) for model in models)  # type: ignore[attr-defined]
