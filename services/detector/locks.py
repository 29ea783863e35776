"""Who may judge what at the same time.

Judging holds the registers' lock shared and one slot for each key, taken in order, so that two instances that touch
the same company or person take turns. A change of a register holds the registers' lock alone: nobody may be judging
on the old record while it changes, or the change would find no judgement to repeat. Slots are few, so that no batch
can exhaust the server's table of locks. All end with the transaction.
"""

import zlib
from collections.abc import Iterable

from shared.db import Connection

SLOTS = 512
_CLASS = 7_205_111
_REGISTERS = -1
_CLOCK = -2
# Row by row, the registers' lock first; a lock taken again costs nothing.
_LOCK_KEYS = """
SELECT pg_advisory_xact_lock_shared($1, $2), pg_advisory_xact_lock($1, s) FROM unnest($3::int[]) AS s
"""


def slot(key: str) -> int:
    """The slot of a key, the same in every process."""
    return zlib.crc32(key.encode()) % SLOTS


async def lock_keys(conn: Connection, keys: Iterable[str]) -> None:
    """Wait until these keys, and the registers as they are, are ours."""
    slots = sorted({slot(key) for key in keys})
    await conn.execute(_LOCK_KEYS, _CLASS, _REGISTERS, slots)


async def lock_registers(conn: Connection) -> None:
    """Wait until nobody judges, and let nobody begin."""
    await conn.execute("SELECT pg_advisory_xact_lock($1, $2)", _CLASS, _REGISTERS)


async def try_clock(conn: Connection) -> bool:
    """Whether this instance may run the clock now; another may be at it."""
    return bool(await conn.fetchval("SELECT pg_try_advisory_xact_lock($1, $2)", _CLASS, _CLOCK))
