"""The pages of clerks and approvers: what waits for me, a new case, a case and its present node."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData, UploadFile

from services.approval import documents, flows, store
from services.approval.amending import fixed_at
from services.approval.cases import OPENERS, Turn
from services.approval.database import Db
from services.approval.desk import MAX_TITLE, Desk, Opened
from services.approval.documents import FiledPaper
from services.approval.errors import CaseNotFound
from services.approval.fields import all_fields
from services.approval.flows import Flow, Node
from services.approval.forms import Shown, read_fields, show_fields
from services.approval.idempotency import once
from services.approval.joint import COUNTED, Tally, Vote, tally
from services.approval.prompts import Prompt, Prompter, digest
from services.approval.recognition.readings import notes_of
from services.approval.store import LogEntry
from services.approval.told import Told
from services.approval.work import drafts
from services.approval.work.beside import beside_of
from services.approval.work.drafts import Draft, Place
from shared import audit, regions
from shared.auth import Caller
from shared.contracts.power import Ballot, NodeCompleted
from shared.db import Database, Scope
from shared.documents import MAX_BYTES, chunks_of, receive
from shared.formats import local_date
from shared.lengths import check_length
from shared.principals import Principal
from shared.problems import FieldError, InvalidInput, Problem
from shared.regions import Region
from shared.web import settings_of, templates
from shared.words import Name

_MAX_FORM = 4 * MAX_BYTES
_PER_PAGE = 30
Code = Annotated[str, Query(max_length=12)]
router = APIRouter(include_in_schema=False)
_templates = templates(Path(__file__).parent)


def _last_day(ends: datetime) -> str:
    """The last day of a term: it ends at midnight, which belongs to that day, not to the next."""
    return local_date(ends - timedelta(seconds=1))


def _dict_with(asked: Mapping[str, str], name: str, value: str) -> dict[str, str]:
    """What a page was asked for, with one of it changed and without what is empty."""
    return {key: text for key, text in {**asked, name: value}.items() if text}


_templates.env.filters["last_day"] = _last_day
_templates.env.filters["dict_with"] = _dict_with


@dataclass(frozen=True)
class Step:
    """A node on a case's timeline: `done`, `now`, `late` (now, and past its term), still to come, or not asked for."""

    node: Node
    state: Literal["done", "now", "late", "coming", "left_out"]
    entry: LogEntry | None
    filled: Sequence[Shown]
    late: bool
    amended: bool = False
    due_at: datetime | None = None


@dataclass(frozen=True)
class Voting:
    """The ballots of a node: their numbers, who has voted, how the reader did, and whose votes are missing."""

    tally: Tally
    voters: Sequence[str]
    yours: Ballot | None
    missing: Sequence[tuple[Name, int]]


@router.get("/cases/new")
async def choose_flow(request: Request, caller: Caller) -> Response:
    """The flows as cards, by matter, with the amounts that they are for; which of them the caller may open."""
    held = caller.roles
    openable = {flow.code for flow in flows.load().flows.values() if held & {*OPENERS, flow.first.role}}
    return show_page(request, "choose.html", caller, openable=openable)


@router.get("/cases/new/{code}")
async def new_case(request: Request, db: Db, caller: Caller, code: str) -> Response:
    """The form of a new case, as far as the caller had written it."""
    flow = flows.load().flow(code)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        draft = await drafts.find(conn, caller, Place(flow.code), secret_of(request), datetime.now(UTC))
    return _new_case(request, caller, flow, draft.typed if draft else {}, draft=draft)


@router.post("/cases/new/{code}")
async def open_case(request: Request, db: Db, caller: Caller, code: str) -> Response:
    """Open the case, or show the form again with what must be mended."""
    flow = flows.load().flow(code)
    typed = texts_of(await form_of(request))
    try:
        fields, errors = read_fields(flow.form, typed, secret_of(request))
        check(errors)
        async with db.begin(Scope.of(caller)) as conn:
            desk = Desk(conn, flows.load(), caller)

            async def act() -> dict[str, Any]:
                case = await desk.open(
                    flow_code=code,
                    village_code=typed.get("village_code", ""),
                    title=typed.get("title", ""),
                    fields=fields,
                )
                return {"case_id": case.case_id}

            # The form's own number: two clicks open one case.
            answer = await once(conn, caller, typed.get("request_id"), [request.url.path, dict(typed)], act)
            await drafts.drop(conn, caller, Place(flow.code))
    except Problem as problem:
        return _new_case(request, caller, flow, typed, _mendable(problem))
    return _to_case(answer.body["case_id"])


