"""The pages of the day's work: what waits, batches, drafts, absences, comments, the case's file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from services.approval import case_list, flows, store
from services.approval.case_list import Wanted
from services.approval.database import Db
from services.approval.documents import FiledPaper
from services.approval.flows import Node
from services.approval.forms import read_fields, show_fields
from services.approval.pages import (
    check,
    form_of,
    inputs_of,
    receive_papers,
    secret_of,
    show_page,
    texts_of,
    villages_of,
)
from services.approval.prompts import Prompter
from services.approval.work import absences, batch, comments, drafts, inbox
from services.approval.work.batch import Outcome, Ticked
from services.approval.work.drafts import Place
from services.approval.work.inbox import Inbox, Sought
from services.approval.work.plan import plan
from services.approval.work.routes import deputies_of, token_of
from services.approval.work.standing_in import Absence, Seated
from services.approval.work.terms import Nearness
from shared.auth import Caller
from shared.db import Connection, Database, Scope
from shared.principals import Grant, Principal
from shared.problems import FieldError, InvalidInput, Problem

_PER_PAGE = 30
router = APIRouter(include_in_schema=False)
Code = Annotated[str, Query(max_length=12)]


@dataclass(frozen=True)
class Notes:
    """What the inbox tells beside its tasks."""

    standing_in: Sequence[Absence]
    to_cover: Sequence[Absence]
    to_decide: int
    mentions: Sequence[comments.Mention]
    begun: Sequence[drafts.Draft]


@router.get("/")
async def home(
    request: Request,
    db: Db,
    caller: Caller,
    view: Literal["waiting", "all"] = "waiting",
    q: Annotated[str, Query(max_length=100)] = "",
    status: Literal["", "open", "closed", "withdrawn"] = "",
    flow: Annotated[str, Query(max_length=8)] = "",
    matter: Annotated[str, Query(max_length=2)] = "",
    village: Annotated[str, Query(pattern=r"^(\d{12})?$")] = "",
    due: Nearness | Literal[""] = "",
    sort: inbox.Sort = "due",
    after: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """What waits for the caller, or all cases of the caller's regions."""
    asked = {"view": view, "q": q, "status": status, "flow": flow, "matter": matter, "village": village}
    asked |= {"due": due, "sort": sort}
    if view == "all":
        return await _all_cases(request, db, caller, asked, after)
    sought = Sought(due or None, matter or None, flow or None, village or None, None, q or None, sort)
    now = datetime.now(UTC)
    async with db.begin(Scope.of(caller)) as conn:
        await absences.seen(conn, caller, now)
        found = await _tasks(conn, caller, sought, now, after)
        notes = await _notes(conn, caller, now)
        batches = await _batches(conn, caller, now)
    return show_page(
        request,
        "home.html",
        caller,
        found=found,
        notes=notes,
        batches=batches,
        asked=asked,
        here=_link(asked),
        next_page=_link(asked | {"after": found.next}) if found.next else None,
        villages=villages_of(caller),
        in_batches=plan().in_batches,
    )


@router.get("/work/batch")
async def batch_page(request: Request, db: Db, caller: Caller, node: Code) -> Response:
    """All that waits for the caller at one decision node, to be ticked."""
    return await _batch(request, db, caller, batch.node_of(node))


@router.post("/work/batch")
async def do_batch(request: Request, db: Db, caller: Caller) -> Response:
    """Decide the ticked cases; what was not done stands on the page again with its reason."""
    form = await form_of(request)
    typed = texts_of(form)
    node = batch.node_of(typed.get("node", ""))
    papers: list[FiledPaper] = []
    try:
        papers, unsound = await receive_papers(request, db, caller, node, form)
        fields, errors = read_fields(node.form, typed, secret_of(request))
        check([*errors, *unsound])
        prompter: Prompter = request.app.state.prompter
        wanted = batch.Wanted(node.code, fields, papers, _ticked(form), typed.get("request_id"))
        outcomes = await batch.do(db, caller, prompter, token_of(request), wanted)
    except Problem as problem:
        return await _batch(request, db, caller, node, typed, papers, form, problem=problem)
    return await _batch(request, db, caller, node, typed, papers, form, outcomes=outcomes)


@router.post("/cases/{case_id}/draft")
async def keep_step(request: Request, db: Db, caller: Caller, case_id: UUID) -> Response:
    """Keep the form of the present node as it was typed, with its papers; or forget it."""
    form = await form_of(request)
    typed = texts_of(form)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        case = await store.find(conn, case_id)
    node = flows.load().flow(case.flow, case.flow_version).node(typed.get("node", ""))
    papers, unsound = await receive_papers(request, db, caller, node, form)
    check(unsound)
    place = Place(case.flow, case_id, node.code)
    kept = await _keep(
        request, db, caller, place, typed, papers, f"/cases/{case_id}", stale=case.turn_at(node.code) is None
    )
    return kept


