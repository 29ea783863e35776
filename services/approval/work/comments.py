"""What those who work on a case say to each other: never public, never deleted, struck out with a reason."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.approval import flows, store
from services.approval.checks import check_text
from services.approval.errors import RoleMissing
from services.approval.work.errors import NoSuchComment
from services.approval.work.plan import plan
from services.approval.work.standing_in import own_roles
from shared import audit
from shared.db import Connection, region_prefix
from shared.identity import valid_id_no
from shared.principals import Principal
from shared.problems import FieldError, InvalidInput

LONGEST = 2000
_NUMBERS = re.compile(r"\d{17}[\dXx]|\d{16,19}|1[3-9]\d{9}")


@dataclass(frozen=True)
class Comment:
    """One comment; `mentions` are roles of the flow whose holders are to read it."""

    comment_id: UUID
    case_id: UUID
    node: str | None
    text: str
    mentions: tuple[str, ...]
    subject: str
    name: str
    written_at: datetime
    struck_at: datetime | None = None
    struck_by: str | None = None
    strike_reason: str | None = None


@dataclass(frozen=True)
class Mention:
    """A case in whose comments the reader is mentioned and which he hasn't opened since."""

    case_id: UUID
    case_no: str
    title: str
    name: str
    written_at: datetime


def roles() -> frozenset[str]:
    """The roles that work on cases: their holders comment."""
    return frozenset(flows.load().roles)


async def write(
    conn: Connection,
    caller: Principal,
    case_id: UUID,
    *,
    text: str,
    mentions: Sequence[str],
    now: datetime,
) -> Comment:
    """Comment on a case; raises `CaseNotFound`, `RoleMissing` for who works in no role there, `InvalidInput`."""
    case = await store.find(conn, case_id)
    if own_roles(caller, case.village_code).isdisjoint(roles()):
        raise RoleMissing("只有参与办理的角色可以留言", "Only those who work on cases may comment")
    said = _checked(text)
    if unknown := sorted(set(mentions) - roles()):
        wrong = FieldError("mentions", f"没有角色 {unknown[0]}", f"{unknown[0]} is no role")
        raise InvalidInput("没有这个角色", "No such role", [wrong])
    made = Comment(uuid4(), case_id, case.node, said, tuple(sorted(set(mentions))), caller.subject, caller.name, now)
    await conn.execute(
        "INSERT INTO case_comments (comment_id, case_id, village_code, node, text, mentions, subject, name, written_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        made.comment_id,
        case_id,
        case.village_code,
        made.node,
        said,
        list(made.mentions),
        caller.subject,
        caller.name,
        now,
    )
    told = {"comment": str(made.comment_id), "mentions": list(made.mentions)}
    await audit.record(conn, caller, "case.commented", f"case:{case_id}", told, region=case.village_code)
    return made


async def strike(conn: Connection, caller: Principal, comment_id: UUID, *, reason: str, now: datetime) -> Comment:
    """Strike out a comment of one's own; it stays readable. Raises `NoSuchComment`, `InvalidInput` without reason."""
    if not reason.strip():
        raise InvalidInput("请写明理由", "Say why", [FieldError("reason", "必填", "Required")])
    check_text("reason", reason)
    row = await conn.fetchrow(
        "UPDATE case_comments SET struck_at = $3, struck_by = $4, strike_reason = $5"
        " WHERE comment_id = $1 AND subject = $2 AND struck_at IS NULL RETURNING *",
        comment_id,
        caller.subject,
        now,
        caller.name,
        reason.strip()[:LONGEST],
    )
    if row is None:
        raise NoSuchComment("只能划去自己的留言", "Only a comment of one's own can be struck out")
    await audit.record(conn, caller, "comment.struck", f"comment:{comment_id}", region=row["village_code"])
    return _of(row)


async def of_case(conn: Connection, case_id: UUID) -> list[Comment]:
    """A case's comments, oldest first."""
    rows = await conn.fetch("SELECT * FROM case_comments WHERE case_id = $1 ORDER BY written_at, comment_id", case_id)
    return [_of(row) for row in rows]


async def note_read(conn: Connection, caller: Principal, case_id: UUID, now: datetime) -> None:
    """The caller has the case's comments before him: he is no longer told of their mentions."""
    await conn.execute(
        "INSERT INTO comments_read (subject, case_id, read_at) VALUES ($1, $2, $3)"
        " ON CONFLICT (subject, case_id) DO UPDATE SET read_at = excluded.read_at",
        caller.subject,
        case_id,
        now,
    )


async def mentioning(conn: Connection, caller: Principal, now: datetime) -> list[Mention]:
    """Where the caller is mentioned by others and hasn't looked since, the latest first."""
    grants = sorted(caller.grants)
    rows = await conn.fetch(
        "SELECT DISTINCT ON (k.case_id) k.case_id, k.case_no, k.title, m.name, m.written_at"
        " FROM case_comments m JOIN cases k USING (case_id)"
        " LEFT JOIN comments_read r ON r.case_id = m.case_id AND r.subject = $1"
        " WHERE m.mentions <> '{}' AND m.struck_at IS NULL AND m.subject <> $1 AND m.written_at > $2"
        "   AND m.written_at > coalesce(r.read_at, '-infinity') AND EXISTS ("
        "     SELECT 1 FROM unnest($3::text[], $4::text[]) AS held (role, region)"
        "     WHERE held.role = ANY (m.mentions) AND m.village_code LIKE held.region)"
        " ORDER BY k.case_id, m.written_at DESC LIMIT 50",
        caller.subject,
        now - timedelta(days=plan().mention_days),
        [grant.role for grant in grants],
        [region_prefix(grant.region) for grant in grants],
    )
    return sorted((Mention(**dict(row)) for row in rows), key=lambda each: each.written_at, reverse=True)


def _checked(text: str) -> str:
    """What may be said: something, not too much, and no number of a person, an account or a phone."""
    said = text.strip()
    if not said:
        raise InvalidInput("请写内容", "Say something", [FieldError("text", "必填", "Required")])
    if len(said) > LONGEST:
        wrong = FieldError("text", f"最多 {LONGEST} 字", f"{LONGEST} characters at most")
        raise InvalidInput("留言太长", "The comment is too long", [wrong])
    check_text("text", said.replace("\n", " "))
    if any(len(found) != 18 or valid_id_no(found) or found.isdigit() for found in _NUMBERS.findall(said)):
        wrong = FieldError("text", "请勿写证件号、账号、电话", "No ID number, account or phone, please")
        raise InvalidInput("留言中不能有证件号、账号、电话", "A comment holds no such number", [wrong])
    return said


def _of(row: Any) -> Comment:
    told = {name: row[name] for name in Comment.__dataclass_fields__}
    return Comment(**told | {"mentions": tuple(row["mentions"])})
