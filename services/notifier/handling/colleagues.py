"""Who else has a desk: those who have signed in and read there, as far as the caller sits at it too."""

from collections.abc import Iterable

from services.notifier.handling import lifecycle
from services.notifier.handling.handling_schemas import Colleague
from services.notifier.handling.lifecycle import Actor, Person
from services.notifier.routing.routing import Desk
from services.notifier.standing import Assignee, Standing
from shared.db import Connection


async def at(conn: Connection, desks: Iterable[Desk]) -> dict[str, Assignee]:
    """The people seen at these desks, by subject, whom an alert can be handed over to."""
    rows = await conn.fetch(
        "SELECT subject, name, person_key, desk FROM colleagues WHERE desk = ANY($1::text[]) ORDER BY seen_at",
        [desk.address for desk in desks],
    )
    return {
        row["subject"]: Assignee(Person(row["subject"], row["name"], row["person_key"]), row["desk"]) for row in rows
    }


async def choices(conn: Connection, held: Standing, actor: Actor) -> list[Colleague]:
    """To whom this actor can hand an alert over: those seen at its desks, without himself and who must stand aside."""
    return [
        Colleague(subject=one.by.subject, name=one.by.name, desk=one.desk)
        for one in (await at(conn, held.desks)).values()
        if not one.by.is_(actor) and not lifecycle.recusal(held.alert, one.by.actor())
    ]
