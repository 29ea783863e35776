"""`make report`: take over what was measured, and draw it -> docs/figures.md, docs/pictures/figures."""

import argparse
import shutil
from pathlib import Path

import orjson

from shared.db import ROOT
from tests.bench.report import charts, naming
from tests.bench.report.measured import Runs
from tests.bench.report.page import page

BUILD = Path("build")
RUNS = ROOT / "docs" / "figures"
PAGE = ROOT / "docs" / "figures.md"
PICTURES = ROOT / "docs" / "pictures" / "figures"


def read() -> Runs:
    """The last quiet runs."""
    return Runs({path.stem: orjson.loads(path.read_bytes()) for path in sorted(RUNS.glob("*.json"))})


def take_over() -> None:
    """Keep what `build/` has of the files that the report knows; of others the last ones stay."""
    RUNS.mkdir(parents=True, exist_ok=True)
    for source in naming.load().sources:
        if (measured := BUILD / f"{source}.json").exists():
            shutil.copyfile(measured, RUNS / measured.name)
    for profile in sorted((BUILD / "profiles").glob("*.md")):
        (RUNS / "profiles").mkdir(exist_ok=True)
        shutil.copyfile(profile, RUNS / "profiles" / profile.name)


def profiles() -> list[str]:
    """The measures of which there is a profile."""
    return sorted(path.stem for path in (RUNS / "profiles").glob("*.md"))


def draw() -> None:
    """Page and charts from the last quiet runs."""
    runs = read()
    specs = charts.specs(runs)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for path in PICTURES.glob("*.svg"):
        if path.stem not in specs:
            path.unlink()
    for name, spec in specs.items():
        (PICTURES / f"{name}.svg").write_text(charts.draw(spec), encoding="utf-8")
    PAGE.write_text(page(runs, naming.load(), list(specs), profiles()), encoding="utf-8")
    print(f"-> {PAGE.relative_to(ROOT)}, {len(specs)} charts")


def main() -> None:
    """Take over unless told not to, then draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--redraw", action="store_true", help="draw docs/figures again, take nothing from build/")
    if not parser.parse_args().redraw:
        take_over()
    draw()


if __name__ == "__main__":
    main()
