"""Which faults pass by themselves and are waited out, and which an event carries in it."""

import asyncpg
from aiokafka.errors import KafkaError

from shared.db import DATABASE_FAULTS

_OF_THE_DATA = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
_OF_THE_WORLD = (*DATABASE_FAULTS, KafkaError, MemoryError)


def passing(error: BaseException) -> bool:
    """Whether waiting or an operator may mend it (broker, database, disk, memory), not another event."""
    return isinstance(error, _OF_THE_WORLD) and not isinstance(error, _OF_THE_DATA)