@router.get("/cases/{case_id}")
async def case_page(request: Request, db: Db, caller: Caller, case_id: UUID, node: Code = "") -> Response:
    """A case: its timeline, and the form of a node where it waits, of several the one asked for or the caller's."""
    return await _case(request, db, caller, case_id, node=node)


@router.post("/cases/{case_id}/complete")
async def complete(request: Request, db: Db, caller: Caller, case_id: UUID) -> Response:
    """Complete the present node, or show the page again with what must be mended or what the step would raise."""
    form = await form_of(request)
    typed = texts_of(form)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        case = await store.find(conn, case_id)
    node = flows.load().flow(case.flow, case.flow_version).node(typed.get("node", ""))
    papers: list[FiledPaper] = []
    try:
        papers, unsound = await receive_papers(request, db, caller, node, form)
        fields, errors = read_fields(_asked_form(node), typed, secret_of(request))
        check([*errors, *unsound])
        async with db.begin(Scope.of(caller), readonly=True) as conn:
            step = await Desk(conn, flows.load(), caller).intend(case_id, node=node.code, fields=fields, papers=papers)
        prompts = await _prompts(request, step)
        if prompts and typed.get("prompts_read") != digest(prompts):
            return await _case(request, db, caller, case_id, typed, None, papers, prompts)
        async with db.begin(Scope.of(caller)) as conn:
            desk = Desk(conn, flows.load(), caller)
            await desk.complete(case_id, node=node.code, fields=fields, papers=papers, seen=_seen(typed))
            await drafts.drop(conn, caller, Place(case.flow, case_id, node.code))
    except Problem as problem:
        return await _case(request, db, caller, case_id, typed, _mendable(problem), papers)
    return _to_case(case_id)


@router.post("/cases/{case_id}/ballots")
async def cast_ballot(request: Request, db: Db, caller: Caller, case_id: UUID) -> Response:
    """Vote, or show the page again with why not."""
    typed = texts_of(await form_of(request))
    try:
        vote = _vote(typed.get("vote", ""))
        async with db.begin(Scope.of(caller)) as conn:
            await Desk(conn, flows.load(), caller).cast(
                case_id, node=typed.get("node", ""), vote=vote, seen=_seen(typed)
            )
    except Problem as problem:
        return await _case(request, db, caller, case_id, typed, _mendable(problem))
    return _to_case(case_id)


@router.post("/cases/{case_id}/return")
async def send_back(request: Request, db: Db, caller: Caller, case_id: UUID) -> Response:
    """Send the case back to an earlier node."""
    typed = texts_of(await form_of(request))
    try:
        async with db.begin(Scope.of(caller)) as conn:
            await Desk(conn, flows.load(), caller).send_back(
                case_id, to_node=typed.get("to_node", ""), reason=typed.get("reason", ""), seen=_seen(typed)
            )
    except Problem as problem:
        return await _case(request, db, caller, case_id, typed, _mendable(problem))
    return _to_case(case_id)


@router.post("/cases/{case_id}/withdraw")
async def withdraw(request: Request, db: Db, caller: Caller, case_id: UUID) -> Response:
    """Take the case back."""
    typed = texts_of(await form_of(request))
    try:
        async with db.begin(Scope.of(caller)) as conn:
            await Desk(conn, flows.load(), caller).withdraw(case_id, reason=typed.get("reason", ""), seen=_seen(typed))
    except Problem as problem:
        return await _case(request, db, caller, case_id, typed, _mendable(problem))
    return _to_case(case_id)


@router.post("/cases/{case_id}/suspend")
async def suspend(request: Request, db: Db, caller: Caller, case_id: UUID) -> Response:
    """Let the case rest."""
    typed = texts_of(await form_of(request))
    try:
        until = _day(typed.get("until", ""))
        async with db.begin(Scope.of(caller)) as conn:
            desk = Desk(conn, flows.load(), caller)
            await desk.suspend(case_id, reason=typed.get("reason", ""), until=until, seen=_seen(typed))
    except Problem as problem:
        return await _case(request, db, caller, case_id, typed, _mendable(problem))
    return _to_case(case_id)


