"""How often an address files or guesses, and a village is filed for, in a day: by hashes under that day's own key."""

import hashlib
import hmac
import secrets
from datetime import date, datetime

from services.disclosure.appeals.errors import TooManyAppeals
from shared.db import Connection, Database, Scope
from shared.workdays import SHANGHAI

_KEY = """
INSERT INTO appeal_day_keys AS k (day, key) VALUES ($1, $2) ON CONFLICT (day) DO UPDATE SET key = k.key RETURNING key
"""
_COUNT = """
INSERT INTO appeal_rates AS r (day, bucket, count) VALUES ($1, $2, 1)
ON CONFLICT (day, bucket) DO UPDATE SET count = r.count + 1 RETURNING count
"""


async def count(db: Database, limits: list[tuple[str, str, int]], now: datetime) -> None:
    """Count one of each (what, of whom, most a day), which stays counted; raises `TooManyAppeals`."""
    day = _day(now)
    async with db.begin(Scope.system()) as conn:
        key = await conn.fetchval(_KEY, day, secrets.token_hex(32))
        counted = [(await conn.fetchval(_COUNT, day, _bucket(key, what, whom)), most) for what, whom, most in limits]
    if any(found > most for found, most in counted):
        raise TooManyAppeals(
            "同一网络今天的次数已满,请明天再来,或到村务公开栏所示的联系点当面反映",
            "This network has reached today's limit: come again tomorrow, or call at the liaison station",
        )


async def check(db: Database, what: str, whom: str, most: int, now: datetime) -> None:
    """Refuse who has reached a limit already, without counting; raises `TooManyAppeals`."""
    day = _day(now)
    async with db.begin(Scope.system(), readonly=True) as conn:
        key = await conn.fetchval("SELECT key FROM appeal_day_keys WHERE day = $1", day)
        bucket = _bucket(key, what, whom) if key else ""
        found = await conn.fetchval("SELECT count FROM appeal_rates WHERE day = $1 AND bucket = $2", day, bucket)
    if found is not None and found >= most:
        raise TooManyAppeals("查错的次数太多,请明天再试", "Too many wrong numbers: try again tomorrow")


async def forget(conn: Connection, now: datetime) -> None:
    """Let the days that are over go: their keys first of all."""
    await conn.execute("DELETE FROM appeal_day_keys WHERE day < $1", _day(now))
    await conn.execute("DELETE FROM appeal_rates WHERE day < $1", _day(now))


def _day(now: datetime) -> date:
    return now.astimezone(SHANGHAI).date()


def _bucket(key: str, what: str, whom: str) -> str:
    return hmac.new(key.encode(), f"{what}|{whom}".encode(), hashlib.sha256).hexdigest()[:32]
