"""Papers of inquiries and proposals: over REST, and the form of their pages."""

from enum import Enum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Query, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from services.notifier import errors
from services.notifier.folders import folder_papers
from services.notifier.folders.folder_papers import Folder
from services.notifier.handling import paper_forms
from services.notifier.handling.paper_schemas import Papers, PaperView
from services.notifier.inquiries import inquiry_store
from services.notifier.proposals import proposal_store
from shared.auth import Caller
from shared.db import Scope
from shared.documents import EXTENSIONS, MAX_BYTES, chunks_of
from shared.lengths import check_length
from shared.openapi import problems
from shared.web import db_of, file_answer, settings_of

router = APIRouter()
_PAPERS: list[str | Enum] = ["材料 papers"]
_MISSING = (errors.NoSuchInquiry, errors.NoSuchProposal)


@router.get(
    "/v1/{folder}/{folder_id}/papers",
    tags=_PAPERS,
    summary="线索、建议书的材料 / List papers of an inquiry or proposal",
    responses=problems(*_MISSING),
)
async def list_folder_papers(request: Request, caller: Caller, folder: Folder, folder_id: UUID) -> Papers:
    """The papers of an inquiry or a proposal, and how often each was taken."""
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        await (inquiry_store.find if folder == "inquiries" else proposal_store.find)(conn, folder_id)
        return Papers(items=await folder_papers.listed(conn, folder, folder_id))


@router.post(
    "/v1/{folder}/{folder_id}/papers",
    status_code=201,
    tags=_PAPERS,
    summary="提交线索、建议书的材料 / File a paper of an inquiry or proposal",
    responses=problems(*_MISSING, *errors.FILING, errors.InquiryStepOutOfOrder, errors.ProposalStepOutOfOrder),
    openapi_extra={"requestBody": {"required": True, "content": {kind: {} for kind in sorted(EXTENSIONS)}}},
)
async def file_folder_paper(
    request: Request,
    caller: Caller,
    folder: Folder,
    folder_id: UUID,
    name: Annotated[str, Query(max_length=300, description="文件名 / the file's name")] = "",
) -> PaperView:
    """File a paper as the request's body: of a proposal, the reply and proof of what was done."""
    if request.headers.get("content-length"):
        check_length(request, MAX_BYTES)
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower() or None
    shelf, chunks = folder_papers.shelf(settings_of(request)), request.stream()
    return await folder_papers.file(
        db_of(request), caller, folder, folder_id, chunks, shelf=shelf, name=name, declared=declared
    )


@router.get(
    "/v1/{folder}/{folder_id}/papers/{paper_id}",
    tags=_PAPERS,
    response_class=Response,
    summary="下载线索、建议书的材料 / Take a paper of an inquiry or proposal",
    responses=problems(*_MISSING, errors.NoSuchPaper, *errors.RECUSED),
)
async def take_folder_paper(
    request: Request, caller: Caller, folder: Folder, folder_id: UUID, paper_id: UUID
) -> Response:
    """One paper; who took it when is kept."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        stored = await folder_papers.give(conn, caller, folder, folder_id, paper_id)
    return await file_answer(folder_papers.shelf(settings_of(request)), stored)


@router.post("/{folder}/{folder_id}/papers", include_in_schema=False)
async def file_folder_papers(
    request: Request,
    caller: Caller,
    folder: Folder,
    folder_id: UUID,
    files: Annotated[list[UploadFile], File()],
) -> Response:
    """File papers from the page, one after another: those before one that is refused are there."""
    shelf = folder_papers.shelf(settings_of(request))
    for file in paper_forms.chosen(request, files):
        name = file.filename or ""
        await folder_papers.file(db_of(request), caller, folder, folder_id, chunks_of(file), shelf=shelf, name=name)
    return RedirectResponse(f"/{folder}/{folder_id}#papers", status_code=303)
