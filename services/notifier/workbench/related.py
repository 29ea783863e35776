"""The alerts that share a case or a party with one, as far as the reader of a transaction may see them."""

from services.notifier import inbox
from services.notifier.standing import Standing
from services.notifier.workbench import related_graph
from services.notifier.workbench.related_graph import Drawing
from shared.db import Connection

_NEAR = """
WITH mine AS (SELECT key FROM alert_groups WHERE alert_id = $1 AND NOT starts_with(key, 'facts:')),
near AS (SELECT DISTINCT g.alert_id FROM mine JOIN alert_groups g USING (key) WHERE g.alert_id <> $1)
SELECT a.alert_id::text, count(*) OVER () AS total FROM near JOIN alerts a USING (alert_id)
ORDER BY a.finished, a.rank, a.raised_at DESC, a.alert_id LIMIT $2
"""


async def around(conn: Connection, held: Standing) -> Drawing | None:
    """The drawing of an alert among those it is tied to; None when there is nothing to draw."""
    rows = await conn.fetch(_NEAR, held.alert.alert_id, related_graph.MOST)
    found = await inbox.read(conn, [row["alert_id"] for row in rows])
    others = [found[row["alert_id"]] for row in rows]
    return related_graph.draw(held, others, rows[0]["total"] if rows else 0)
