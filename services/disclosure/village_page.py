"""A village's page as its cases move: each change makes the next page from the one before. Pure."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from services.disclosure.cases import HIDDEN, Case
from services.disclosure.errors import BadVillageCode, NoSuchVillage
from services.disclosure.evaluation.quarters import Quarter
from services.disclosure.masking import Masks
from services.disclosure.schemas import (
    AlertCount,
    CaseCard,
    MatterCounts,
    Named,
    NoticeCard,
    QuarterMoney,
    VillageLinks,
    VillagePage,
    notices_of,
)
from services.disclosure.sums import NAMES, sums_of
from services.disclosure.vocabulary import Vocabulary
from shared import regions
from shared.workdays import SHANGHAI

# So many are shown; what is kept beyond them takes the place of what leaves the page.
SHOWN = 12
_KEPT_NEWEST = 30
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


def blank(code: str, words: Vocabulary) -> VillagePage:
    """The page of a village in which nothing has happened."""
    return VillagePage(
        village=Named.region(code),
        town=Named.region(regions.town_of(code)),
        matters=tuple(MatterCounts(matter=Named.of(key, name)) for key, name in words.matters.items()),
        links=VillageLinks.of(code),
    )


def with_case(page: VillagePage, before: Case | None, after: Case, masks: Masks, words: Vocabulary) -> VillagePage:
    """The page after a case went from `before` (none when it is new) to `after`."""
    hidden, was_hidden = after.public_until(masks) == HIDDEN, before is None or before.public_until(masks) == HIDDEN
    from_state = None if was_hidden or before is None else before.state
    cards = () if hidden else (CaseCard.of(after, masks, words),)
    notices = () if hidden else notices_of(after, words)
    return page.model_copy(
        update={
            "matters": tuple(
                each.moved(from_state, None if hidden else after.state) if each.matter.code == after.matter else each
                for each in page.matters
            ),
            "money": _money(page, None if was_hidden else before, None if hidden else after, masks, words),
            "newest": _newest((*cards, *(c for c in page.newest if c.case_id != after.case_id))),
            "notices": _soonest((*notices, *(n for n in page.notices if n.case_id != after.case_id))),
            "updated_at": max(after.updated_at, page.updated_at or after.updated_at),
        }
    )


def closed_year(page: VillagePage, today: datetime) -> int | None:
    """The last year that is over by the village's own events, and by the clock: a date typed wrongly closes none."""
    if page.updated_at is None:
        return None
    return min(page.updated_at.astimezone(SHANGHAI).year, today.astimezone(SHANGHAI).year) - 1


def with_alerts(page: VillagePage, year: int, count: int, group: int) -> VillagePage:
    """The page with so many alerts of a year that is over. `updated_at` stays: it would tell when one came."""
    return page.model_copy(update={"alerts": AlertCount.of(year, count, group)})


def without_expired(page: VillagePage, now: datetime) -> VillagePage:
    """The page with those notices and cases that are still public."""
    return page.model_copy(
        update={
            "notices": tuple(n for n in page.notices if n.ends_at > now),
            "money": tuple(each for each in page.money if _quarter_ends(each) > now),
            "newest": tuple(c for c in page.newest if c.public_until is None or c.public_until > now),
        }
    )


def stale_at(page: VillagePage) -> datetime | None:
    """When the first thing on it is no longer public."""
    ends = [notice.ends_at for notice in page.notices] + [_quarter_ends(each) for each in page.money[:1]]
    return min(ends + [card.public_until for card in page.newest if card.public_until], default=None)


def shown(page: VillagePage) -> VillagePage:
    """As much of it as fits a telephone: what ends its notice next, what moved last, one quarter's money."""
    update = {"notices": page.notices[:SHOWN], "notice_count": len(page.notices), "newest": page.newest[:SHOWN]}
    update |= {"money": tuple(each for each in page.money if each.quarter == page.money[0].quarter)}
    return page.model_copy(update=update)


def _money(
    page: VillagePage, before: Case | None, after: Case | None, masks: Masks, words: Vocabulary
) -> tuple[QuarterMoney, ...]:
    """The page's money after a case went from `before` to `after`; none: not counted."""
    totals = Counter(
        {(each.quarter, each.matter.code, name): getattr(each, name) for each in page.money for name in NAMES}
    )
    for case, sign in ((before, -1), (after, 1)):
        if case:
            for name, amount in sums_of(case, masks, words).items():
                totals[str(Quarter.of(amount.at)), case.matter, name] += sign * amount.fen
    quarters = sorted({quarter for (quarter, _, _), fen in totals.items() if fen})
    rows = (
        QuarterMoney(
            quarter=quarter, matter=Named.of(code, matter), **{name: totals[quarter, code, name] for name in NAMES}
        )
        for quarter in quarters
        for code, matter in words.matters.items()
    )
    return tuple(row for row in rows if any(getattr(row, name) for name in NAMES))


def _quarter_ends(money: QuarterMoney) -> datetime:
    quarter = Quarter.parse(money.quarter)
    assert quarter
    return quarter.ends


def _newest(cards: Iterable[CaseCard]) -> tuple[CaseCard, ...]:
    return tuple(sorted(cards, key=lambda card: (card.updated_at, card.case_id), reverse=True)[:_KEPT_NEWEST])


def _soonest(notices: Iterable[NoticeCard]) -> tuple[NoticeCard, ...]:
    return tuple(sorted(notices, key=lambda notice: (notice.ends_at, notice.case_id, notice.node.code)))
