"""`make sbom`: all locked dependencies as CycloneDX in build/sbom.json, their licences held to `licences.yaml`."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement

from shared.db import ROOT

_FILE = Path(__file__).with_name("licences.yaml")
_DEPLOYED = ROOT / "deploy" / "image" / "requirements.txt"
_LOCKED = ROOT / "requirements.txt"


def write(target: Path) -> dict[str, Any]:
    """The bill of materials of this environment, written to a file; raises `CalledProcessError`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    program = Path(sys.executable).with_name("cyclonedx-py")
    how = ["--of", "JSON", "--output-reproducible", "-o", str(target), sys.executable]
    subprocess.run([str(program), "environment", *how], check=True, capture_output=True)
    made: dict[str, Any] = json.loads(target.read_bytes())
    return made


def named(requirements: str) -> set[str]:
    """The packages of a lock file that this machine gets."""
    found = (Requirement(line.rstrip(" \\")) for line in requirements.splitlines() if re.match(r"[\w.-]+==", line))
    return {plain(one.name) for one in found if one.marker is None or one.marker.evaluate()}


def plain(name: str) -> str:
    """A package's name as an index has it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def faults(sbom: Mapping[str, Any], told: Mapping[str, Any], *, locked: set[str], deployed: set[str]) -> Iterator[str]:
    """What is wrong with a bill of materials: licences that aren't let, packages beside the lock."""
    for component in sbom["components"]:
        name, said = plain(component["name"]), licences_of(component)
        if name not in locked:
            yield f"{name}: not locked"
        elif name in told["only_beside"]:
            if name in deployed:
                yield f"{name}: only let beside the services, but deployed"
        elif name in told["read"]:
            if told["read"][name] not in told["allowed"]:
                yield f"{name}: {told['read'][name]} is not let"
        elif not any(_let(told["called"].get(one, one), told["allowed"]) for one in said):
            yield f"{name}: {', '.join(said) or 'no licence told'}"


def licences_of(component: Mapping[str, Any]) -> list[str]:
    """What a component says of its licence: expressions, ids, names."""
    said = [one.get("expression") or one["license"] for one in component.get("licenses", ())]
    return [one if isinstance(one, str) else one.get("id") or one.get("name", "") for one in said]


def _let(expression: str, allowed: list[str]) -> bool:
    """Whether all parts of an expression are let, or one of a choice."""
    ways = re.split(r" OR ", expression.replace("(", "").replace(")", ""))
    if " AND " in expression and " OR " in expression:
        return all(part in allowed for part in re.split(r" (?:AND|OR) ", expression.replace("(", "").replace(")", "")))
    return any(all(part in allowed for part in way.split(" AND ")) for way in ways)


def main() -> int:
    """Write the bill and tell its faults; returns the exit code."""
    told = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    target = ROOT / "build" / "sbom.json"
    sbom = write(target)
    locked, deployed = (named(file.read_text(encoding="utf-8")) for file in (_LOCKED, _DEPLOYED))
    wrong = sorted(faults(sbom, told, locked=locked, deployed=deployed))
    for fault in wrong:
        print(f"✗ {fault}")
    print(
        f"{target.relative_to(ROOT)}: {len(sbom['components'])} 个依赖 components, {len(deployed)} 随服务部署 deployed"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
