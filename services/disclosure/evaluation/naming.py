"""What the records behind a line are called: a case's number, a node, an alert's title, and when it was."""

from collections.abc import Iterable, Mapping

from services.disclosure.evaluation.counting import Item
from services.disclosure.evaluation.figures import names
from services.disclosure.evaluation.indicators import plan
from services.disclosure.evaluation.schemas import Told
from services.disclosure.schemas import Bilingual
from shared.db import Connection
from shared.words import Name, words

_CASES = "SELECT case_id, case_no, flow, opened_at FROM supervised_cases WHERE case_id = ANY($1::text[])"
_STEPS = """
SELECT case_id || '/' || sequence AS id, node, done_at FROM supervised_steps
WHERE case_id = ANY($1::text[]) AND case_id || '/' || sequence = ANY($2::text[])
"""
_ALERTS = "SELECT alert_id, title_zh, title_en, happened_at FROM supervised_alerts WHERE alert_id = ANY($1::text[])"
_APPEALS = "SELECT appeal_id, filed_at FROM supervised_appeals WHERE appeal_id = ANY($1::text[])"


async def told(conn: Connection, items: Iterable[Item]) -> Mapping[str, Told]:
    """The records by their ids. Whoever asks must already be let see which they are."""
    ids: dict[str, list[str]] = {"case": [], "step": [], "alert": [], "appeal": [], "figure": []}
    for item in items:
        ids[item.kind].append(item.id)
    heads = [*ids["case"], *(id.partition("/")[0] for id in ids["step"])]
    cases = {row["case_id"]: row for row in await conn.fetch(_CASES, heads)}
    steps = {row["id"]: row for row in await conn.fetch(_STEPS, heads, ids["step"])}
    found = {id: Told(_flow(row["flow"]), row["case_no"], row["opened_at"]) for id, row in cases.items()}
    for id in ids["step"]:
        head, _, tail = id.partition("/")
        # A node that still waits is told by its code instead of the number of its event.
        node, at = (steps[id]["node"], steps[id]["done_at"]) if id in steps else (tail, None)
        if case := cases.get(head):
            found[id] = Told(_node(case["flow"], node), case["case_no"], at)
    for row in await conn.fetch(_ALERTS, ids["alert"]):
        found[row["alert_id"]] = Told(Bilingual(zh=row["title_zh"], en=row["title_en"]), None, row["happened_at"])
    for row in await conn.fetch(_APPEALS, ids["appeal"]):
        found[row["appeal_id"]] = Told(Bilingual(zh="群众诉求", en="Appeal"), None, row["filed_at"])
    inputs = names(plan())
    return found | {id: Told(Bilingual(zh=inputs[id], en=plan().inputs[id].en)) for id in ids["figure"]}


def _flow(code: str) -> Bilingual:
    versions = words().flows.get(code)
    return Bilingual.of(versions[max(versions)] if versions else Name(code, code))


def _node(flow: str, node: str) -> Bilingual:
    versions = words().flows.get(flow, {})
    named = (versions[version].nodes.get(node) for version in sorted(versions, reverse=True))
    found = next((name for name in named if name), Name(node, node))
    return Bilingual(zh=f"{node} {found.zh}", en=found.en)
