"""The paper log under /v1/papers: heads, leaves and proofs, for anybody."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel

from services.disclosure.answers import answer
from services.disclosure.opendata.limits import within_limits
from services.disclosure.proof import paper_log, proving
from services.disclosure.proof.checkpoint import Signer
from services.disclosure.proof.errors import (
    BadPrint,
    BadSizes,
    NoPaperYet,
    NoSuchHead,
    NoSuchLeaf,
    NoSuchPaper,
)
from services.disclosure.proof.papers import Kept, replaced_by, versions
from services.disclosure.proof.schemas import (
    ConsistencyProof,
    DisclosedPaper,
    LeafPage,
    LeafRange,
    LogCard,
    LogLeaf,
    PaperFiling,
    PaperProof,
    SignedHead,
)
from services.disclosure.reader import public
from shared.db import Connection
from shared.openapi import problems
from shared.problems import TooManyRequests

router = APIRouter(prefix="/v1/papers", tags=["原件存证 paper log"], dependencies=[Depends(within_limits)])
_JSON = "application/json"
_PRINT = re.compile(r"[0-9a-f]{64}")
# What is under a signed head never changes.
_FOR_GOOD = "public, max-age=31536000, immutable"
_NOW = "public, max-age=1, must-revalidate"
_LIMITED = problems(TooManyRequests)
_LARGEST = 1_000_000_000
Place = Annotated[int, Path(ge=0, le=_LARGEST, description="第几号,从 0 数起 / its place, from 0", examples=[0])]
Size = Annotated[int | None, Query(ge=1, le=_LARGEST, description="哪个树头;不填为最新 / of which head; the newest")]


@router.get(
    "/log",
    summary="日志与最新树头 / Read the log's key and newest head",
    responses=_LIMITED | {200: {"model": LogCard}},
)
async def show_log(request: Request) -> Response:
    """The log's name and key, and its newest head. Keep the key and a head: with them nobody can deceive you later."""
    signer = signer_of(request)
    async with public(request) as conn:
        head = await paper_log.latest(conn)
    card = LogCard(origin=signer.origin, key=signer.verifier, head=SignedHead.of(head) if head else None)
    return _json(request, card, _NOW)


@router.get(
    "/log/checkpoint",
    summary="最新树头原文 / Read the newest head as a checkpoint",
    response_class=Response,
    responses=problems(NoPaperYet, TooManyRequests) | {200: {"content": {"text/plain": {}}}},
)
async def show_checkpoint(request: Request) -> Response:
    """The newest head as a C2SP tlog-checkpoint, a signed note: what tools of transparency logs read."""
    async with public(request) as conn:
        head = await paper_log.head(conn, None)
    return answer(request, head.note.encode(), "text/plain; charset=utf-8", keep=_NOW)


@router.get(
    "/log/heads/{size}",
    summary="某一树头 / Read a head by its size",
    responses=problems(NoPaperYet, NoSuchHead, TooManyRequests) | {200: {"model": SignedHead}},
)
async def show_head(request: Request, size: Annotated[int, Path(ge=1, le=_LARGEST, examples=[3])]) -> Response:
    """A head that was signed, by how many papers it is over."""
    async with public(request) as conn:
        head = await paper_log.head(conn, size)
    return _json(request, SignedHead.of(head), _FOR_GOOD)


@router.get("/log/leaves", summary="日志条目 / List leaves", responses=_LIMITED | {200: {"model": LeafPage}})
async def list_leaves(request: Request, wanted: Annotated[LeafRange, Query()]) -> Response:
    """Leaves in their order: page on by `next`, and come back with the place behind your last for what is new.

    Who keeps all of them can work out every head himself.
    """
    async with public(request) as conn:
        found = await paper_log.leaves(conn, wanted.start, wanted.limit + 1)
    items, more = found[: wanted.limit], len(found) > wanted.limit
    page = LeafPage(items=tuple(map(LogLeaf.of, items)), next=wanted.start + wanted.limit if more else None)
    return _json(request, page, _FOR_GOOD if more else _NOW)


