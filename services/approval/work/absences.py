"""Absences and deputies in PostgreSQL: asked for, approved by a third person, ended; and who is seen at work where."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from services.approval import flows
from services.approval.errors import RoleMissing
from services.approval.work.errors import DeputyUnsuitable, NoSuchAbsence, NotYoursToDecide
from services.approval.work.plan import Plan
from services.approval.work.standing_in import Absence, Person, own_roles
from shared import audit
from shared.db import Connection
from shared.principals import Grant, Principal
from shared.problems import FieldError, InvalidInput
from shared.workdays import SHANGHAI

_READ = "SELECT * FROM absences"
_SHOWN_AFTER_DAYS = 30


async def seen(conn: Connection, caller: Principal, now: datetime) -> None:
    """Note, once a day, in which roles the caller works, so that he can be named as a deputy."""
    grants = sorted(getattr(caller, "own", caller.grants))
    await conn.execute(
        "INSERT INTO colleagues (subject, role, region, name, person_key, seen_at)"
        " SELECT $1, role, region, $4, $5, $6 FROM unnest($2::text[], $3::text[]) AS held (role, region)"
        " ON CONFLICT (subject, role, region) DO UPDATE SET name = excluded.name, person_key = excluded.person_key,"
        " seen_at = excluded.seen_at WHERE colleagues.seen_at < excluded.seen_at - interval '1 day'",
        caller.subject,
        [grant.role for grant in grants],
        [grant.region for grant in grants],
        caller.name,
        caller.person_key,
        now,
    )


async def suitable(conn: Connection, caller: Principal, grant: Grant, plan: Plan) -> list[Person]:
    """Who has been seen at work in the place and may stand in for this role there."""
    rows = await conn.fetch(
        "SELECT DISTINCT subject, name, person_key FROM colleagues"
        " WHERE region = $1 AND role = ANY ($2::text[]) AND subject <> $3 AND person_key <> $4 ORDER BY name",
        grant.region,
        list(plan.deputies.get(grant.role, ())),
        caller.subject,
        caller.person_key,
    )
    return [Person(row["subject"], row["name"], row["person_key"]) for row in rows]


async def ask(
    conn: Connection,
    caller: Principal,
    *,
    grant: Grant,
    starts_on: date,
    ends_on: date,
    reason: str,
    deputy: str | None,
    plan: Plan,
    now: datetime,
) -> Absence:
    """Say that one will be away from a role, and who is to stand in; raises `RoleMissing`, `DeputyUnsuitable`."""
    if grant.role not in own_roles(caller, grant.region) or grant.role not in plan.deputies:
        raise RoleMissing("只能交出自己的角色", "Only a role of one's own can be handed over")
    _check_days(starts_on, ends_on, now.astimezone(SHANGHAI).date(), plan)
    chosen = None
    if deputy:
        chosen = next((one for one in await suitable(conn, caller, grant, plan) if one.subject == deputy), None)
        if chosen is None:
            wrong = FieldError("deputy", "请在名单中选择", "Choose one of the list")
            role = flows.load().roles[grant.role]
            raise DeputyUnsuitable(
                f"{role.zh}的代理人应在同一地方办过事,且角色合适",
                f"{role.en}: a deputy works in the same place, in a suitable role",
                [wrong],
            )
    who = Person(caller.subject, caller.name, caller.person_key)
    made = Absence(uuid4(), who, grant, starts_on, ends_on, reason.strip(), chosen, now)
    await conn.execute(
        "INSERT INTO absences (absence_id, subject, name, person_key, role, region, starts_on, ends_on, reason,"
        " deputy_subject, deputy_name, deputy_key, asked_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        made.absence_id,
        *(who.subject, who.name, who.person_key, grant.role, grant.region, starts_on, ends_on, made.reason),
        *((chosen.subject, chosen.name, chosen.person_key) if chosen else (None, None, None)),
        now,
    )
    await _note(conn, caller, "absence.asked", made)
    return made


async def decide(
    conn: Connection, caller: Principal, absence_id: UUID, *, approve: bool, plan: Plan, now: datetime
) -> Absence:
    """Approve of a deputy, or refuse him; raises `NoSuchAbsence`, `NotYoursToDecide`."""
    held = await _lock(conn, absence_id)
    if held.standing(now) != "asked":
        raise NoSuchAbsence("没有待审批的代理", "No deputy waits to be approved of here")
    if not may_decide(caller, held, plan):
        raise NotYoursToDecide(
            "由村书记主任或上级审批,本人与代理人不能审批",
            "Approved by the village head or the level above, never by the two themselves",
        )
    await conn.execute(
        "UPDATE absences SET approved = $2, decided_at = $3, decided_by = $4, decider_name = $5 WHERE absence_id = $1",
        absence_id,
        approve,
        now,
        caller.subject,
        caller.name,
    )
    await _note(conn, caller, "absence.approved" if approve else "absence.refused", held)
    return await _lock(conn, absence_id)


async def end(conn: Connection, caller: Principal, absence_id: UUID, *, plan: Plan, now: datetime) -> Absence:
    """End an absence before its time, by one of the two or by who approves; raises `NoSuchAbsence`."""
    held = await _lock(conn, absence_id)
    if held.standing(now) == "over" or not concerns(caller, held, plan):
        raise NoSuchAbsence("没有可以结束的请假或代理", "No absence here that you could end")
    await conn.execute(
        "UPDATE absences SET ended_at = $2, ended_by = $3 WHERE absence_id = $1", absence_id, now, caller.subject
    )
    await _note(conn, caller, "absence.ended", held)
    return await _lock(conn, absence_id)


def may_decide(caller: Principal, absence: Absence, plan: Plan) -> bool:
    """Whether the caller approves of this deputy: in a role of his own, and as a third person."""
    two = [absence.who] + ([absence.deputy] if absence.deputy else [])
    if any(one.is_(caller) for one in two):
        return False
    return not own_roles(caller, absence.grant.region).isdisjoint(plan.approvers_of(absence.grant))


def concerns(caller: Principal, absence: Absence, plan: Plan) -> bool:
    """Whether the absence is the caller's matter, so that its reason is his to read: the two, and who approves."""
    deputy = absence.deputy is not None and absence.deputy.is_(caller)
    return deputy or absence.who.is_(caller) or may_decide(caller, absence, plan)


