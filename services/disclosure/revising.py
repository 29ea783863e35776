"""Cases that change on their villages' pages: by an event, by the clock, or because an official took something back."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from services.disclosure import village_page
from services.disclosure.cases import Case
from services.disclosure.fading import faded
from services.disclosure.masking import masks
from services.disclosure.projections import case, village
from services.disclosure.proof.disclosing import disclose
from services.disclosure.schemas import VillagePage
from services.disclosure.vocabulary import vocabulary
from shared.background import by_turns
from shared.db import Connection


async def put(
    conn: Connection,
    before: Mapping[str, Case],
    after: Mapping[str, Case],
    pages: dict[str, VillagePage],
    now: datetime,
) -> None:
    """Write the cases that differ, without what is no longer public, and bring the held pages in line."""
    shown = {key: faded(each, masks(), now) for key, each in after.items()}
    moved = [each for key, each in shown.items() if each is not before.get(key)]
    await case.save(conn, moved, masks(), vocabulary())
    await disclose(conn, moved, now)
    async for each in by_turns(moved):
        if page := pages.get(each.village_code):
            pages[each.village_code] = village_page.with_case(
                page, before.get(each.case_id), each, masks(), vocabulary()
            )


async def revise(conn: Connection, case_ids: Iterable[str], decide: Callable[[Case], Case], now: datetime) -> None:
    """Change some cases and their villages' pages in the caller's transaction, which is the system's.

    The pages are locked first, as the consumer does: nobody's change is lost.
    """
    wanted = sorted(set(case_ids))
    held = await village.load(conn, await case.villages_of(conn, wanted))
    before = await case.load(conn, wanted)
    pages = {code: rendered.whole for code, rendered in held.items()}
    await put(conn, before, {key: decide(each) for key, each in before.items()}, pages, now)
    await village.save(conn, held, pages, now)
