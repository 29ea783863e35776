"""The read models of disclosure: each is filled from the log by its own consumer, and can be built anew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.disclosure import consumer
from services.disclosure.supervision import consumer as supervision
from shared.bus.consumer import Consumer, Handle
from shared.db import Database
from shared.settings import Settings

# What the tables and functions of the supervision's models begin with; whatever else may move is the public's.
SUPERVISED = "supervised_"
# What is taken in at once while villagers are served, who have their turn between events: of more they would notice.
_MOST_AT_ONCE = 2_000


@dataclass(frozen=True)
class ReadModel:
    """Tables that one consumer fills: `restricted` are the supervisors', the others the public's."""

    name: str
    zh: str
    group: str
    topics: Sequence[str]
    handle: Callable[[Settings], Handle]
    restricted: bool

    def consumer(self, db: Database, settings: Settings, group: str | None = None) -> Consumer:
        """What fills it; with another group, from the first event on."""
        handle = self.handle(settings)
        most = None if group else _MOST_AT_ONCE
        return Consumer(db, settings, group=group or self.group, topics=self.topics, handle=handle, most_at_once=most)


PUBLIC = ReadModel("public", "公开页", consumer.GROUP, consumer.TOPICS, lambda _: consumer.handle_batch, False)
SUPERVISION = ReadModel(
    *("supervision", "监督数据", supervision.GROUP, supervision.TOPICS),
    handle=lambda settings: supervision.handler(settings.identity_secret),
    restricted=True,
)
MODELS = {model.name: model for model in (PUBLIC, SUPERVISION)}
