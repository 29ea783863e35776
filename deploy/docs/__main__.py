"""Write what is generated into `docs/`: `make docs`."""

import json
import sys

from deploy.docs import pages
from deploy.docs.compatibility import breaks
from shared.db import ROOT


def main() -> int:
    """Write every generated page and take away those without a source; refuse when an event would break."""
    made = pages.made()
    if pages.EVENTS.exists():
        before = json.loads(pages.EVENTS.read_text(encoding="utf-8"))
        if broken := breaks(before, json.loads(made[pages.EVENTS])):
            print("事件须另立新版本,未写任何页面 An event needs a new version; nothing was written:", file=sys.stderr)
            print(*broken, sep="\n", file=sys.stderr)
            return 1
    for path in pages.committed() - made.keys():
        path.unlink()
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(made)} 页 pages: {ROOT / 'docs'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