async def visible(conn: Connection, now: datetime) -> list[Absence]:
    """The absences that the caller may see and that aren't long over, the latest first."""
    rows = await conn.fetch(
        f"{_READ} WHERE ends_on >= $1::date - {_SHOWN_AFTER_DAYS} ORDER BY starts_on DESC, asked_at DESC LIMIT 200",
        now.astimezone(SHANGHAI).date(),
    )
    return [_of(row) for row in rows]


async def find(conn: Connection, absence_id: UUID) -> Absence | None:
    """An absence that the caller may see."""
    row = await conn.fetchrow(f"{_READ} WHERE absence_id = $1", absence_id)
    return _of(row) if row else None


async def with_deputies(conn: Connection) -> list[Absence]:
    """Absences in which somebody was approved to stand in, those of the last years too; runs with system scope.

    Those that are over still bar their deputies from a second part in the cases of that time.
    """
    return [_of(row) for row in await conn.fetch(f"{_READ} WHERE approved AND ends_on > current_date - 1500")]


async def _lock(conn: Connection, absence_id: UUID) -> Absence:
    row = await conn.fetchrow(f"{_READ} WHERE absence_id = $1 FOR UPDATE", absence_id)
    if row is None:
        raise NoSuchAbsence("没有这项请假或代理,或不在您的权限范围内", "No such absence within your regions")
    return _of(row)


async def _note(conn: Connection, caller: Principal, action: str, absence: Absence) -> None:
    told = {"role": absence.grant.role, "deputy": absence.deputy.person_key if absence.deputy else None}
    await audit.record(conn, caller, action, f"absence:{absence.absence_id}", told, region=absence.grant.region)


def _check_days(starts_on: date, ends_on: date, today: date, plan: Plan) -> None:
    errors = []
    if starts_on < today:
        errors.append(FieldError("starts_on", "不能早于今天", "Not before today"))
    if ends_on < starts_on:
        errors.append(FieldError("ends_on", "不能早于开始日", "Not before the first day"))
    elif (ends_on - starts_on).days >= plan.longest_absence_days:
        most = plan.longest_absence_days
        errors.append(FieldError("ends_on", f"最长 {most} 天", f"{most} days at most"))
    if errors:
        raise InvalidInput("请按提示修改", "Please mend the named fields", errors)


def _of(row: Any) -> Absence:
    deputy = row["deputy_subject"]
    return Absence(
        row["absence_id"],
        Person(row["subject"], row["name"], row["person_key"]),
        Grant(row["role"], row["region"]),
        row["starts_on"],
        row["ends_on"],
        row["reason"],
        Person(deputy, row["deputy_name"], row["deputy_key"]) if deputy else None,
        row["asked_at"],
        row["approved"],
        row["decider_name"],
        row["ended_at"],
    )


def of_role(absences: Sequence[Absence], caller: Principal, now: datetime) -> list[Absence]:
    """Whose work falls to the caller because he holds the same role there, and nobody stands in."""
    return [
        each
        for each in absences
        if each.away(now)
        and (each.deputy is None or each.standing(now) in ("asked", "refused"))
        and not each.who.is_(caller)
        and each.grant.role in own_roles(caller, each.grant.region)
    ]
