"""What the inbox finds and counts, what an alert is tied to, and how the county stands, over a real database: pages in
any order hold each alert once, counts agree with the lists, and nobody's contain what isn't his."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import pytest

from services.notifier import clock, inbox
from services.notifier.errors import BadCursor
from services.notifier.handling import lifecycle, moves
from services.notifier.handling.lifecycle import Move
from services.notifier.schemas import AlertCard, AlertFilter, Order
from services.notifier.workbench import county, listing, related
from services.notifier.workbench.inbox_choice import InboxChoice
from shared.contracts.alerts import Alert, Party
from shared.db import Connection, Database, Scope
from shared.principals import Grant, Principal
from tests.conftest import Token
from tests.integration.test_notifier import OTHER_SECRETARY, SECRETARY, World, deliver, world
from tests.notifier.samples import COUNTY, OTHER_TOWN, TOWN, VILLAGE, alert, raised

__all__ = ["world"]
Open = Callable[[str], Awaitable[Database]]
NEIGHBOUR = "330421107202"
AUDITOR = Scope("%", f"auditor@{COUNTY}", "he")
FIRM = Party(kind="company", key="91330421MA2B0C0D1E", name="宏达建筑")


def caller(*grants: str, subject: str = "wang") -> Principal:
    held = (Grant.parse(text) for text in grants)
    return Principal(subject, "王书记", f"key-{subject}", frozenset(grant for grant in held if grant))


def many() -> list[Alert]:
    """Alerts of two towns, in all grades, of two rules and matters."""
    return [
        alert(
            grade=("red", "yellow", "prompt")[n % 3],
            matter=("PR", "EN")[n % 2],
            rule_id=("A001", "A002")[n // 3 % 2],
            village_code=("330421105201" if n % 5 == 0 else (VILLAGE, NEIGHBOUR)[n % 2]),
            town_code=OTHER_TOWN if n % 5 == 0 else TOWN,
            case_ids=(f"case-{n // 4}",),
            case_nos=(f"CG-2026-{n // 4:03d}",),
            parties=(FIRM,) if n % 4 == 0 else (),
        )
        for n in range(24)
    ]


@pytest.fixture
async def full(database: Open) -> Database:
    """A county with alerts, each of which arrived at its own time."""
    db = await database("notifier")
    for one in many():
        await deliver(db, raised(one))
    return db


async def walked(conn: Connection, wanted: AlertFilter) -> list[AlertCard]:
    """All pages of a list, one after the other."""
    found, following = await listing.search(conn, wanted)
    while following:
        page, following = await listing.search(conn, wanted.model_copy(update={"after": following}))
        found += page
    return found


def key(card: AlertCard, order: Order) -> Any:
    """By what a list in this order is sorted."""
    newest = (-card.raised_at.timestamp(), -card.alert_id.int)
    due = (card.due_by or datetime.max.replace(tzinfo=UTC), card.alert_id.int)
    return {"graver": (["red", "yellow", "prompt"].index(card.grade.code), *newest), "due": due, "newest": newest}[
        order
    ]


async def test_the_pages_of_each_order_hold_each_alert_once(full: Database) -> None:
    async with full.begin(AUDITOR, readonly=True) as conn:
        for order in get_args(Order):
            found = await walked(conn, AlertFilter(limit=5, sort=order))
            assert len({card.alert_id for card in found}) == len(found) == 24
            assert found == sorted(found, key=lambda card: key(card, order))
            _, following = await listing.search(conn, AlertFilter(limit=5, sort=order))
            with pytest.raises(BadCursor):
                await listing.search(conn, AlertFilter(sort="due" if order != "due" else "newest", after=following))


CHOICES: list[dict[str, Any]] = [
    {},
    {"grade": "red"},
    {"grade": "yellow", "matter": "EN", "rule": "A002"},
    {"place": TOWN},
    {"place": NEIGHBOUR, "assigned": "nobody"},
    {"text": "cg-2026-003", "show": "all"},
    {"group": "case:case-2"},
    {"group": f"party:company:{FIRM.key}", "grade": "red"},
    {"show": "overdue"},
    {"assigned": "me"},
]


async def test_each_choice_is_counted_as_it_would_show(full: Database) -> None:
    async with full.begin(AUDITOR, readonly=True) as conn:
        everything = await walked(conn, AlertFilter())
        for values in CHOICES:
            choice = InboxChoice.model_validate(values)
            told = await listing.facets(conn, choice.filter())
            for name, value, count in (
                *(("grade", grade, told.grades.get(grade, 0)) for grade in ("red", "prompt")),
                *(("matter", matter, told.matters.get(matter, 0)) for matter in ("PR", "EN")),
                *(("rule", rule, told.rules.get(rule, 0)) for rule in ("A001", "A002")),
                *(("place", village, told.villages.get(village, 0)) for village in (VILLAGE, NEIGHBOUR)),
                *(("assigned", whose, told.assigned.get(whose, 0)) for whose in ("nobody", "me")),
            ):
                shown = await walked(conn, choice.model_copy(update={name: value}).filter())
                assert len(shown) == count, (values, name, value)
            shown_ids = {card.alert_id for card in await walked(conn, choice.filter())}
            for card in everything[::5]:
                assert await listing.matches(conn, choice.filter(), card.alert_id) is (card.alert_id in shown_ids)
        assert {code: title.en for code, title in told.titles.items()} == {
            "A001": "Split purchase",
            "A002": "Split purchase",
        }


async def test_nobody_counts_what_is_not_his(full: Database) -> None:
    async with full.begin(Scope("%", OTHER_SECRETARY, "li"), readonly=True) as conn:
        told = await listing.facets(conn, AlertFilter())
        seen = await county.overview(conn, datetime.now(UTC))
        assert set(told.villages) == {"330421105201"}
        assert set(told.grades) == {"red"}
        assert {town.code for town in seen.towns} == {OTHER_TOWN}
    async with full.begin(Scope.public(), readonly=True) as conn:
        assert (await listing.facets(conn, AlertFilter())).grades == {}
        assert (await county.overview(conn, datetime.now(UTC))).towns == ()


async def test_an_alert_is_drawn_among_those_its_reader_may_see(full: Database) -> None:
    async with full.begin(AUDITOR, readonly=True) as conn:
        (found, *_) = await walked(conn, AlertFilter(group=f"party:company:{FIRM.key}", grade="red", town=TOWN))
        held = await inbox.find(conn, found.alert_id)
        drawn = await related.around(conn, held)
    assert drawn
    assert {node.tie.label for node in drawn.ties} >= {"宏达建筑", found.case_nos[0]}
    assert len(drawn.alerts) == len({node.alert_id for node in drawn.alerts}) > 4
    async with full.begin(Scope("%", SECRETARY, "wang"), readonly=True) as conn:
        own = await related.around(conn, held)
        assert own
        readable = await inbox.read(conn, [node.alert_id for node in drawn.alerts])
        assert {node.alert_id for node in own.alerts} == set(readable) < {node.alert_id for node in drawn.alerts}


async def test_the_county_sees_what_is_late_unread_and_slow(database: Open) -> None:
    db, now = await database("notifier"), datetime.now(UTC)
    found = [alert() for _ in range(3)] + [alert(grade="yellow")]
    await deliver(db, *(raised(one) for one in found))
    secretary = caller(SECRETARY, f"town_inspector@{TOWN}")
    for to, note in (("acknowledged", ""), ("verifying", ""), ("fed_back", "三次为同一批")):
        await moves.make(db, secretary, UUID(found[0].alert_id), Move(to, note), None)
    judged = Move("no_action", "应急", "explanation_accepted", lifecycle.OTHER)
    await moves.make(db, secretary, UUID(found[0].alert_id), judged, None)
    async with db.begin(Scope.of(secretary)) as conn:
        await inbox.mark_read(conn, await inbox.find(conn, UUID(found[1].alert_id)), secretary)
    late = now + timedelta(days=30)
    while await clock.escalate_lapsed(db, late):
        continue
    for scope in (AUDITOR, Scope("%", f"county_secretary@{COUNTY}", "chen")):
        async with db.begin(scope, readonly=True) as conn:
            seen = await county.overview(conn, late)
        (town,) = seen.towns
        assert (town.code, town.overdue["red"], town.states["pushed"]) == (TOWN, 3, 3)
        assert town.overdue["yellow"] == 1
        assert [str(one.alert_id) for one in seen.unread] == [found[2].alert_id]
        assert seen.states == {"pushed": 3, "no_action": 1}
    async with db.begin(AUDITOR, readonly=True) as conn:
        seen = await county.overview(conn, now)
        assert (seen.acknowledged[0].done, seen.closed[0].done, seen.acknowledged[1].done) == (1, 1, 0)
        assert seen.acknowledged[0].seconds is not None
        assert 0 <= seen.acknowledged[0].seconds < 60
        assert (seen.unread_in_all, seen.towns[0].late) == (0, 0)


async def test_months_are_those_of_shanghai() -> None:
    this, last = county.months(datetime(2025, 12, 31, 17, tzinfo=UTC))
    assert (this.isoformat(), last.isoformat()) == ("2026-01-01T00:00:00+08:00", "2025-12-01T00:00:00+08:00")


async def test_the_pages_answer_what_is_chosen_and_refuse_what_is_not_theirs(world: World, token: Token) -> None:
    found = alert(case_ids=("c1",))
    await deliver(world.db, raised(found), raised(alert(case_ids=("c1",), grade="yellow", village_visible=True)))
    async with world.browser(SECRETARY, f"town_inspector@{TOWN}") as secretary:
        for query, there in (("", True), ("?text=化整为零", True), ("?text=补贴", False), ("?show=verifying", False)):
            shown = await secretary.get("/" + query)
            assert (shown.status_code, found.alert_id in shown.text) == (200, there), query
        assert "没有符合筛选条件的预警" in (await secretary.get("/?text=补贴")).text
        assert (await secretary.get("/?show=lost")).status_code == 422
        card = f"/alerts/{found.alert_id}/card?chosen=true"
        assert (await secretary.get(card + "&grade=yellow")).status_code == 204
        assert (await secretary.get(card + "&grade=red")).status_code == 200
        page = (await secretary.get(f"/alerts/{found.alert_id}")).text
        assert 'class="ties"' in page
        assert "/?show=all&amp;group=case%3Ac1" in page
        assert (await secretary.get("/?show=all&group=case%3Ac1")).text.count("<article") == 2
        assert (await secretary.get("/county")).status_code == 200
    async with world.browser(f"handler@{VILLAGE}") as clerk:
        assert (await clerk.get("/county")).status_code == 403
        assert 'href="/county"' not in (await clerk.get("/")).text
