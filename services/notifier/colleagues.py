"""Who else has a desk: those who have signed in and read there, as far as the caller sits at it too."""

from collections.abc import Iterable

from services.notifier.lifecycle import Person
from services.notifier.routing import Desk
from services.notifier.standing import Assignee
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
