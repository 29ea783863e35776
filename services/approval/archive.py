"""What is put into the archive with a case: how many papers it has, and a digest over all of it. Pure."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson


def seal(log: Sequence[Mapping[str, Any]]) -> tuple[int, str]:
    """The number of different papers in a case's log, and the digest (SHA-256) over its events as they were published.

    Events name their papers by digest, so the papers are sealed too.
    """
    # An archived case's last event has the number of papers under the same name.
    filed = [data["documents"] for data in log if isinstance(data.get("documents"), list)]
    papers = {(paper["kind"], paper["sha256"]) for each in filed for paper in each}
    return len(papers), sha256(orjson.dumps(list(log), option=orjson.OPT_SORT_KEYS)).hexdigest()
