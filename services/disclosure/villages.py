"""A village's page as its cases move: each change makes the next page from the one before. Pure."""

import re
from collections.abc import Iterable
from datetime import datetime

from services.disclosure.cases import Case
from services.disclosure.errors import BadVillageCode, NoSuchVillage
from services.disclosure.schemas import (
    AlertCount,
    CaseCard,
    MatterCounts,
    Named,
    NoticeCard,
    VillageLinks,
    VillagePage,
    notices_of,
)
from services.disclosure.vocabulary import vocabulary
from shared import regions

NEWEST = 30
_CODE = re.compile(r"[0-9]{12}")
_VILLAGES = frozenset(village.code for village in regions.villages())


def check(code: str) -> str:
    """The code of a village of the county; raises `BadVillageCode`, `NoSuchVillage`."""
    if not _CODE.fullmatch(code):
        raise BadVillageCode("村代码为 12 位数字,如 330421107201", "A village code has 12 digits, as 330421107201")
    if not known(code):
        raise NoSuchVillage(f"本县没有代码为 {code} 的村", f"No village of this county has the code {code}")
    return code


def known(code: str) -> bool:
    """Whether the county has this village."""
    return code in _VILLAGES


def blank(code: str, group: int) -> VillagePage:
    """The page of a village in which nothing has happened."""
    return VillagePage(
        village=Named.region(code),
        town=Named.region(regions.town_of(code)),
        matters=tuple(MatterCounts(matter=Named.of(key, name)) for key, name in vocabulary().matters.items()),
        alerts=AlertCount.of(0, group),
        links=VillageLinks.of(code),
    )


def with_case(page: VillagePage, before: Case | None, after: Case) -> VillagePage:
    """The page after a case went from `before` (none when it is new) to `after`."""
    return page.model_copy(
        update={
            "matters": tuple(
                each.moved(before.state if before else None, after.state) if each.matter.code == after.matter else each
                for each in page.matters
            ),
            "newest": _newest((CaseCard.of(after), *(c for c in page.newest if c.case_id != after.case_id))),
            "notices": _soonest((*notices_of(after), *(n for n in page.notices if n.case_id != after.case_id))),
            "updated_at": max(after.updated_at, page.updated_at or after.updated_at),
        }
    )


def with_alerts(page: VillagePage, count: int, group: int) -> VillagePage:
    """The page with so many alerts that stand. `updated_at` stays: it would tell when one came."""
    return page.model_copy(update={"alerts": AlertCount.of(count, group)})


def without_expired(page: VillagePage, now: datetime) -> VillagePage:
    """The page with those notices that still run."""
    return page.model_copy(update={"notices": tuple(n for n in page.notices if n.ends_at > now)})


def _newest(cards: Iterable[CaseCard]) -> tuple[CaseCard, ...]:
    return tuple(sorted(cards, key=lambda card: (card.updated_at, card.case_id), reverse=True)[:NEWEST])


def _soonest(notices: Iterable[NoticeCard]) -> tuple[NoticeCard, ...]:
    return tuple(sorted(notices, key=lambda notice: (notice.ends_at, notice.case_id, notice.step.code)))