@router.post("/cases/{case_id}/resume")
async def resume(request: Request, db: Db, caller: Caller, case_id: UUID) -> Response:
    """Go on with a case that rests."""
    typed = texts_of(await form_of(request))
    try:
        async with db.begin(Scope.of(caller)) as conn:
            await Desk(conn, flows.load(), caller).resume(case_id, seen=_seen(typed))
    except Problem as problem:
        return await _case(request, db, caller, case_id, typed, _mendable(problem))
    return _to_case(case_id)


@router.post("/cases/{case_id}/archive")
async def archive(request: Request, db: Db, caller: Caller, case_id: UUID) -> Response:
    """Put a closed case into the archive."""
    typed = texts_of(await form_of(request))
    number = typed.get("archive_no", "")[:MAX_TITLE]
    try:
        async with db.begin(Scope.of(caller)) as conn:
            await Desk(conn, flows.load(), caller).archive(case_id, archive_no=number, seen=_seen(typed))
    except Problem as problem:
        return await _case(request, db, caller, case_id, typed, _mendable(problem))
    return _to_case(case_id)


@router.get("/cases/{case_id}/amend")
async def amending(request: Request, db: Db, caller: Caller, case_id: UUID, node: str = "") -> Response:
    """The form by which a filed one is put right: what it says now, and room for what it should say."""
    return await _amending(request, db, caller, case_id, {"node": node})


@router.post("/cases/{case_id}/amend")
async def amend(request: Request, db: Db, caller: Caller, case_id: UUID) -> Response:
    """Put a filed form right, or show the page again with what must be mended."""
    typed = texts_of(await form_of(request))
    node = typed.get("node") or None
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        seen = await Desk(conn, flows.load(), caller).amendable(case_id, node)
    try:
        fields, errors = read_fields(_amended_form(seen.flow, node), typed, secret_of(request))
        check(errors)
        async with db.begin(Scope.of(caller)) as conn:
            desk = Desk(conn, flows.load(), caller)
            await desk.amend(case_id, node=node, fields=fields, reason=typed.get("reason", ""), seen=_seen(typed))
    except Problem as problem:
        return await _amending(request, db, caller, case_id, typed, _mendable(problem))
    return _to_case(case_id)


async def _amending(
    request: Request,
    db: Database,
    caller: Principal,
    case_id: UUID,
    typed: Mapping[str, str],
    problem: Problem | None = None,
) -> Response:
    code = typed.get("node") or None
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        seen = await Desk(conn, flows.load(), caller).amendable(case_id, code)
    return show_page(
        request,
        "amend.html",
        caller,
        problem,
        case=seen.case,
        flow=seen.flow,
        node=seen.flow.node(code) if code else None,
        to=seen.case.back_to(seen.flow, code),
        now_told={shown.field.name: shown for shown in _shown(seen.told.get(code))},
        form=inputs_of(_amended_form(seen.flow, code)),
        typed=typed,
    )


def _amended_form(flow: Flow, code: str | None) -> list[flows.FormUse]:
    """The fields that may be put right; none has to be filled in, for an empty one stays as it is."""
    node = flow.node(code) if code else None
    form, fixed = node.form if node else flow.form, fixed_at(node)
    return [flows.FormUse(use.name, required=False) for use in form if use.name not in fixed]


def _vote(text: str) -> Vote:
    """What a button of the ballot says; raises `InvalidInput`."""
    if text in get_args(Vote):
        return cast("Vote", text)
    wrong = FieldError("vote", "请选择", "Choose one")
    raise InvalidInput("请表决", "Say how you vote", [wrong])


