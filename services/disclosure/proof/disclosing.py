"""Cases that were written, and the log: what they disclose waits for its place in it, in the same transaction."""

from collections.abc import Iterable
from datetime import datetime

from services.disclosure.cases import Case
from services.disclosure.masking import masks
from services.disclosure.proof import paper_log
from services.disclosure.proof.papers import disclosed
from services.disclosure.vocabulary import vocabulary
from shared.db import Connection


async def disclose(conn: Connection, cases: Iterable[Case], now: datetime) -> None:
    """Let the papers of these cases into the log that aren't in it."""
    speaking = [each for each in cases if each.matter in masks().documents_in]
    logged = await paper_log.logged(conn, (each.case_id for each in speaking))
    papers = [
        paper
        for each in speaking
        for paper in disclosed(each, logged.get(each.case_id, set()), now, masks(), vocabulary())
    ]
    await paper_log.add(conn, papers)
