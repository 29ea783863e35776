"""What a proposal says as an official paper: its paragraphs, its number, who signs. Pure."""

import re
from datetime import datetime

from services.notifier.proposals.proposal_book import ENVIRONMENT, book
from services.notifier.proposals.proposal_standing import Proposal
from services.notifier.vocabulary import vocabulary
from shared import regions
from shared.workdays import SHANGHAI

_NUMBERS = "一二三四五六七八九十"
_CASES_NAMED = 5
_END = re.compile(r"[\s。.;;]+$")


def paragraphs(held: Proposal) -> tuple[str, ...]:
    """Its text: as it was served, or as it would read if it were served now."""
    if held.paragraphs:
        return held.paragraphs
    found, content = held.grounds, held.content
    first, last = _day(found.since), _day(found.until)
    text = ENVIRONMENT.from_string(book().text).render(
        addressee=content.addressee_name,
        region=regions.name(found.region_code),
        matter=vocabulary().matters[found.matter].zh,
        span=f"{first}至{last}" if first != last else first,
        rule=found.rule.zh,
        count=len(found.alert_ids),
        cases=found.case_nos[:_CASES_NAMED],
        more_cases=len(found.case_nos) if len(found.case_nos) > _CASES_NAMED else 0,
        problem=_sentence(content.problem),
        basis=content.basis,
        asks=[_END.sub("", ask) for ask in content.asks],
        reply_days=content.reply_days,
        number_of=lambda at: _NUMBERS[at - 1] if at <= len(_NUMBERS) else str(at),
    )
    return tuple(line for line in text.splitlines() if line.strip())


def issuer(region_code: str) -> str:
    """The full name of the office that issues, as it signs."""
    return book().issuers[regions.level_of(region_code)].zh.format(**places(region_code))


def year_of(now: datetime) -> int:
    """The year of a number that is taken at `now`, in Shanghai."""
    return now.astimezone(SHANGHAI).year


def _day(moment: datetime) -> str:
    """A day as official papers write it: 2026年3月2日."""
    local = moment.astimezone(SHANGHAI)
    return f"{local.year}年{local.month}月{local.day}日"


def _sentence(text: str) -> str:
    said = text.strip()
    return said if said.endswith(("。", "!", "?", ".")) else f"{said}。"


def number(issued_by: str, now: datetime, serial: int) -> str:
    office = book().issuers[regions.level_of(issued_by)].short.format(**places(issued_by))
    return book().number.format(office=office, year=year_of(now), serial=serial)


def places(region_code: str) -> dict[str, str]:
    """The names of a region's village, town and county; empty where the region is larger than that."""
    level = regions.level_of(region_code)
    return {
        "village": regions.name(region_code) if level == "village" else "",
        "town": regions.name(regions.town_of(region_code)) if level != "county" else "",
        "county": regions.name(regions.county_of(region_code)),
    }
