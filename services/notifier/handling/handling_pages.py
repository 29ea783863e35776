"""The forms of the alert page beside its moves: take, hand over, note, file papers, ask for and grant more time."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from services.notifier.handling import deeds, moves, paper_forms, papers
from services.notifier.handling.deeds import AnswerTime, AskTime, Deed, HandOver, Note, Release, Take
from shared.auth import Caller
from shared.documents import chunks_of
from shared.principals import Principal
from shared.web import db_of, settings_of

router = APIRouter(prefix="/alerts/{alert_id}", include_in_schema=False)
Text = Annotated[str, Form(max_length=deeds.MOST_NOTE)]


@router.post("/take")
async def take_alert(request: Request, caller: Caller, alert_id: UUID) -> Response:
    """Make it one's own."""
    return await _do(request, caller, alert_id, Take())


@router.post("/release")
async def release_alert(request: Request, caller: Caller, alert_id: UUID, note: Text = "") -> Response:
    """Give it back to all of the desk."""
    return await _do(request, caller, alert_id, Release(note))


@router.post("/hand-over")
async def hand_over_alert(
    request: Request, caller: Caller, alert_id: UUID, to: Annotated[str, Form(max_length=200)] = "", note: Text = ""
) -> Response:
    """Hand it to a colleague."""
    return await _do(request, caller, alert_id, HandOver(to, note))


@router.post("/notes")
async def add_note(request: Request, caller: Caller, alert_id: UUID, text: Text = "") -> Response:
    """Add a note."""
    return await _do(request, caller, alert_id, Note(text))


@router.post("/extension")
async def ask_extension(
    request: Request, caller: Caller, alert_id: UUID, working_days: Annotated[int, Form()], reason: Text = ""
) -> Response:
    """Ask for more time."""
    return await _do(request, caller, alert_id, AskTime(working_days, reason))


@router.post("/extension/answer")
async def answer_extension(
    request: Request, caller: Caller, alert_id: UUID, grant: Annotated[bool, Form()], note: Text = ""
) -> Response:
    """Grant or refuse more time."""
    return await _do(request, caller, alert_id, AnswerTime(grant, note))


@router.post("/papers")
async def file_papers(
    request: Request, caller: Caller, alert_id: UUID, files: Annotated[list[UploadFile], File()]
) -> Response:
    """File papers, one after another: those before one that is refused are there."""
    for file in paper_forms.chosen(request, files):
        await papers.file(
            db_of(request),
            caller,
            alert_id,
            chunks_of(file),
            shelf=papers.shelf(settings_of(request)),
            name=file.filename or "",
        )
    return RedirectResponse(f"/alerts/{alert_id}#papers", status_code=303)


async def _do(request: Request, caller: Principal, alert_id: UUID, deed: Deed) -> Response:
    await moves.make(db_of(request), caller, alert_id, deed, None)
    return RedirectResponse(f"/alerts/{alert_id}", status_code=303)