def _day(text: str) -> date | None:
    """The day of a date input, none when it is empty; raises `InvalidInput`."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        wrong = FieldError("until", "应为日期,如 2026-03-31", "A date, as 2026-03-31")
        raise InvalidInput("请按提示修改", "Please mend the named fields", [wrong]) from None


async def _prompts(request: Request, step: NodeCompleted) -> list[Prompt]:
    """What the detector says of a step to whoever is signed in."""
    prompter: Prompter = request.app.state.prompter
    token = request.session.get("token")
    return (await prompter.ask(step, token) or []) if token else []


async def form_of(request: Request) -> FormData:
    check_length(request, _MAX_FORM)
    return await request.form(max_files=60, max_fields=400)


def texts_of(form: FormData) -> dict[str, str]:
    """The typed inputs. A browser sends new lines as CR LF; PostgreSQL takes no NUL, and nobody types one."""
    texts = {name: text for name, text in form.items() if isinstance(text, str)}
    return {name: text.replace("\x00", "").replace("\r\n", "\n") for name, text in texts.items()}


async def receive_papers(
    request: Request, db: Database, caller: Principal, node: Node, form: FormData
) -> tuple[list[FiledPaper], list[FieldError]]:
    """Take in the files of `documents.<kind>`, with those that came with an earlier try as `filed.<kind>`."""
    papers: list[FiledPaper] = []
    errors: list[FieldError] = []
    for need in node.documents:
        for kept in form.getlist(f"filed.{need.kind}"):
            sha256, _, name = str(kept).partition("|")
            papers.append(FiledPaper(need.kind, sha256, name))
        for file in form.getlist(f"documents.{need.kind}"):
            if isinstance(file, UploadFile) and file.filename:
                try:
                    papers.append(await _receive(request, db, caller, need.kind, file))
                except Problem as problem:
                    errors.append(FieldError(f"documents.{need.kind}", problem.detail_zh, problem.detail_en))
    return papers, errors


async def _receive(request: Request, db: Database, caller: Principal, kind: str, file: UploadFile) -> FiledPaper:
    stored = await receive(documents.shelf(settings_of(request)), chunks_of(file), file.filename or "")
    async with db.begin(Scope.of(caller)) as conn:
        await documents.register(conn, stored, caller.subject)
        await audit.record(conn, caller, "document.uploaded", f"document:{stored.sha256}")
    return FiledPaper(kind, stored.sha256, stored.name)


def _new_case(
    request: Request,
    caller: Principal,
    flow: Flow,
    typed: Mapping[str, str],
    problem: Problem | None = None,
    draft: Draft | None = None,
) -> Response:
    typed = {**typed, "request_id": uuid4().hex}
    openers = {*OPENERS, flow.first.role}
    villages = [v for v in villages_of(caller) if not openers.isdisjoint(caller.roles_in(v.code))]
    return show_page(
        request,
        "open.html",
        caller,
        problem,
        flow=flow,
        typed=typed,
        villages=villages,
        form=inputs_of(flow.form),
        draft=draft,
        draft_url=f"/cases/new/{flow.code}/draft",
    )


async def _case(
    request: Request,
    db: Database,
    caller: Principal,
    case_id: UUID,
    typed: Mapping[str, str] | None = None,
    problem: Problem | None = None,
    papers: Sequence[FiledPaper] = (),
    prompts: Sequence[Prompt] = (),
    node: str = "",
) -> Response:
    async with db.begin(Scope.of(caller)) as conn:
        desk = Desk(conn, flows.load(), caller)
        seen = await desk.read(case_id)
        notes = await notes_of(conn, case_id)
        turn = _turn(seen, (typed or {}).get("node", node))
        at = turn.node if turn else None
        beside = await beside_of(conn, caller, seen, at, secret_of(request), datetime.now(UTC))
        here = seen.flow.node(turn.node) if turn else None
        aside = await desk.aside(seen, here) if here else None
    draft = beside.draft if typed is None else None
    return show_page(
        request,
        "case.html",
        caller,
        problem,
        seen=seen,
        case=seen.case,
        flow=seen.flow,
        node=here,
        due_at=turn.due_at if turn else None,
        others=[(seen.flow.node(each.node), each.due_at) for each in seen.case.turns if each != turn],
        voting=_voting(seen, here, caller) if here and here.by_ballot else None,
        aside=aside,
        steps=_steps(seen),
        resting=next((e.data for e in reversed(seen.log) if e.type == "case.suspended.v1"), None),
        opening=_shown(seen.told.get(None)),
        opening_amended=_amended(seen.told.get(None)),
        typed=draft.typed if draft else typed or {},
        papers=draft.papers if draft else papers,
        beside=beside,
        notes=notes,
        draft=draft,
        draft_url=f"/cases/{case_id}/draft",
        prompts=prompts,
        prompts_read=digest(prompts),
        form=inputs_of(_asked_form(here), seen.case.known(seen.flow, here.code)) if here else [],
    )


def _turn(seen: Opened, asked: str) -> Turn | None:
    """Where the page is at: of several nodes the one asked for, else one that is the reader's to take."""
    turns, may = seen.case.turns, seen.actions
    wanted = (asked, *may.complete_at, *may.cast_at)
    found = (seen.case.turn_at(node) for node in wanted)
    return next((turn for turn in found if turn), turns[0] if turns else None)