@router.get(
    "/log/leaves/{index}",
    summary="日志条目 / Read a leaf",
    responses=problems(NoSuchLeaf, TooManyRequests) | {200: {"model": LogLeaf}},
)
async def show_leaf(request: Request, index: Place) -> Response:
    """One leaf by its place."""
    async with public(request) as conn:
        leaf = await paper_log.leaf(conn, index)
    return _json(request, LogLeaf.of(leaf), _FOR_GOOD)


@router.get(
    "/log/leaves/{index}/proof",
    summary="包含证明 / Prove that a paper is in the log",
    responses=problems(NoPaperYet, NoSuchHead, NoSuchLeaf, BadSizes, TooManyRequests) | {200: {"model": PaperProof}},
)
async def prove_leaf(request: Request, index: Place, size: Size = None) -> Response:
    """The inclusion proof of a leaf, self-contained: `verify_paper.py FILE PROOF` checks it offline (/papers)."""
    async with public(request) as conn:
        leaf = await paper_log.leaf(conn, index)
        proof = await proving.prove(conn, leaf, size, signer_of(request).verifier)
    return _json(request, proof, _FOR_GOOD if size else _NOW)


@router.get(
    "/log/consistency",
    summary="一致性证明 / Prove that the log only grew",
    responses=problems(NoPaperYet, NoSuchHead, BadSizes, TooManyRequests) | {200: {"model": ConsistencyProof}},
)
async def show_consistency(
    request: Request,
    old: Annotated[int, Query(ge=1, le=_LARGEST, description="较早的树头 / the older head's size", examples=[3])],
    new: Size = None,
) -> Response:
    """The consistency proof between two heads that were signed: nothing of the older log was changed or taken out."""
    async with public(request) as conn:
        proof = await proving.prove_consistency(conn, old, new, signer_of(request).verifier)
    return _json(request, proof, _FOR_GOOD if new else _NOW)


@router.get(
    "/{sha256}",
    summary="按指纹查原件 / Find a paper by its SHA-256",
    responses=problems(BadPrint, NoSuchPaper, TooManyRequests) | {200: {"model": DisclosedPaper}},
)
async def show_paper(
    request: Request, sha256: Annotated[str, Path(description="文件的 SHA-256,64 位小写十六进制 / in lower-case hex")]
) -> Response:
    """Where a paper was disclosed, with its proofs, and whether a later version of it holds."""
    async with public(request) as conn:
        found = await paper_log.with_print(conn, check_print(sha256))
        if not found:
            raise NoSuchPaper("没有公开过这个指纹的文件", "No paper with this fingerprint was disclosed")
        filings = await filings_of(conn, found)
    return _json(request, DisclosedPaper(sha256=sha256, filings=tuple(filings)), _NOW)


async def filings_of(conn: Connection, found: list[Kept]) -> list[PaperFiling]:
    """Filings, each with what holds in its stead."""
    of_cases = await paper_log.of_cases(conn, (kept.paper.case_id for kept in found))
    by_case: dict[str, list[Kept]] = {}
    for kept in of_cases:
        by_case.setdefault(kept.paper.case_id, []).append(kept)
    return [
        PaperFiling(
            **dict(LogLeaf.of(kept)), replaced_by=replaced_by(kept, versions(kept, by_case[kept.paper.case_id]))
        )
        for kept in found
    ]


def check_print(text: str) -> str:
    """A SHA-256 as we write it; raises `BadPrint`."""
    if not _PRINT.fullmatch(text):
        raise BadPrint("指纹须为 64 位小写十六进制 (SHA-256)", "A fingerprint is a SHA-256: 64 lower-case hex digits")
    return text


def signer_of(request: Request) -> Signer:
    """The log's name and key."""
    signer: Signer = request.app.state.paper_signer
    return signer


def _json(request: Request, body: BaseModel, keep: str) -> Response:
    return answer(request, body.model_dump_json().encode(), _JSON, keep=keep)
