"""From when to when the demo county's history runs."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Period:
    """A stretch of time; events happen up to `until`."""

    since: datetime
    until: datetime