def _asked_form(node: Node) -> list[flows.FormUse]:
    """What a person fills in: what the ballots say isn't asked."""
    return [use for use in node.form if not (node.by_ballot and use.name in COUNTED)]


def _voting(seen: Opened, node: Node, caller: Principal) -> Voting:
    ballots = seen.case.ballots.get(node.code, ())
    yours = next((each for each in ballots if each.person_key == caller.person_key), None)
    missing = [(place.name, number) for place, number in node.joint.open_places(ballots)] if node.joint else []
    return Voting(tally(ballots), [each.name for each in ballots], yours, missing)


def _steps(seen: Opened) -> list[Step]:
    """Each node with the last time it was done since the case last came back behind it."""
    done = {e.data["node"]: e for e in seen.log if e.type == "case.node_completed.v1"}
    told = seen.told
    return [_step(seen, node, done.get(node.code), told.get(node.code)) for node in seen.flow.nodes]


def _step(seen: Opened, node: Node, entry: LogEntry | None, told: Told | None) -> Step:
    case = seen.case
    if turn := case.turn_at(node.code):
        late = turn.due_at is not None and turn.due_at < datetime.now(UTC)
        return Step(node, "late" if late else "now", None, [], late, due_at=turn.due_at)
    if entry is None or node.code not in case.completed:
        return Step(node, "coming" if case.asks(seen.flow, node) else "left_out", None, [], False)
    due = entry.data.get("due_at")
    late = due is not None and datetime.fromisoformat(due) < entry.occurred_at
    return Step(node, "done", entry, _shown(told), late, _amended(told))


def _shown(told: Told | None) -> list[Shown]:
    return show_fields(told.fields.model_dump(exclude_defaults=True)) if told else []


def _amended(told: Told | None) -> bool:
    return told is not None and told.amended_at is not None


def inputs_of(form: Sequence[flows.FormUse], known: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The inputs of a form. One that depends on another input tells on what; what the case knows already is settled."""
    own = {use.name for use in form}
    return [_input(use, own, known or {}) for use in form if not use.barred(_settled(use, own, known or {}))]


def _input(use: flows.FormUse, own: Collection[str], known: Mapping[str, Any]) -> dict[str, Any]:
    depends = use.condition if use.condition and use.condition.field in own else None
    required = use.required if use.condition is None else use.wanted(_settled(use, own, known))
    return {"field": all_fields()[use.name], "required": required, "depends": depends, "hides": use.when is not None}


def _settled(use: flows.FormUse, own: Collection[str], known: Mapping[str, Any]) -> flows.Answer:
    """What the case's other forms say of what a field depends on, where this form doesn't ask for it."""
    return known.get(use.condition.field) if use.condition and use.condition.field not in own else None


def show_page(
    request: Request, template: str, caller: Principal, problem: Problem | None = None, **context: Any
) -> Response:
    """A page with the caller, the catalogue, and the problem's errors by field."""
    errors = {error.field: error for error in problem.errors} if problem else {}
    catalogue = flows.load()
    shared = {"caller": caller, "catalogue": catalogue, "problem": problem, "errors": errors, "place": regions.name}
    shared["now"] = datetime.now(UTC)
    return _templates.TemplateResponse(
        request, template, shared | context, status_code=problem.status if problem else 200
    )


def villages_of(caller: Principal) -> list[Region]:
    return [village for village in regions.villages() if caller.roles_in(village.code)]


def check(errors: Sequence[FieldError]) -> None:
    if errors:
        raise InvalidInput("请按提示修改", "Please mend the named fields", errors)


def _mendable(problem: Problem) -> Problem:
    """A problem that the page can show beside its form; any other is raised on."""
    if isinstance(problem, CaseNotFound):
        raise problem
    return problem


def _seen(typed: Mapping[str, str]) -> int:
    """The version of the case that the page showed, which every form of a page carries."""
    text = typed.get("sequence", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def secret_of(request: Request) -> str:
    return settings_of(request).identity_secret


def _to_case(case_id: UUID | str) -> Response:
    return RedirectResponse(f"/cases/{case_id}", status_code=303)
