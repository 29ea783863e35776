"""The paper log in PostgreSQL: leaves, the perfect subtrees over them, signed heads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from services.disclosure.proof.errors import NoPaperYet, NoSuchHead, NoSuchLeaf
from services.disclosure.proof.papers import Kept, Paper
from services.disclosure.proof.tree import Edge, Node, Range, hash_of, nodes_of, perfect
from shared.db import Connection

_PAPER = "case_id, sequence, node, kind, sha256, flow, village_code, disclosed_at, replaces"
_LEAF = f"leaf_index, leaf, {_PAPER}"
COLUMNS = f"{_PAPER}, leaf"
# Every filing once: what is told again, as by a rebuild, is there already.
_ADD = f"""
INSERT INTO paper_leaves ({COLUMNS})
SELECT case_id, sequence, node, kind, sha256, flow, village_code, disclosed_at,
       ARRAY(SELECT jsonb_array_elements_text(replaces)), leaf
FROM jsonb_to_recordset($1) AS n (case_id text, sequence int, node text, kind text, sha256 text, flow text,
                                  village_code text, disclosed_at timestamptz, replaces jsonb, leaf text)
ON CONFLICT (case_id, sequence, kind, sha256) DO NOTHING
"""
_LOGGED = """
SELECT case_id, array_agg(DISTINCT sequence) AS sequences FROM paper_leaves WHERE case_id = ANY($1) GROUP BY case_id
"""
_WAITING = "SELECT id, leaf FROM paper_leaves WHERE leaf_index IS NULL ORDER BY id LIMIT $1"
_PLACE = """
UPDATE paper_leaves l SET leaf_index = n.place FROM unnest($1::bigint[], $2::bigint[]) AS n (id, place)
WHERE l.id = n.id
"""
_GROW = "INSERT INTO paper_nodes (level, place, hash) SELECT * FROM unnest($1::int[], $2::bigint[], $3::bytea[])"
_NODES = """
SELECT level, place, hash FROM paper_nodes JOIN unnest($1::int[], $2::bigint[]) AS n (level, place) USING (level, place)
"""
_LATEST = "SELECT size, root, note, signed_at FROM paper_heads ORDER BY size DESC LIMIT 1"
_HEAD = "SELECT size, root, note, signed_at FROM paper_heads WHERE size = $1"
_MOST_OF_A_PRINT = 100


@dataclass(frozen=True)
class Head:
    """A signed head of the log."""

    size: int
    root: bytes
    note: str
    signed_at: datetime


@dataclass(frozen=True)
class Leaf:
    """A leaf at its place in the log: the text that is hashed, and what it says."""

    index: int
    text: str
    kept: Kept


async def add(conn: Connection, papers: Sequence[Paper]) -> None:
    """Let papers wait for their place in the log, in the transaction that discloses them."""
    if papers:
        await conn.execute(_ADD, [_row(paper) for paper in papers])


async def logged(conn: Connection, case_ids: Iterable[str]) -> dict[str, set[int]]:
    """The entries of some cases whose papers are in the log already, by case."""
    rows = await conn.fetch(_LOGGED, sorted(set(case_ids)))
    return {row["case_id"]: set(row["sequences"]) for row in rows}


async def latest(conn: Connection) -> Head | None:
    """The newest head; None while no paper was ever disclosed."""
    row = await conn.fetchrow(_LATEST)
    return Head(**row) if row else None


async def head(conn: Connection, size: int | None) -> Head:
    """The head of this size, or the newest; raises `NoPaperYet`, `NoSuchHead`."""
    found = await latest(conn)
    if found is None:
        raise NoPaperYet("还没有文件公开,日志是空的", "No paper was disclosed yet: the log is empty")
    if size is None or size == found.size:
        return found
    row = await conn.fetchrow(_HEAD, size)
    if row is None:
        raise NoSuchHead(
            f"没有签过 {size} 条的树头;最新的是 {found.size} 条",
            f"No head of {size} was signed; the newest is {found.size}",
        )
    return Head(**row)


async def leaf(conn: Connection, index: int) -> Leaf:
    """A leaf by its place; raises `NoSuchLeaf`."""
    row = await conn.fetchrow(f"SELECT {_LEAF} FROM paper_leaves WHERE leaf_index = $1", index)
    if row is None:
        raise NoSuchLeaf(f"日志还没有第 {index} 号(从 0 数起)", f"The log has no leaf {index} (counted from 0)")
    return _leaf(row)


async def leaves(conn: Connection, start: int, limit: int) -> list[Leaf]:
    """Leaves in their order, from a place on."""
    rows = await conn.fetch(
        f"SELECT {_LEAF} FROM paper_leaves WHERE leaf_index >= $1 ORDER BY leaf_index LIMIT $2", start, limit
    )
    return [_leaf(row) for row in rows]


async def with_print(conn: Connection, sha256: str) -> list[Kept]:
    """The filings of a paper by its SHA-256, the latest first; those that wait for their place included."""
    rows = await conn.fetch(
        f"SELECT {_LEAF} FROM paper_leaves WHERE sha256 = $1 ORDER BY id DESC LIMIT {_MOST_OF_A_PRINT}", sha256
    )
    return [_kept(row) for row in rows]


async def of_cases(conn: Connection, case_ids: Iterable[str]) -> list[Kept]:
    """All filings of some cases."""
    rows = await conn.fetch(f"SELECT {_LEAF} FROM paper_leaves WHERE case_id = ANY($1)", sorted(set(case_ids)))
    return [_kept(row) for row in rows]


async def path(conn: Connection, ranges: Sequence[Range]) -> list[bytes]:
    """The hashes of some ranges of the tree."""
    hashes = await _hashes(conn, nodes_of(ranges))
    return [hash_of(part, hashes) for part in ranges]


async def edge(conn: Connection, size: int) -> Edge:
    """The right edge of the tree of this size."""
    nodes = perfect((0, size))
    hashes = await _hashes(conn, nodes)
    return Edge(size, {node: hashes[node] for node in nodes})


async def waiting(conn: Connection, most: int) -> list[tuple[int, bytes]]:
    """The ids and texts of leaves that have no place yet, as they came."""
    return [(row["id"], row["leaf"].encode()) for row in await conn.fetch(_WAITING, most)]


async def place(conn: Connection, ids: Sequence[int], first: int, grown: Mapping[Node, bytes]) -> None:
    """Give leaves their places, from `first` on, and keep what the tree has grown by them."""
    await conn.execute(_PLACE, ids, list(range(first, first + len(ids))))
    levels, places = [level for level, _ in grown], [place for _, place in grown]
    await conn.execute(_GROW, levels, places, list(grown.values()))


async def keep_head(conn: Connection, head: Head) -> None:
    """Keep a signed head."""
    await conn.execute(
        "INSERT INTO paper_heads (size, root, note, signed_at) VALUES ($1, $2, $3, $4)",
        head.size,
        head.root,
        head.note,
        head.signed_at,
    )


async def _hashes(conn: Connection, nodes: Sequence[Node]) -> dict[Node, bytes]:
    rows = await conn.fetch(_NODES, [level for level, _ in nodes], [place for _, place in nodes])
    return {(row["level"], row["place"]): row["hash"] for row in rows}


def _row(paper: Paper) -> dict[str, object]:
    return {
        "case_id": paper.case_id,
        "sequence": paper.sequence,
        "node": paper.node,
        "kind": paper.kind,
        "sha256": paper.sha256,
        "flow": paper.flow,
        "village_code": paper.village_code,
        "disclosed_at": paper.disclosed_at.isoformat(),
        "replaces": paper.replaces,
        "leaf": paper.leaf,
    }


def _leaf(row: Record) -> Leaf:
    return Leaf(row["leaf_index"], row["leaf"], _kept(row))


def _kept(row: Record) -> Kept:
    said = {name: row[name] for name in _PAPER.split(", ")}
    return Kept(Paper(**said | {"replaces": tuple(row["replaces"])}), row["leaf_index"])
