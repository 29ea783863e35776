"""A place in a list as it stands in a URL: the sort keys of the last row, opaque to whoever hands it back. Pure."""

import base64

_BETWEEN = "|"


def write(*keys: str) -> str:
    """The cursor behind a row with these sort keys."""
    return base64.urlsafe_b64encode(_BETWEEN.join(keys).encode()).decode().rstrip("=")


def read(text: str) -> list[str]:
    """The sort keys of a cursor; raises `ValueError` for what `write` never made."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode().split(_BETWEEN)
