"""What became of each rule's alerts, as far as the caller may read them: what the rule's authors learn from."""

from collections import defaultdict
from typing import Any

from services.notifier.errors import NoSuchRule
from services.notifier.handling.rule_schemas import Cleared, RuleRecord
from shared.contracts.alerts import Bilingual
from shared.db import Connection

_RECORDS = """
SELECT rule_id, (array_agg(body -> 'title' ORDER BY updated_at DESC))[1] AS title, count(*) AS raised,
       count(*) FILTER (WHERE NOT finished AND outcome IS NULL) AS open,
       count(*) FILTER (WHERE judgement ->> 'state' = 'no_action') AS cleared,
       count(*) FILTER (WHERE judgement ->> 'state' = 'closed_rectified') AS rectified,
       count(*) FILTER (WHERE judgement ->> 'state' = 'closed_accountable') AS accountable,
       count(*) FILTER (WHERE state = 'withdrawn') AS withdrawn,
       coalesce(sum((judgement ->> 'recovered_fen')::bigint), 0)::bigint AS recovered_fen,
       coalesce(sum((judgement ->> 'people')::int), 0)::int AS people,
       percentile_cont(0.5) WITHIN GROUP (
           ORDER BY extract(epoch FROM (judgement ->> 'at')::timestamptz - raised_at) / 86400) AS median_days
FROM alerts WHERE $1::text IS NULL OR rule_id = $1
GROUP BY rule_id ORDER BY rule_id
"""
_EXPLANATIONS = """
SELECT rule_id, judgement ->> 'explanation' AS code, (array_agg(judgement -> 'accepted'))[1] AS accepted,
       count(*) AS count
FROM alerts WHERE judgement ->> 'explanation' IS NOT NULL AND ($1::text IS NULL OR rule_id = $1)
GROUP BY rule_id, code ORDER BY count(*) DESC, code
"""


async def of_all(conn: Connection, rule_id: str | None = None) -> list[RuleRecord]:
    """The record of each rule that has alerts in the caller's scope, or of one."""
    cleared: dict[str, list[Cleared]] = defaultdict(list)
    for row in await conn.fetch(_EXPLANATIONS, rule_id):
        words = Bilingual.model_validate(row["accepted"])
        cleared[row["rule_id"]].append(Cleared(code=row["code"], zh=words.zh, en=words.en, count=row["count"]))
    return [_record(dict(row), cleared[row["rule_id"]]) for row in await conn.fetch(_RECORDS, rule_id)]


async def of(conn: Connection, rule_id: str) -> RuleRecord:
    """The record of one rule; raises `NoSuchRule` when the caller may read no alert of it."""
    for record in await of_all(conn, rule_id):
        return record
    raise NoSuchRule("您的权限范围内没有这条规则的预警", "You may read no alert of this rule")


def _record(row: dict[str, Any], cleared: list[Cleared]) -> RuleRecord:
    days = row.pop("median_days")
    return RuleRecord(**row, cleared_by=cleared, median_days=None if days is None else round(days, 1))
