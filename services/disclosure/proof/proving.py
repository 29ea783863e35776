"""Proofs of the paper log, made of what PostgreSQL keeps of its tree."""

from services.disclosure.proof import paper_log
from services.disclosure.proof.errors import BadSizes
from services.disclosure.proof.paper_log import Leaf
from services.disclosure.proof.schemas import ConsistencyProof, PaperProof
from services.disclosure.proof.tree import consistency, inclusion
from shared.db import Connection


async def prove(conn: Connection, leaf: Leaf, size: int | None, key: str) -> PaperProof:
    """That a leaf is in the log of a size, or in the whole of it; raises `BadSizes`, `NoSuchHead`."""
    head = await paper_log.head(conn, size)
    if leaf.index >= head.size:
        raise BadSizes(
            f"第 {leaf.index} 号不在前 {head.size} 条之内", f"Leaf {leaf.index} is not among the first {head.size}"
        )
    path = await paper_log.path(conn, inclusion(leaf.index, head.size))
    return PaperProof(
        sha256=leaf.kept.paper.sha256,
        leaf=leaf.text,
        index=leaf.index,
        size=head.size,
        path=tuple(each.hex() for each in path),
        head=head.note,
        key=key,
    )


async def prove_consistency(conn: Connection, old: int, new: int | None, key: str) -> ConsistencyProof:
    """That the log only grew between two heads; raises `BadSizes`, `NoSuchHead`."""
    newer = await paper_log.head(conn, new)
    if old > newer.size:
        raise BadSizes(f"old 不得大于 new:{old} > {newer.size}", f"`old` may not be above `new`: {old} > {newer.size}")
    older = await paper_log.head(conn, old)
    path = await paper_log.path(conn, consistency(older.size, newer.size))
    return ConsistencyProof(old=older.note, new=newer.note, path=tuple(each.hex() for each in path), key=key)
