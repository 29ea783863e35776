"""Forms that are not filed yet, kept as they were typed: for their writer alone, sealed, for some weeks.

A form holds ID numbers and accounts in clear; they reach the table sealed only (`shared.identity.seal`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from cryptography.exceptions import InvalidTag

from services.approval.documents import FiledPaper
from services.approval.work.plan import plan
from shared.db import Connection
from shared.identity import seal, unseal
from shared.principals import Principal
from shared.problems import FieldError, InvalidInput

_LONGEST = 200_000
# Of a page's inputs, those that belong to the showing of it and not to what somebody typed.
_PASSING = frozenset({"sequence", "prompts_read", "request_id", "node"})


@dataclass(frozen=True)
class Place:
    """A form: that of a case's node, or of a new case of a flow."""

    flow: str
    case_id: UUID | None = None
    node: str | None = None

    @property
    def key(self) -> str:
        """By which a writer has one draft of it."""
        return f"case:{self.case_id}:{self.node}" if self.case_id else f"new:{self.flow}"


@dataclass(frozen=True)
class Draft:
    """What somebody typed, the papers he had uploaded for it, and when it was kept."""

    place: Place
    saved_at: datetime
    typed: Mapping[str, str] = field(default_factory=dict)
    papers: Sequence[FiledPaper] = ()


async def keep(
    conn: Connection,
    caller: Principal,
    place: Place,
    typed: Mapping[str, str],
    papers: Sequence[FiledPaper],
    *,
    secret: str,
    now: datetime,
) -> None:
    """Keep a form in place of what was kept of it before; raises `InvalidInput` when it is too long."""
    kept = {name: text for name, text in typed.items() if name not in _PASSING and not name.startswith("filed.")}
    told = {"typed": kept, "papers": [[paper.kind, paper.sha256, paper.name] for paper in papers]}
    text = json.dumps(told, ensure_ascii=False)
    if len(text) > _LONGEST:
        wrong = FieldError("draft", f"最多 {_LONGEST} 字", f"{_LONGEST} characters at most")
        raise InvalidInput("内容太长,不能暂存", "Too long to be kept as a draft", [wrong])
    await conn.execute(
        "INSERT INTO drafts (subject, place, case_id, node, flow, sealed, saved_at) VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (subject, place) DO UPDATE SET sealed = excluded.sealed, saved_at = excluded.saved_at",
        caller.subject,
        place.key,
        place.case_id,
        place.node,
        place.flow,
        seal(text, secret),
        now,
    )


async def find(conn: Connection, caller: Principal, place: Place, secret: str, now: datetime) -> Draft | None:
    """What the caller has kept of a form; None when nothing, when it is too old, or when its key was changed."""
    row = await conn.fetchrow(
        "SELECT sealed, saved_at FROM drafts WHERE subject = $1 AND place = $2 AND saved_at > $3",
        caller.subject,
        place.key,
        now - timedelta(days=plan().draft_days),
    )
    if row is None:
        return None
    try:
        told = json.loads(unseal(row["sealed"], secret))
    except InvalidTag:
        return None
    return Draft(place, row["saved_at"], told["typed"], tuple(FiledPaper(*paper) for paper in told["papers"]))


async def drop(conn: Connection, caller: Principal, place: Place) -> bool:
    """Forget what was kept of a form, and say whether anything was."""
    gone = await conn.execute("DELETE FROM drafts WHERE subject = $1 AND place = $2", caller.subject, place.key)
    return bool(gone.endswith(" 1"))


async def of_new_cases(conn: Connection, caller: Principal, now: datetime) -> list[Draft]:
    """New cases that the caller has begun to write, the latest first; without what was typed."""
    rows = await conn.fetch(
        "SELECT flow, saved_at FROM drafts WHERE subject = $1 AND case_id IS NULL AND saved_at > $2"
        " ORDER BY saved_at DESC",
        caller.subject,
        now - timedelta(days=plan().draft_days),
    )
    return [Draft(Place(row["flow"]), row["saved_at"]) for row in rows]


async def filed_already(conn: Connection, caller: Principal, request_id: str) -> bool:
    """Whether the form of this number has been sent: what its script keeps a moment later is no draft any more."""
    sent = "SELECT 1 FROM idempotency_keys WHERE subject = $1 AND key = $2"
    return bool(request_id and await conn.fetchval(sent, caller.subject, request_id))


async def forget_old(conn: Connection, now: datetime) -> None:
    """Drop what was kept for long enough; runs with system scope."""
    await conn.execute("DELETE FROM drafts WHERE saved_at <= $1", now - timedelta(days=plan().draft_days))
