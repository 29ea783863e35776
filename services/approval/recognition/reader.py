"""`python -m services.approval.recognition.reader`: reads the papers that it is told of, one JSON line each.

A process of its own, for what a library does to a hostile file must not end more than it.
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from services.approval.recognition.ocr import Ocr
from services.approval.recognition.reading import read
from services.approval.recognition.reasons import Unreadable

_MOST_MEMORY = 6 << 30
_NICE = 15


def main() -> None:
    """Answer each line of standard input with one line, until it ends."""
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    # What libraries print is not an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    ocr: list[Ocr] = []
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line), ocr), ensure_ascii=False), file=answers, flush=True)


def _answer(asked: dict[str, Any], ocr: list[Ocr]) -> dict[str, Any]:
    def by_sight(*page: Any) -> Any:
        if not ocr:
            ocr.append(Ocr())
        return ocr[0].read(*page)

    try:
        reading = read(Path(asked["path"]), asked["media_type"], by_sight, Path(asked["pictures"]))
    except (Unreadable, FileNotFoundError) as error:
        return {"unreadable": error.args[0] if isinstance(error, Unreadable) else "damaged"}
    except MemoryError:
        return {"unreadable": "too_large"}
    return {"reading": reading.to_row()}


if __name__ == "__main__":
    main()
