"""A place in a list as it stands in a URL: the sort keys of the last row, opaque to whoever hands it back. Pure."""

import base64
import uuid
from datetime import datetime

from shared.problems import FieldError, InvalidInput

_BETWEEN = "|"


def write(*keys: str) -> str:
    """The cursor behind a row with these sort keys."""
    return base64.urlsafe_b64encode(_BETWEEN.join(keys).encode()).decode().rstrip("=")


def read(text: str) -> list[str]:
    """The sort keys of a cursor; raises `ValueError` for what `write` never made."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode().split(_BETWEEN)


def read_moment(text: str | None) -> tuple[datetime, uuid.UUID] | None:
    """The time and id that a cursor `after` holds; none for no cursor. Raises `InvalidInput`."""
    if not text:
        return None
    try:
        at, id = read(text)
        return datetime.fromisoformat(at), uuid.UUID(id)
    except ValueError as error:
        fault = FieldError("query.after", "不是上一页的 next", "not `next` of a page before")
        raise InvalidInput("请按提示修改", "Please mend the named fields", [fault]) from error
