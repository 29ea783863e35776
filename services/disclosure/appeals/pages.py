"""The public pages of appeals: the form behind a village's code, the receipt, and following by number."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from services.disclosure import village_page
from services.disclosure.appeals import deeds, forms, intake, lifecycle, number, opinions, rates
from services.disclosure.appeals.errors import Mend, NoSuchNumber, TooManyAppeals
from services.disclosure.appeals.forms import Sent
from services.disclosure.appeals.opinions import Opinions
from services.disclosure.appeals.plan import plan
from services.disclosure.errors import NoSuchCase
from services.disclosure.pages import rendered
from services.disclosure.projections import case
from services.disclosure.reader import public
from services.disclosure.routes import VillageCode
from services.disclosure.schemas import Named
from services.disclosure.vocabulary import vocabulary
from shared.problems import FieldError, NotFound, Problem
from shared.web import db_of, settings_of

router = APIRouter()
_PRIVATE = {"cache-control": "no-store", "referrer-policy": "same-origin"}


@router.get("/villages/{code}/appeal", include_in_schema=False)
async def show_form(
    request: Request, code: str, case_id: Annotated[str, Query(alias="case", max_length=64)] = ""
) -> Response:
    """The form, about a case when its page led here."""
    village_page.check(code)
    return await _form(request, code, {"case_id": case_id}, [])


@router.post("/villages/{code}/appeal", include_in_schema=False)
async def file_appeal(request: Request, code: str) -> Response:
    """File an appeal: its receipt, or the form again with what must be mended."""
    village_page.check(code)
    sent = await forms.receive(request)
    token = sent.typed.get("token", "")
    tracking_number = number.number_of(token, settings_of(request).identity_secret)
    try:
        errors = forms.check_challenge(sent.typed, settings_of(request))
        if not errors and await deeds.is_filed(db_of(request), settings_of(request), tracking_number):
            return await _receipt(request, tracking_number)
        await _file(request, code, sent, tracking_number, errors)
    except (Mend, TooManyAppeals) as problem:
        errors = problem.errors or [FieldError("", problem.detail_zh, problem.detail_en)]
        return await _form(request, code, sent.typed, errors, problem.status, lost_pictures=bool(sent.files))
    return await _receipt(request, tracking_number)


@router.get("/appeals/track", include_in_schema=False)
async def show_track_form(request: Request) -> Response:
    """Where a number is typed: it stands in no address."""
    return _page("appeal_track_form.html", typed="", errors=[])


@router.post("/appeals/track", include_in_schema=False)
async def track(request: Request) -> Response:
    """How an appeal stands, for whoever has its number."""
    sent = await forms.receive(request)
    return await _tracked(request, sent.typed.get("number", ""))


@router.post("/appeals/track/{deed}", include_in_schema=False)
async def say(request: Request, deed: str) -> Response:
    """Add to one's appeal, rate its answer, or have it handled anew."""
    sent = await forms.receive(request)
    typed, drawn, errors = sent.typed, list[bytes](), list[FieldError]()
    if deed == "add":
        drawn, errors = await forms.drawn(sent)
    text = typed.get("text", "").replace("\r\n", "\n")
    decisions: dict[str, deeds.Say] = {
        "add": lambda one, now: lifecycle.add(one, text, len(drawn), now, plan()),
        "rate": lambda one, now: lifecycle.rate(one, typed.get("satisfied") == "yes", text, now),
        "reopen": lambda one, now: lifecycle.reopen(one, text, now, plan()),
    }
    if deed not in decisions or (deed == "rate" and typed.get("satisfied") not in ("yes", "no")):
        raise NotFound("没有这个页面", "No such page")
    try:
        tracking_number = await _known_number(request, typed.get("number", ""))
        if not errors:
            await deeds.say(db_of(request), settings_of(request), tracking_number, decisions[deed], drawn)
    except NoSuchNumber:
        return await _tracked(request, typed.get("number", ""))
    except Problem as problem:
        errors = problem.errors or [FieldError("", problem.detail_zh, problem.detail_en)]
    return await _tracked(request, typed.get("number", ""), deed if errors else "", errors, text if errors else "")


@router.get("/v1/villages/{code}/opinions", tags=["公开 open data"], summary="村意见建议 / Read a village's opinions")
async def show_opinions(request: Request, code: VillageCode) -> Opinions:
    """How many appeals of a village are in hand, answered or overdue, and the latest answers that were made public."""
    async with public(request) as conn:
        return (await opinions.read(conn, village_page.check(code), opinions.MOST)).opinions


