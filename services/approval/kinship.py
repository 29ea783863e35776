"""The register of kinship as approval keeps it, and whether somebody may decide of whom a case is about."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from services.approval.errors import Kin, MustStandAside
from services.approval.kin import Colleague, Instead, Tie, instead, near
from services.approval.work.plan import plan
from shared.bus.envelope import Envelope
from shared.contracts.reference import Kinship, topic
from shared.db import Connection
from shared.principals import Principal
from shared.problems import FieldError
from shared.regions import level_of

GROUP = "approval"
TOPIC = topic(Kinship.DATASET)
_DELETE = "DELETE FROM kinship WHERE id = ANY ($1::text[])"
_SET = """
INSERT INTO kinship (id, person_key, relative_key, valid_from, valid_to)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::date[], $5::date[])
"""
_COLLEAGUES = """
SELECT person_key, array_agg(DISTINCT role) AS roles FROM colleagues
WHERE region = $1 AND subject <> $2 AND person_key <> $3 GROUP BY person_key
"""
_ABOVE = {"village": ("镇里", "the town"), "town": ("县里", "the county"), "county": ("市里", "the city")}


@dataclass(frozen=True)
class Step:
    """A step that decides: in which role it is taken, and in which roles it may be, in which village."""

    role: str
    deciders: Collection[str]
    village: str


async def take(conn: Connection, batch: Sequence[Envelope]) -> None:
    """Take over what the register says now, the last of each record; raises on one that doesn't fit its contract."""
    last = {event.key: Kinship.model_validate(event.data) if event.data is not None else None for event in batch}
    for key, tie in last.items():
        if tie and tie.id != key:
            raise ValueError(f"the record's id {tie.id!r} is not the message's key {key!r}")
    ties = [tie for tie in last.values() if tie]
    await conn.execute(_DELETE, list(last))
    await conn.execute(
        _SET,
        [tie.id for tie in ties],
        [tie.person_key for tie in ties],
        [tie.relative_key for tie in ties],
        [tie.valid_from for tie in ties],
        [tie.valid_to for tie in ties],
    )


async def check_decider(conn: Connection, caller: Principal, step: Step, concerned: Collection[str], day: date) -> None:
    """Nobody decides of himself or of his kin; raises `MustStandAside`, `Kin`, which say who decides instead."""
    if caller.person_key not in await _near_to(conn, [caller.person_key], concerned, day):
        return
    zh, en = await _instead(conn, caller, step, concerned, day)
    refused = MustStandAside if caller.person_key in concerned else Kin
    raise refused(zh, en, [FieldError("node", "您应当回避", "You stand aside")])


async def check_voter(conn: Connection, caller: Principal, concerned: Collection[str], day: date) -> None:
    """Nobody votes on himself or his kin; raises `MustStandAside`, `Kin`."""
    if caller.person_key in await _near_to(conn, [caller.person_key], concerned, day):
        refused = MustStandAside if caller.person_key in concerned else Kin
        raise refused("请选择“回避”", "Choose to stand aside", [FieldError("vote", "您应当回避", "You stand aside")])


async def _near_to(conn: Connection, persons: Collection[str], concerned: Collection[str], day: date) -> frozenset[str]:
    """Those of the persons who are, or are near to, one of those concerned."""
    if not concerned or not persons:
        return frozenset()
    # Each tie of a way of two steps ends at one of the two whom it joins.
    rows = await conn.fetch(
        "SELECT person_key, relative_key, valid_from, valid_to FROM ties_of($1)", [*persons, *concerned]
    )
    ties = [Tie(**dict(row)) for row in rows]
    return frozenset(person for person in persons if not near(person, ties, day).isdisjoint(concerned))


async def _instead(
    conn: Connection, caller: Principal, step: Step, concerned: Collection[str], day: date
) -> tuple[str, str]:
    """Who may decide instead, of those at work in the place of the caller's role, in Chinese and English."""
    place = next(
        grant.region for grant in sorted(caller.grants) if grant.role == step.role and grant.covers(step.village)
    )
    rows = await conn.fetch(_COLLEAGUES, place, caller.subject, caller.person_key)
    seen = [Colleague(row["person_key"], frozenset(row["roles"])) for row in rows]
    barred = await _near_to(conn, [each.person_key for each in seen], concerned, day)
    free = [each for each in seen if each.person_key not in barred]
    return _said(instead(step.role, step.deciders, free, plan()), place)


def _said(who: Instead, place: str) -> tuple[str, str]:
    if who == "colleague":
        return "请由可办这一步的其他人办理", "Somebody else whose step this is decides"
    if who == "deputy":
        return (
            "请在“请假代理”中指定代理人,经同意后由其办理",
            "Name a deputy under absences: once approved of, he decides",
        )
    zh, en = _ABOVE.get(level_of(place), ("上级", "the level above"))
    return f"本地没有其他人可以办理,请报{zh}指定人员办理", f"Nobody else here may decide: ask {en} to name somebody"
