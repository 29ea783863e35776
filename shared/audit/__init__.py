"""Who saw, changed or exported what: an entry commits with the deed that it tells of, or neither does.

`sealer` chains the entries right after, `check` proves that none was changed since. Why so: docs/decisions/0009.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared import regions
from shared.db import Connection
from shared.principals import Principal

SYSTEM = Principal("system", "", "", frozenset())
_INSERT = """
INSERT INTO audit_log (actor, name, grants, action, object, region, detail, once)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
"""
_LARGEST = 2**53 - 1
# Ids, codes, numbers and names of fields, never a sentence; and nothing that looks like an ID number or a phone.
_CODE = re.compile(r"[\x21-\x7e]{0,300}")
_PERSONAL = re.compile(r"\d{17}[\dXx]|1\d{10}|\d{16,19}")


class NotForTheLog(ValueError):
    """Something that may not stand in the log: words, an ID number, a fraction. The message names the place."""


async def record(
    conn: Connection,
    actor: Principal,
    action: str,
    object: str,
    detail: Mapping[str, Any] | None = None,
    *,
    region: str | None = None,
    hourly: bool = False,
) -> None:
    """Note a deed in the caller's own transaction.

    `action` is one of `shared/audit/deeds.yaml`, `object` a kind and an id (`alert:0b5c...`) or a kind alone. `detail`
    holds ids, codes and names of fields, no personal data; raises `NotForTheLog`. `region` is where the object lies,
    and says who audits it: without it, the region that holds all of the actor's. `hourly` notes it once an hour.
    """
    told = _checked(detail or {}, "detail")
    _checked(object, "object")
    hour = f"{actor.subject}|{action}|{object}|{datetime.now(UTC):%Y-%m-%dT%H}" if hourly else None
    grants = sorted(f"{grant.role}@{grant.region}" for grant in actor.grants)
    place = region or _around(actor.regions)
    await conn.execute(_INSERT, actor.subject, actor.name, grants, action, object, place, told, hour)


def _checked(value: Any, at: str) -> Any:
    match value:
        case bool() | None:
            return value
        case int() if abs(value) <= _LARGEST:
            return value
        case str() if _CODE.fullmatch(value) and not _PERSONAL.fullmatch(value):
            return value
        case Mapping():
            return {_checked(key, f"{at}.{key}"): _checked(each, f"{at}.{key}") for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            each_at = enumerate(sorted(value) if isinstance(value, set | frozenset) else value)
            return [_checked(each, f"{at}.{place}") for place, each in each_at]
    raise NotForTheLog(f"{at}: only ids, codes, whole numbers and names of fields, not {type(value).__name__}")


def _around(places: Sequence[str]) -> str:
    """The smallest region that holds all of these."""
    held = set(places) or {regions.COUNTY}
    for wider in (regions.town_of, regions.county_of, regions.city_of):
        if len(held) == 1:
            break
        held = {wider(place) for place in held}
    return min(held)