@router.get("/villages/{code}/opinions", include_in_schema=False)
async def list_opinions(request: Request, code: str) -> Response:
    """The answers of a village that were made public, whole."""
    village = Named.region(village_page.check(code))
    said = await show_opinions(request, code)
    return _page("opinions_all.html", village=village, opinions=said, kinds=plan().kinds)


async def _file(request: Request, code: str, sent: Sent, tracking_number: str, errors: list[FieldError]) -> None:
    """Check all of a form at once, count it, and file it; raises `Mend`, `TooManyAppeals`."""
    try:
        wanted = intake.read(sent.typed, plan())
    except Mend as problem:
        errors = [*errors, *problem.errors]
    drawn, wrong = await forms.drawn(sent)
    if errors or wrong:
        raise Mend("请按提示修改", "Please mend the named fields", [*errors, *wrong])
    limits = plan().limits
    address = request.client.host if request.client else ""
    counted = [("filed", address, limits.filed_by_address), ("village", code, limits.filed_in_village)]
    await rates.count(db_of(request), counted, datetime.now(UTC))
    about = await _case(request, code, sent.typed.get("case_id", ""))
    case_of = (about["case_id"], about["case_no"]) if about else None
    await deeds.file(db_of(request), settings_of(request), code, case_of, wanted, drawn, tracking_number)


async def _form(
    request: Request,
    code: str,
    typed: Any,
    errors: list[FieldError],
    status: int = 200,
    *,
    lost_pictures: bool = False,
) -> Response:
    body = rendered(
        "appeal_form.html",
        village=Named.region(code),
        about=await _case(request, code, typed.get("case_id", "")),
        typed={name: typed.get(name, "") for name in intake.FIELDS},
        errors=errors,
        wrong={error.field: error for error in errors},
        lost_pictures=lost_pictures,
        challenge=forms.new_challenge(settings_of(request)),
        plan=plan(),
    )
    return HTMLResponse(body, status, _PRIVATE)


async def _receipt(request: Request, tracking_number: str) -> Response:
    held, _, count = await deeds.followed(db_of(request), settings_of(request), tracking_number)
    return _page(
        "appeal_receipt.html",
        number=number.grouped(tracking_number),
        appeal=held.appeal,
        village=Named.region(held.appeal.village_code),
        pictures=count,
        plan=plan(),
    )


async def _tracked(
    request: Request, typed: str, deed: str = "", errors: list[FieldError] | None = None, text: str = ""
) -> Response:
    try:
        tracking_number = await _known_number(request, typed)
        held, entries, count = await deeds.followed(db_of(request), settings_of(request), tracking_number)
    except (NoSuchNumber, TooManyAppeals) as problem:
        wrong = [FieldError("number", problem.detail_zh, problem.detail_en)]
        return _page("appeal_track_form.html", problem.status, typed=typed, errors=wrong)
    return _page(
        "appeal_track.html",
        422 if errors else 200,
        number=number.grouped(tracking_number),
        appeal=held.appeal,
        village=Named.region(held.appeal.village_code),
        desk=Named.region(held.appeal.desk),
        entries=entries,
        pictures=count,
        deed=deed,
        errors=errors or [],
        typed_text=text,
        plan=plan(),
        roles=vocabulary().roles,
    )


async def _known_number(request: Request, typed: str) -> str:
    """The number of an appeal. A wrong one is counted for its address; raises `NoSuchNumber`, `TooManyAppeals`."""
    address, limits, now = request.client.host if request.client else "", plan().limits, datetime.now(UTC)
    await rates.check(db_of(request), "wrong_number", address, limits.wrong_numbers_by_address, now)
    found = number.read(typed)
    if found is None:
        raise NoSuchNumber("请核对查询码:20 位数字,可能有一位抄错", "Check the number: 20 digits, one may be wrong")
    if not await deeds.is_filed(db_of(request), settings_of(request), found):
        await rates.count(db_of(request), [("wrong_number", address, limits.wrong_numbers_by_address)], now)
        raise NoSuchNumber("没有这个查询码", "No appeal has this number")
    return found


async def _case(request: Request, code: str, case_id: str) -> dict[str, str] | None:
    """The public case of this village that an appeal is about; none when there is none."""
    if not case_id:
        return None
    try:
        async with public(request) as conn:
            found = await case.find(conn, case_id)
    except Problem as problem:
        if isinstance(problem, NoSuchCase) or problem.status == 422:
            return None
        raise
    if found.village_code != code:
        return None
    title = found.title or vocabulary().flow(found.flow, found.flow_version).zh
    return {"case_id": found.case_id, "case_no": found.case_no, "title": title}


def _page(name: str, status: int = 200, **values: Any) -> Response:
    return HTMLResponse(rendered(name, **values), status, _PRIVATE)
