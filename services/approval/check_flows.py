"""Checks a catalogue of flows before a service runs by it, and tells its first fault with file and path.

python -m services.approval.check_flows [FOLDER [WORDS]]    # the service's own catalogue and words by default
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from services.approval.flows import CATALOGUE, CatalogueError, load
from shared.words import FOLDER, WordsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Check one catalogue; 1 when something is to be mended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=CATALOGUE, help="the flows, and vocabulary.yaml")
    parser.add_argument("words", nargs="?", type=Path, default=FOLDER, help="what they are called")
    options = parser.parse_args(arguments)
    try:
        flows = load(options.folder, options.words).flows.values()
    except (CatalogueError, WordsError) as fault:
        print(f"须修改 To mend: {fault}", file=sys.stderr)
        return 1
    print(f"无误 Sound: {len(flows)} 条流程 flows, {sum(len(flow.nodes) for flow in flows)} 个节点 nodes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
