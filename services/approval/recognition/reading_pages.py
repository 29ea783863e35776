"""The page of a paper's reading: each finding with its place in the picture, to be confirmed; twins side by side."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from services.approval.database import Db
from services.approval.fields import FormField, all_fields
from services.approval.pages import show_page
from services.approval.recognition import readings
from services.approval.recognition.comparing import Comparison
from services.approval.recognition.extraction import Found
from services.approval.recognition.lines import Box
from services.approval.recognition.readings import PaperReading, Word
from services.approval.recognition.reasons import REASONS
from services.approval.work.comments import roles
from services.approval.work.standing_in import own_roles
from shared.auth import Caller
from shared.contracts.base import Sha256
from shared.db import Scope
from shared.formats import yuan
from shared.principals import Principal

router = APIRouter(prefix="/cases/{case_id}/papers/{sha256}", include_in_schema=False)
Digest = Annotated[Sha256, Path()]
_AROUND = 12


@router.get("")
async def reading_page(
    request: Request,
    db: Db,
    caller: Caller,
    case_id: UUID,
    sha256: Digest,
    beside: Annotated[str, Query(pattern=r"^([0-9a-f]{64})?$")] = "",
    of_case: UUID | None = None,
) -> Response:
    """What was read, and beside it another paper that seems to be the same one."""
    async with db.begin(Scope.of(caller)) as conn:
        reading = await readings.find(conn, case_id, sha256)
        other = await readings.find(conn, of_case, beside) if beside and of_case else None
        for each in (reading, other) if other else (reading,):
            await readings.note_seen(conn, caller, each)
    return show_page(
        request,
        "reading.html",
        caller,
        reading=reading,
        other=other,
        may_answer=_may_answer(caller, reading),
        label_of=_label,
        told=_told,
        crop=_crop,
        firsts=_firsts,
        reasons=REASONS,
    )


@router.post("/answers")
async def answer(
    db: Db,
    caller: Caller,
    case_id: UUID,
    sha256: Digest,
    finding: Annotated[str, Form(pattern=r"^f[0-9a-f]{12}$")],
    word: Annotated[Word, Form()],
) -> Response:
    """Confirm or reject a finding, and back to it."""
    async with db.begin(Scope.of(caller)) as conn:
        reading = await readings.find(conn, case_id, sha256)
        await readings.answer(conn, caller, reading, finding, word, datetime.now(UTC))
    return RedirectResponse(f"/cases/{case_id}/papers/{sha256}#row-{finding}", status_code=303)


def _may_answer(caller: Principal, reading: PaperReading) -> bool:
    return not own_roles(caller, reading.village_code).isdisjoint(roles())


def _label(field: str) -> FormField:
    return all_fields()[field]


def _told(kind: str, value: str) -> str:
    """A value as it is read: money in yuan."""
    return yuan(int(value)) if kind == "amount" else value


def _firsts(compared: Comparison, found: Mapping[str, Found]) -> list[str]:
    """What stands on the paper in a field's place, each value once."""
    values = {found[id].value: id for id in reversed(compared.found) if id in found}
    return list(reversed(values.values()))


def _crop(one: Found, reading: PaperReading) -> Mapping[str, int]:
    """The part of the page's picture around a finding, in pixels."""
    width, height = reading.sizes[one.page - 1]
    box = Box(one.box.left - _AROUND, one.box.top - _AROUND, one.box.right + _AROUND, one.box.bottom + _AROUND)
    left, top = max(box.left, 0) * width // 1000, max(box.top, 0) * height // 1000
    right, bottom = min(box.right, 1000) * width // 1000, min(box.bottom, 1000) * height // 1000
    return {
        "left": left,
        "top": top,
        "width": max(right - left, 1),
        "height": max(bottom - top, 1),
        "page_width": width,
        "page_height": height,
    }
