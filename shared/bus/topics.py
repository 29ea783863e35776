"""Every topic, declared once: its partitions and how long it is kept."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.bus.connection import connection
from shared.contracts import alerts, appeals, audit, power, proof, reference, rulesets
from shared.settings import Settings

PARTITIONS = 6
_FOR_GOOD = {"retention.ms": "-1"}
_COMPACTED = {"cleanup.policy": "compact"}
LARGEST_EVENT = 900_000
LARGEST_LETTER = 2 * 1024 * 1024
_THIRTY_DAYS = {"retention.ms": str(30 * 24 * 3600 * 1000), "max.message.bytes": str(LARGEST_LETTER)}


def configurations() -> dict[str, dict[str, str]]:
    """Each topic's name and configuration, dead-letter topics included."""
    topics_kept = (
        *(power.TOPIC, rulesets.TOPIC, alerts.RAISED_TOPIC, alerts.LIFECYCLE_TOPIC, appeals.TOPIC),
        *(audit.TOPIC, proof.TOPIC),
    )
    kept = {topic: _FOR_GOOD for topic in topics_kept}
    compacted = {reference.topic(dataset): _COMPACTED for dataset in reference.DATASETS}
    topics = kept | compacted
    return topics | {f"{topic}.dlq": _THIRTY_DAYS for topic in topics}


def largest(topic: str) -> int:
    """How many bytes the value of an event may have there: a dead letter carries another record in base64."""
    return LARGEST_LETTER if topic.endswith(".dlq") else LARGEST_EVENT


def partitions(topic: str) -> int:
    """Into how many partitions a topic is cut; registers, heads and dead letters are small beside the events."""
    return 1 if topic.endswith(".dlq") or topic.startswith(("reference.", "audit.", "proof.")) else PARTITIONS


async def delete(settings: Settings) -> None:
    """Delete the topics under the prefix: a county that is gone must not hold the broker's files open."""
    prefix = settings.kafka_topic_prefix
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        await admin.delete_topics([topic for topic in await admin.list_topics() if topic.startswith(prefix)])
    finally:
        await admin.close()


async def create(settings: Settings) -> None:
    """Create the topics that are missing; raises `KafkaError` when the broker refuses."""
    prefix = settings.kafka_topic_prefix
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        missing = [
            NewTopic(prefix + name, partitions(name), settings.kafka_replication, topic_configs=config)
            for name, config in configurations().items()
            if prefix + name not in existing
        ]
        if missing:
            answer = await admin.create_topics(missing)
            for topic, code, *_ in answer.topic_errors:
                if code and for_code(code) is not TopicAlreadyExistsError:
                    raise for_code(code)(topic)
    finally:
        await admin.close()
