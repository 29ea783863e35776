"""The cockpit as one reader sees it: his region, the period, all figures; each look, list and export is on record."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import Request

from services.disclosure.cockpit import lists, overview, readings
from services.disclosure.cockpit.choice import ListChoice, PeriodChoice, Seat
from services.disclosure.cockpit.period import Period, today_of
from services.disclosure.cockpit.plan import plan
from services.disclosure.cockpit.schemas import Definitions, Explained, Overview
from services.disclosure.schemas import Bilingual
from shared import audit
from shared.db import Connection, Scope
from shared.principals import Principal
from shared.web import db_of, settings_of
from shared.words import words

LISTS: dict[str, Any] = {
    **{"alerts": lists.alerts, "cases": lists.cases},
    **{"steps": lists.steps, "proposals": lists.proposals},
}


@dataclass(frozen=True)
class Look:
    """Who looks where, at which period, and when."""

    caller: Principal
    seat: Seat
    period: Period
    now: datetime

    @classmethod
    def of(cls, caller: Principal, choice: PeriodChoice) -> "Look":
        """What was asked for; raises `NotAllowed`, `BadRegion`, `NotYourRegion`, `BadPeriod`."""
        seat, now = Seat.of(caller, choice.region, plan()), datetime.now(UTC)
        return cls(caller, seat, choice.asked(today_of(now)), now)

    @property
    def query(self) -> dict[str, str]:
        """How a link names it."""
        return self.period.query() | {"region": self.seat.region}


async def overview_of(request: Request, look: Look, deed: str = "cockpit.viewed") -> Overview:
    """All figures and tables, noted as `deed`."""
    compared = look.period.compared(today_of(look.now))
    async with _noted(request, look, deed) as conn:
        read = await readings.of(conn, look.period, look.seat.within)
        before = await readings.of(conn, compared, look.seat.within)
        nodes = await readings.nodes(conn, look.period, look.seat.within)
    return overview.build(plan(), words(), look.seat.region, look.period, look.now, read, before, nodes)


async def listed(
    request: Request, look: Look, name: str, wanted: ListChoice, deed: str = "cockpit.listed"
) -> tuple[list[Any], str | None]:
    """A page of one of the lists, noted as `deed`. Raises `BadCursor`."""
    url = settings_of(request).notifier_url.rstrip("/")
    async with _noted(request, look, deed, name) as conn:
        found: tuple[list[Any], str | None] = await LISTS[name](
            conn, look.period, look.seat, wanted, plan(), words(), url
        )
        return found


def definitions() -> Definitions:
    """How everything is counted."""
    return Definitions(
        small_sample=plan().small_sample,
        figures=tuple(_explained(key, one, one.unit) for key, one in plan().figures.items()),
        tables=tuple(_explained(key, one, None) for key, one in plan().tables.items()),
    )


def _explained(key: str, one: Any, unit: Any) -> Explained:
    how = Bilingual(zh=one.how.zh, en=one.how.en)
    return Explained(key=key, name=Bilingual(zh=one.zh, en=one.en), how=how, unit=unit)


@asynccontextmanager
async def _noted(request: Request, look: Look, deed: str, list: str = "") -> AsyncIterator[Connection]:
    """A transaction as the reader, with the deed on record."""
    detail = {"period": look.period.name, "region": look.seat.region} | ({"list": list} if list else {})
    hourly = deed == "cockpit.viewed" or deed == "cockpit.listed"
    about = f"cockpit:{look.seat.region}/{look.period.name}" + (f"/{list}" if list else "")
    async with db_of(request).begin(Scope.of(look.caller)) as conn:
        await audit.record(conn, look.caller, deed, about, detail, region=look.seat.region, hourly=hourly)
        yield conn