@router.post("/cases/new/{code}/draft")
async def keep_opening(request: Request, db: Db, caller: Caller, code: str) -> Response:
    """Keep the form of a new case as it was typed; or forget it."""
    typed = texts_of(await form_of(request))
    flow = flows.load().flow(code)
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        stale = await drafts.filed_already(conn, caller, typed.get("request_id", ""))
    return await _keep(request, db, caller, Place(flow.code), typed, [], f"/cases/new/{code}", stale=stale)


@router.get("/absences")
async def absences_page(
    request: Request, db: Db, caller: Caller, grant: Annotated[str, Query(max_length=60)] = ""
) -> Response:
    """Who is away, who stands in, what waits to be approved of, and the form."""
    return await _absences(request, db, caller, {"grant": grant})


@router.post("/absences")
async def ask_absence(request: Request, db: Db, caller: Caller) -> Response:
    """Be away, with or without a deputy."""
    typed = texts_of(await form_of(request))
    grant = Grant.parse(typed.get("grant", "")) or Grant("", "")
    others = [each for each in _handed_over(caller) if each.region == grant.region and each != grant]
    try:
        async with db.begin(Scope.of(caller)) as conn:
            for each in [grant, *others] if "all" in typed else [grant]:
                await absences.ask(
                    conn,
                    caller,
                    grant=each,
                    starts_on=_day(typed, "starts_on"),
                    ends_on=_day(typed, "ends_on"),
                    reason=typed.get("reason", "")[:200],
                    deputy=typed.get("deputy") or None,
                    plan=plan(),
                    now=datetime.now(UTC),
                )
    except Problem as problem:
        return await _absences(request, db, caller, typed, problem)
    return RedirectResponse("/absences", status_code=303)


@router.post("/absences/{absence_id}/{deed}")
async def move_absence(
    request: Request, db: Db, caller: Caller, absence_id: UUID, deed: Literal["approve", "refuse", "end"]
) -> Response:
    """Approve of a deputy, refuse him, or end an absence."""
    now = datetime.now(UTC)
    async with db.begin(Scope.of(caller)) as conn:
        if deed == "end":
            await absences.end(conn, caller, absence_id, plan=plan(), now=now)
        else:
            await absences.decide(conn, caller, absence_id, approve=deed == "approve", plan=plan(), now=now)
    deputies_of(request).changed()
    return RedirectResponse("/absences", status_code=303)


@router.post("/cases/{case_id}/comments")
async def comment(request: Request, db: Db, caller: Caller, case_id: UUID) -> Response:
    """Comment on a case."""
    form = await form_of(request)
    async with db.begin(Scope.of(caller)) as conn:
        mentions = [str(role) for role in form.getlist("mentions")]
        text = texts_of(form).get("text", "")
        await comments.write(conn, caller, case_id, text=text, mentions=mentions, now=datetime.now(UTC))
    return RedirectResponse(f"/cases/{case_id}#comments", status_code=303)


@router.post("/comments/{comment_id}/strike")
async def strike(request: Request, db: Db, caller: Caller, comment_id: UUID) -> Response:
    """Strike out a comment of one's own."""
    typed = texts_of(await form_of(request))
    async with db.begin(Scope.of(caller)) as conn:
        struck = await comments.strike(conn, caller, comment_id, reason=typed.get("reason", ""), now=datetime.now(UTC))
    return RedirectResponse(f"/cases/{struck.case_id}#comments", status_code=303)


async def _all_cases(
    request: Request, db: Database, caller: Principal, asked: Mapping[str, str], after: str
) -> Response:
    wanted = Wanted(
        village=asked["village"] or None,
        status=asked["status"] or None,
        flow=asked["flow"] or None,
        matter=asked["matter"] or None,
        text=asked["q"] or None,
    )
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        listing = await case_list.list_cases(conn, wanted, after=after or None, limit=_PER_PAGE)
    following = _link({**asked, "after": listing.next}) if listing.next else None
    return show_page(
        request,
        "all_cases.html",
        caller,
        listing=listing,
        asked=asked,
        next_page=following,
        villages=villages_of(caller),
    )


async def _tasks(
    conn: Connection, caller: Principal, sought: Sought, now: datetime, after: str = "", limit: int = _PER_PAGE
) -> Inbox:
    return await inbox.waiting_for(
        conn, caller, sought, catalogue=flows.load(), plan=plan(), now=now, after=after or None, limit=limit
    )


async def _notes(conn: Connection, caller: Principal, now: datetime) -> Notes:
    told = await absences.visible(conn, now)
    waiting = [each for each in told if each.standing(now) == "asked" and absences.may_decide(caller, each, plan())]
    return Notes(
        caller.standing_in if isinstance(caller, Seated) else (),
        absences.of_role(told, caller, now),
        len(waiting),
        await comments.mentioning(conn, caller, now),
        await drafts.of_new_cases(conn, caller, now),
    )


