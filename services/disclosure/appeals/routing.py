"""Whose desk an appeal lies on, who may read and handle it there, and who must stand aside. Pure."""

from collections.abc import Mapping

from services.disclosure.appeals.plan import DeskLevel, Level, Plan
from shared import regions
from shared.contracts.appeals import Kind
from shared.principals import Principal
from shared.texts import fold, seen

_ORDER: tuple[Level, ...] = ("village", "town", "county")
_DESKS: tuple[DeskLevel, ...] = ("town", "county", "city")


def concerned_level(said: Level, text: str, plan: Plan) -> Level:
    """Whom it concerns at the highest: by its author's word, or by the posts that the text names."""
    folded = _plain(text)
    named = [level for level, words in plan.mentions.items() if any(_plain(word) in folded for word in words)]
    return max([said, *named], key=_ORDER.index)


def first_desk(village_code: str, concerns: Level) -> str:
    """Where it goes first: the town, or above whoever it concerns. Above the county only where a city takes part."""
    if concerns == "village":
        return regions.town_of(village_code)
    county = regions.county_of(village_code)
    return above(county) or county if concerns == "county" else county


def above(desk: str) -> str | None:
    """The desk a level up; none above the highest that takes part."""
    match level_of(desk):
        case "town":
            return regions.county_of(desk)
        case "county" if regions.CITY:
            return regions.city_of(desk)
    return None


def below(desk: str, village_code: str, concerns: Level) -> str | None:
    """The desk a level down that it doesn't concern; none when there is none."""
    match level_of(desk):
        case "city" if concerns != "county":
            return regions.county_of(village_code)
        case "county" if concerns == "village":
            return regions.town_of(village_code)
    return None


def higher(one: str, other: str) -> str:
    """The desk of two that is above the other."""
    return max(one, other, key=lambda desk: _DESKS.index(level_of(desk)))


def level_of(desk: str) -> DeskLevel:
    """The level of a desk; a village has none."""
    level = regions.level_of(desk)
    if level == "village":
        raise ValueError(f"{desk} 不是镇、县、市 / is no town, county or city")
    return level


def handlers(desk: str, kind: Kind, plan: Plan) -> list[str]:
    """The posts that handle it, `role@region`."""
    return [f"{role}@{desk}" for role in _posts(kind, plan)[level_of(desk)]]


def readers(desk: str, kind: Kind, plan: Plan) -> list[str]:
    """Who may read it: its desk and those above, never one below."""
    found, at = handlers(desk, kind, plan), above(desk)
    while at:
        found, at = found + handlers(at, kind, plan), above(at)
    return found


def identity_readers(desk: str, kind: Kind, plan: Plan) -> list[str]:
    """Who may be shown its author: of the desk those whose post must reach him."""
    return [post for post in handlers(desk, kind, plan) if post.partition("@")[0] in plan.identity_roles]


def stands_aside(caller: Principal, village_code: str, texts: tuple[str, ...]) -> bool:
    """Whether it may concern the caller: he holds a post in the village itself, or is named in it."""
    if any(grant.region == village_code for grant in caller.grants):
        return True
    name = _plain(caller.name).replace(" ", "")
    return len(name) > 1 and any(name in _plain(text).replace(" ", "") for text in texts)


def holds(caller: Principal, posts: list[str] | tuple[str, ...]) -> bool:
    """Whether the caller holds one of the posts."""
    return any(f"{grant.role}@{grant.region}" in posts for grant in caller.grants)


def _posts(kind: Kind, plan: Plan) -> Mapping[DeskLevel, tuple[str, ...]]:
    return plan.report_desks if kind == "report" else plan.desks


def _plain(text: str) -> str:
    return fold(seen(text)).text.lower()
