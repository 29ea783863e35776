"""The pages on which a villager checks a paper: what the log says of it, and whether his own copy is the same."""

import hashlib
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, File, Query, Request, UploadFile
from fastapi.responses import FileResponse, RedirectResponse, Response

from services.disclosure.answers import answer
from services.disclosure.opendata.limits import within_limits
from services.disclosure.pages import rendered
from services.disclosure.projections import case
from services.disclosure.proof import paper_log, verify_paper
from services.disclosure.proof.errors import FileTooLarge, NoFile, NoSuchPaper
from services.disclosure.proof.papers import replaced_by, versions
from services.disclosure.proof.routes import check_print, signer_of
from services.disclosure.reader import public
from services.disclosure.schemas import Named
from services.disclosure.vocabulary import vocabulary
from shared.documents import MAX_BYTES, chunks_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(within_limits)])
_HTML = "text/html; charset=utf-8"


@router.get("/papers")
async def show_log(request: Request) -> Response:
    """What the log is, its key and its newest head."""
    async with public(request) as conn:
        head = await paper_log.latest(conn)
    return _page(request, "papers.html", signer=signer_of(request), head=head)


@router.get("/papers/verify_paper.py")
async def give_command() -> FileResponse:
    """The command that checks a paper offline."""
    return FileResponse(Path(verify_paper.__file__), media_type="text/x-python", filename="verify_paper.py")


@router.get("/papers/{case_id}/{sha256}")
async def show_paper(
    request: Request, case_id: str, sha256: str, mine: Annotated[str | None, Query(max_length=64)] = None
) -> Response:
    """A paper of a case in the log; with `mine`, the SHA-256 of the visitor's own copy, whether that is the same."""
    words = vocabulary()
    async with public(request) as conn:
        about = await case.find(conn, case_id)
        filed = [kept for kept in await paper_log.of_cases(conn, [case_id]) if kept.paper.sha256 == check_print(sha256)]
        if not filed:
            raise NoSuchPaper("这个案件没有公开过这份文件", "This case has disclosed no such paper")
        latest = max(filed, key=lambda kept: kept.paper.sequence)
        every = versions(latest, await paper_log.of_cases(conn, [case_id]))
        head = await paper_log.latest(conn)
    kind = words.papers.get(latest.paper.kind)
    return _page(
        request,
        "paper.html",
        case=about,
        title=about.title or words.flow(about.flow, about.flow_version).zh,
        paper=latest,
        kind=Named.of(latest.paper.kind, kind) if kind else None,
        versions=every,
        replaced_by=replaced_by(latest, every),
        head=head,
        key=signer_of(request).verifier,
        mine=mine and check_print(mine.lower()),
    )


@router.post("/papers/{case_id}/{sha256}")
async def check_file(
    request: Request, case_id: str, sha256: str, file: Annotated[UploadFile | None, File()] = None
) -> Response:
    """Compare a file without JavaScript: only its SHA-256 is worked out, nothing is kept."""
    if file is None or not file.filename:
        raise NoFile("请先选择您手中的文件(照片或 PDF)", "Choose the file that you were given first")
    digest, size = hashlib.sha256(), 0
    async for chunk in chunks_of(file):
        size += len(chunk)
        if size > MAX_BYTES:
            raise FileTooLarge("文件不得超过 50 MB", "50 MB at most")
        digest.update(chunk)
    return RedirectResponse(
        f"/papers/{case_id}/{check_print(sha256)}?mine={digest.hexdigest()}#result", status_code=303
    )


def _page(request: Request, name: str, **values: object) -> Response:
    return answer(request, rendered(name, **values), _HTML)
