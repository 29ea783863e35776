"""What lies beside a case on its page: the reader's own draft, comments, and for whom he would act."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.approval.desk import Opened
from services.approval.work import comments, drafts, standing_in
from services.approval.work.comments import Comment
from services.approval.work.drafts import Draft, Place
from services.approval.work.standing_in import Absence
from shared.db import Connection
from shared.principals import Principal


@dataclass(frozen=True)
class Beside:
    """All of it; `through` is the absence by which the present step is the reader's."""

    draft: Draft | None
    comments: list[Comment]
    may_comment: bool
    through: Absence | None


async def beside_of(
    conn: Connection, caller: Principal, seen: Opened, node: str | None, secret: str, now: datetime
) -> Beside:
    """What the reader finds beside a case at the node he looks at; he has then read its comments."""
    case = seen.case
    case_id = UUID(case.case_id)
    said = await comments.of_case(conn, case_id)
    if said:
        await comments.note_read(conn, caller, case_id, now)
    draft, through = None, None
    if node in seen.actions.complete_at:
        draft = await drafts.find(conn, caller, Place(case.flow, case_id, node), secret, now)
        through = _through(caller, seen, node)
    may_comment = bool(standing_in.own_roles(caller, case.village_code) & comments.roles())
    return Beside(draft, said, may_comment, through)


def _through(caller: Principal, seen: Opened, node: str) -> Absence | None:
    filers = seen.flow.node(node).filers
    if filers & standing_in.own_roles(caller, seen.case.village_code):
        return None
    found = (standing_in.behind(caller, role, seen.case.village_code) for role in sorted(filers))
    return next((each for each in found if each), None)
