"""Every locked dependency is listed with a licence that is let; what isn't let is said."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import licences
from shared.db import ROOT

TOLD: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "licences.yaml").read_text("utf-8"))


def test_all_that_is_locked_is_listed_and_let(tmp_path: Path) -> None:
    sbom = licences.write(tmp_path / "sbom.json")
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    locked = licences.named((ROOT / "requirements.txt").read_text("utf-8"))
    deployed = licences.named((ROOT / "deploy" / "image" / "requirements.txt").read_text("utf-8"))
    listed = {licences.plain(one["name"]) for one in sbom["components"]}
    assert deployed - listed == set()
    assert list(licences.faults(sbom, TOLD, locked=locked | listed, deployed=deployed)) == []


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ([{"license": {"id": "MIT"}}], False),
        ([{"expression": "MIT OR GPL-3.0-only"}], False),
        ([{"expression": "MIT AND GPL-3.0-only"}], True),
        ([{"expression": "MPL-2.0 AND (Apache-2.0 OR MIT)"}], False),
        ([{"license": {"id": "AGPL-3.0-or-later"}}], True),
        ([], True),
    ],
)
def test_a_licence_is_let_or_named(said: list[dict[str, Any]], wrong: bool) -> None:
    sbom = {"components": [{"name": "Some_Thing", "licenses": said}]}
    assert bool(list(licences.faults(sbom, TOLD, locked={"some-thing"}, deployed=set()))) is wrong


def test_what_is_let_beside_the_services_may_not_be_deployed() -> None:
    sbom = {"components": [{"name": "libcove"}]}
    assert list(licences.faults(sbom, TOLD, locked={"libcove"}, deployed=set())) == []
    assert list(licences.faults(sbom, TOLD, locked={"libcove"}, deployed={"libcove"})) != []
    assert list(licences.faults(sbom, TOLD, locked=set(), deployed=set())) == ["libcove: not locked"]
