"""What officials find here: each page with those whose posts may open it, and the way in at `/desk`."""

from collections.abc import Set
from dataclasses import dataclass
from functools import cache

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from services.disclosure.appeals.plan import plan as appeals
from services.disclosure.cockpit.plan import plan as cockpit
from services.disclosure.evaluation.indicators import plan as evaluation
from services.disclosure.policies.plan import plan as policies
from services.disclosure.taking_back import TAKERS
from shared.auth import Caller
from shared.principals import Principal
from shared.problems import NotAllowed

router = APIRouter(prefix="/desk", include_in_schema=False)


@dataclass(frozen=True)
class Desk:
    """One of the pages, and the roles that may open it."""

    path: str
    zh: str
    en: str
    roles: Set[str]


def open_to(caller: Principal) -> list[Desk]:
    """The pages that the caller's posts may open."""
    return [desk for desk in _desks() if caller.roles & desk.roles]


@router.get("")
async def enter(caller: Caller) -> Response:
    """To the first page that the caller may open; raises `NotAllowed` when there is none."""
    if not (desks := open_to(caller)):
        raise NotAllowed("您的岗位在这里没有工作页面", "Your post has no page here")
    return RedirectResponse(desks[0].path, status_code=303)


@cache
def _desks() -> tuple[Desk, ...]:
    handlers = frozenset(role for posts in appeals().desks.values() for role in posts)
    readers = frozenset(role for roles in evaluation().readers.values() for role in roles)
    return (
        Desk("/cockpit", "决策辅助", "Cockpit", frozenset(cockpit().readers)),
        Desk("/evaluation", "政治生态评价", "Evaluation", readers),
        Desk("/appeals", "群众诉求", "Appeals", handlers),
        Desk("/desk/policies", "惠民政策", "Policies", frozenset(policies().writers)),
        Desk("/desk/takedowns", "撤回公开", "Takedowns", frozenset(TAKERS)),
    )
