"""The secretary's pages: the inbox, one alert with everything needed to judge it, and the forms of its moves."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from services.notifier import inbox, standing
from services.notifier.channels import receipts
from services.notifier.errors import MoveNeedsMore
from services.notifier.folders import folders
from services.notifier.handling import colleagues, lifecycle, moves, papers, rule_records
from services.notifier.handling.lifecycle import Move
from services.notifier.noise import groups
from services.notifier.schemas import AlertCard
from services.notifier.standing import Standing
from services.notifier.stream import last_position
from services.notifier.vocabulary import vocabulary
from services.notifier.workbench import listing, related, related_graph, timeline
from services.notifier.workbench.inbox_choice import ORDERS, SHOWN, InboxChoice
from shared import audit, regions, web
from shared.auth import Caller
from shared.cells import Unreadable, read_integer, read_money
from shared.db import Connection, Scope
from shared.principals import Principal
from shared.problems import FieldError
from shared.web import db_of

router = APIRouter(include_in_schema=False)
_templates = web.templates(Path(__file__).parent)
_templates.env.filters.update(shortened=related_graph.shortened, ending=related_graph.ending)


@router.get("/")
async def show_inbox(request: Request, caller: Caller, choice: Annotated[InboxChoice, Query()]) -> Response:
    """The alerts on the desks of whoever is signed in, as the URL chooses."""
    wanted = choice.filter()
    async with db_of(request).begin(Scope.of(caller)) as conn:
        await audit.record(conn, caller, "alerts.listed", "alerts", hourly=True)
        position = await last_position(conn)
        items, following = await listing.search(conn, wanted)
        counts = await listing.counts(conn)
        facets = await listing.facets(conn, wanted)
    return _page(
        request,
        "inbox.html",
        caller=caller,
        alerts=items,
        next=following,
        counts=counts,
        facets=facets,
        titles=facets.titles,
        position=position,
        choice=choice,
        shown=SHOWN,
        orders=ORDERS,
        states=lifecycle.book().states,
        towns=regions.towns(),
        villages=regions.villages,
        town_of=regions.town_of,
        region=regions.name,
        words=vocabulary(),
    )


@router.get("/counts")
async def show_counts(request: Request, caller: Caller, choice: Annotated[InboxChoice, Query()]) -> Response:
    """How much waits, and how much of what is chosen: what the open page puts in when something changed."""
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        counts = await listing.counts(conn)
        facets = await listing.facets(conn, choice.filter())
    return _page(request, "inbox_counts.html", counts=counts, facets=facets, choice=choice, words=vocabulary())


@router.get("/alerts/{alert_id}")
async def show_alert(request: Request, caller: Caller, alert_id: UUID) -> Response:
    """One alert, its history and what may be done."""
    async with db_of(request).begin(Scope.of(caller)) as conn:
        held = await inbox.find(conn, alert_id)
        await inbox.mark_read(conn, held, caller)
        view = await moves.seen(conn, held, caller)
        past = [] if view.recusal else await inbox.history(conn, alert_id)
        handling = await _handling(conn, held, caller, recused=view.recusal is not None)
        others = await groups.others(conn, alert_id)
        linked = None if view.recusal else await folders.of_alert(conn, held, caller)
        sent = [] if view.recusal else await receipts.of_alert(conn, alert_id)
        ties = None if view.recusal else await related.around(conn, held)
    return _page(
        request,
        "alert.html",
        caller=caller,
        view=view,
        alert=held.alert,
        moments=timeline.merged(past, view.delivery, sent),
        **handling,
        others=others,
        folders=linked,
        receipts=sent,
        ties=ties,
        width=related_graph.WIDTH,
        words=vocabulary(),
        region=regions.name,
        finished=held.finished,
    )


@router.get("/alerts/{alert_id}/card")
async def show_card(
    request: Request, caller: Caller, alert_id: UUID, choice: Annotated[InboxChoice, Query()], chosen: bool = False
) -> Response:
    """One alert as it stands in the inbox: what the open page puts in when the stream tells of it.

    With `chosen` it is 204 unless what is chosen in the inbox shows it.
    """
    async with db_of(request).begin(Scope.of(caller), readonly=True) as conn:
        held = await inbox.find(conn, alert_id)
        if chosen and not await listing.matches(conn, choice.filter(), alert_id):
            return Response(status_code=204)
        (card,) = await groups.fill(conn, [AlertCard.of(held, datetime.now(UTC))])
    return _page(request, "card.html", alert=card)


@router.post("/alerts/{alert_id}/moves")
async def move_alert(
    request: Request,
    caller: Caller,
    alert_id: UUID,
    to: Annotated[str, Form(max_length=40)],
    note: Annotated[str, Form(max_length=4000)] = "",
    outcome: Annotated[str, Form(max_length=40)] = "",
    explanation: Annotated[str, Form(max_length=40)] = "",
    recovered: Annotated[str, Form(max_length=40)] = "",
    people: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Make a move and show the alert again."""
    money, number = _read("recovered", recovered, read_money), _read("people", people, read_integer)
    wish = Move(to, note, outcome or None, explanation or None, money, number)
    await moves.make(db_of(request), caller, alert_id, wish, None)
    return RedirectResponse(f"/alerts/{alert_id}", status_code=303)


async def _handling(conn: Connection, held: Standing, caller: Principal, *, recused: bool) -> dict[str, Any]:
    """What the alert page shows beside the alert: its papers, to whom it can be handed over, its rule's record."""
    record = await rule_records.of(conn, held.alert.rule_id)
    if recused:
        return {"papers": [], "colleagues": [], "record": record}
    actor = standing.actor_at(held, caller)
    return {
        "papers": await papers.listed(conn, UUID(held.alert.alert_id)),
        "colleagues": await colleagues.choices(conn, held, actor),
        "record": record,
    }


def _read(field: str, text: str, read: Callable[[str], int]) -> int:
    """A number that somebody typed, 0 when nothing; raises `MoveNeedsMore`."""
    try:
        return read(text.strip()) if text.strip() else 0
    except Unreadable as error:
        raise MoveNeedsMore("请改正后再提交", "Please mend it", [FieldError(field, error.zh, error.en)]) from error


def _page(request: Request, name: str, **values: Any) -> Response:
    return _templates.TemplateResponse(request, name, values)