async def _batches(conn: Connection, caller: Principal, now: datetime) -> list[tuple[Node, int]]:
    """The decision nodes at which several cases wait for the caller."""
    nodes = {node.code: node for flow in flows.load().flows.values() for node in flow.nodes if plan().in_batches(node)}
    counts = await inbox.at_nodes(conn, caller, list(nodes), now)
    return [(nodes[code], count) for code, count in counts if count > 1]


async def _batch(
    request: Request,
    db: Database,
    caller: Principal,
    node: Node,
    typed: Mapping[str, str] | None = None,
    papers: Sequence[FiledPaper] = (),
    form: FormData | None = None,
    problem: Problem | None = None,
    outcomes: Sequence[Outcome] = (),
) -> Response:
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        sought = Sought(node=node.code)
        found = await _tasks(conn, caller, sought, datetime.now(UTC), limit=plan().batch.most)
        opened = await inbox.openings(conn, [UUID(task.case.case_id) for task in found.tasks])
    return show_page(
        request,
        "batch.html",
        caller,
        problem,
        node=node,
        flow=flows.load().flow(node.code.partition("-")[0]),
        found=found,
        opened={case_id: show_fields(data.get("fields", {})) for case_id, data in opened.items()},
        filed_by={case_id: data["actor"]["name"] for case_id, data in opened.items()},
        ticked={str(each) for each in form.getlist("case")} if form else set(),
        typed=typed or {},
        papers=papers,
        outcomes={str(each.case_id): each for each in outcomes},
        done=[each for each in outcomes if each.answer],
        form=inputs_of([use for use in node.form if use.name in plan().batch.fields]),
        sharable=plan().batch.papers,
    )


def _ticked(form: FormData) -> list[Ticked]:
    """The ticked cases as `id|sequence`, with the prompts that were read for them."""
    ticked = []
    for value in form.getlist("case"):
        case_id, _, seen = str(value).partition("|")
        try:
            read = str(form.get(f"read.{case_id}") or "")
            ticked.append(Ticked(UUID(case_id), int(seen) if seen.isdigit() and len(seen) < 10 else None, read))
        except ValueError as error:
            wrong = FieldError("cases", "请重新勾选", "Tick the cases anew")
            raise InvalidInput("请勾选案件", "Tick the cases", [wrong]) from error
    return ticked


async def _keep(
    request: Request,
    db: Database,
    caller: Principal,
    place: Place,
    typed: Mapping[str, str],
    papers: Sequence[FiledPaper],
    back: str,
    *,
    stale: bool,
) -> Response:
    """Keep a draft; one of a form that was filed meanwhile is forgotten instead."""
    now = datetime.now(UTC)
    async with db.begin(Scope.of(caller)) as conn:
        if stale or "forget" in typed:
            await drafts.drop(conn, caller, place)
        else:
            await drafts.keep(conn, caller, place, typed, papers, secret=secret_of(request), now=now)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"saved_at": None if stale else now.isoformat()})
    return RedirectResponse(back, status_code=303)


async def _absences(
    request: Request, db: Database, caller: Principal, typed: Mapping[str, str], problem: Problem | None = None
) -> Response:
    now = datetime.now(UTC)
    mine = _handed_over(caller)
    chosen = Grant.parse(typed.get("grant", ""))
    chosen = chosen if chosen in mine else (mine[0] if mine else None)
    async with db.begin(Scope.of(caller)) as conn:
        await absences.seen(conn, caller, now)
        told = await absences.visible(conn, now)
        choices = await absences.suitable(conn, caller, chosen, plan()) if chosen else []
    return show_page(
        request,
        "absences.html",
        caller,
        problem,
        typed=typed,
        mine=mine,
        chosen=chosen,
        choices=choices,
        told=[(each, each.standing(now), _deeds(each, caller, now)) for each in told],
        most=plan().longest_absence_days,
    )


def _handed_over(caller: Principal) -> list[Grant]:
    """What of the caller's own can be handed over."""
    own = caller.own if isinstance(caller, Seated) else caller.grants
    return [grant for grant in sorted(own) if grant.role in plan().deputies]


def _deeds(each: Absence, caller: Principal, now: datetime) -> set[str]:
    """What the caller may do with an absence."""
    standing = each.standing(now)
    if not absences.concerns(caller, each, plan()):
        return set()
    decides = standing == "asked" and absences.may_decide(caller, each, plan())
    return {"read"} | ({"decide"} if decides else set()) | ({"end"} if standing != "over" else set())


def _day(typed: Mapping[str, str], name: str) -> date:
    try:
        return date.fromisoformat(typed.get(name, ""))
    except ValueError as error:
        wrong = FieldError(name, "请填日期,如 2026-12-01", "A date, as 2026-12-01")
        raise InvalidInput("请按提示修改", "Please mend the named fields", [wrong]) from error


def _link(asked: Mapping[str, Any]) -> str:
    usual = {"view": "waiting", "sort": "due"}
    return f"/?{urlencode({name: text for name, text in asked.items() if text and usual.get(name) != text})}"
