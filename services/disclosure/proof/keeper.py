"""The keeper of the paper log: gives disclosed papers their places and signs a head over them.

What waits gets its place in one transaction with the tree, the head and the head's event, so the log never is without a
head over all of it. It looks twice a second, but signs at most each ten seconds, unless a whole batch waits.
"""

from datetime import UTC, datetime, timedelta

from services.disclosure.proof import paper_log
from services.disclosure.proof.checkpoint import Signer
from services.disclosure.proof.paper_log import Head
from services.disclosure.proof.tree import leaf_hash
from shared.background import every
from shared.bus import outbox
from shared.bus.envelope import Envelope
from shared.contracts.proof import TOPIC, HeadSigned
from shared.db import Connection, Database, Scope
from shared.telemetry import PAPERS_LOGGED

EVERY_SECONDS = 0.5
HEAD_SECONDS = 10.0
BATCH = 5_000
# Of several instances one writes at a time: each place is given once, each head leads to the next.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('papers'), hashtext(current_schema()))"
_DUE = "SELECT EXISTS (SELECT 1 FROM paper_leaves WHERE leaf_index IS NULL)"


class Keeper:
    """Keeps the log. Any number of instances may run."""

    def __init__(self, db: Database, signer: Signer, *, head_seconds: float = HEAD_SECONDS) -> None:
        self._db = db
        self._signer = signer
        self._between_heads = timedelta(seconds=head_seconds)

    async def run(self) -> None:
        """Keep it until cancelled; a fault of the database is waited out."""

        async def look() -> bool:
            return await self.grow() == BATCH

        await every(EVERY_SECONDS, "papers", look)

    async def grow(self) -> int:
        """Place what waits, when it is time; returns how many papers."""
        async with self._db.begin(Scope.system()) as conn:
            if not await conn.fetchval(_DUE):
                return 0
            await conn.execute(_LOCK)
            now, last = datetime.now(UTC), await paper_log.latest(conn)
            papers = await paper_log.waiting(conn, BATCH)
            soon = last is not None and now < last.signed_at + self._between_heads
            if not papers or (soon and len(papers) < BATCH):
                return 0
            size = await self._place(conn, papers, last.size if last else 0, now)
        PAPERS_LOGGED.set(size)
        return len(papers)

    async def _place(self, conn: Connection, papers: list[tuple[int, bytes]], first: int, now: datetime) -> int:
        edge = await paper_log.edge(conn, first)
        grown = edge.grow(leaf_hash(text) for _, text in papers)
        await paper_log.place(conn, [id for id, _ in papers], first, grown)
        head = Head(edge.size, edge.root, self._signer.note(edge.size, edge.root), now)
        await paper_log.keep_head(conn, head)
        await outbox.publish(conn, [self._told(head)])
        return head.size

    def _told(self, head: Head) -> Envelope:
        event = HeadSigned(
            origin=self._signer.origin,
            size=head.size,
            root=head.root.hex(),
            note=head.note,
            key=self._signer.verifier,
            signed_at=head.signed_at,
        )
        key, subject = self._signer.origin, str(head.size)
        return Envelope.of(event, source="/disclosure", topic=TOPIC, key=key, time=head.signed_at, subject=subject)
