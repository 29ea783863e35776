"""What runs a county elsewhere names what there is: settings, services, metrics, runbooks, packages in the image."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.db import ROOT, SCHEMAS
from shared.settings import Settings

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
NOT_OURS = {"SERVICE", "REGIONS_FILE", "FORWARDED_ALLOW_IPS"}
SETTINGS = {name.upper() for name in Settings.model_fields}
NEEDED = {name.upper() for name, field in Settings.model_fields.items() if field.is_required()}


# What nobody asks: it works a queue.
WORKERS = {"recognition"}


@cache
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return found


def manifests(*kinds: str) -> list[dict[str, Any]]:
    files = sorted(KUBERNETES.glob("*.yaml"))
    found = [each for file in files for each in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    return [each for each in found if each["kind"] in kinds]


@pytest.mark.parametrize("service", SCHEMAS)
def test_compose_gives_each_service_the_settings_that_there_are(service: str) -> None:
    given = compose()["services"][service]["environment"]
    assert given["SERVICE"] == service
    assert given.keys() - NOT_OURS <= SETTINGS
    assert given.keys() >= NEEDED | {"PAPER_LOG_KEY", "DISCLOSURE_URL"}


def test_the_example_of_the_environment_says_all_that_compose_asks_for() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)(?::\?)?\}", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    example = (DEPLOY / "compose.env.example").read_text(encoding="utf-8")
    assert asked <= set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))


def test_kubernetes_runs_each_service_with_probes_a_budget_and_scaling() -> None:
    told = {each["metadata"]["name"]: each["data"] for each in manifests("ConfigMap")}["settings"]
    secret = manifests("Secret")[0]["stringData"]
    assert (told.keys() | secret.keys()) - NOT_OURS <= SETTINGS
    assert told.keys() | secret.keys() >= NEEDED
    for kind in ("Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"):
        assert {each["metadata"]["name"] for each in manifests(kind)} - WORKERS == set(SCHEMAS), kind
    for each in (each for each in manifests("Deployment") if each["metadata"]["name"] not in WORKERS):
        (container,) = each["spec"]["template"]["spec"]["containers"]
        assert container["env"] == [{"name": "SERVICE", "value": each["metadata"]["name"]}]
        probes = {container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
        assert probes == {"/readyz", "/healthz"}
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text(encoding="utf-8"))
    there = {file.name for file in KUBERNETES.glob("*.yaml")}
    assert set(kustomization["resources"]) == there - {"kustomization.yaml", "secrets.example.yaml"}


def test_alerts_and_dashboard_ask_for_metrics_that_there_are_and_each_alert_has_its_runbook() -> None:
    groups = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    alerts = [rule for group in groups for rule in group["rules"]]
    dashboard = json.loads((DEPLOY / "monitoring" / "dashboard.json").read_text(encoding="utf-8"))
    asked = [rule["expr"] for rule in alerts]
    asked += [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    named = {name for text in asked for name in re.findall(r"yunjing_[a-z_]+", text)}
    assert named <= metrics(), named - metrics()
    runbooks = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
    assert [rule["alert"] for rule in alerts] == re.findall(r"^### (\w+)$", runbooks, re.MULTILINE)


def metrics() -> set[str]:
    """The names of all metrics that the services declare, as Prometheus sees them."""
    found: set[str] = set()
    for file in [*(ROOT / "shared").rglob("*.py"), *(ROOT / "services").rglob("*.py")]:
        for kind, name in re.findall(r"\b(Counter|Gauge|Histogram)\(\s*\"(yunjing_\w+)\"", file.read_text("utf-8")):
            parts = ("_bucket", "_count", "_sum") if kind == "Histogram" else ("",)
            plain = name if kind != "Counter" else name.removesuffix("_total") + "_total"
            found |= {plain + part for part in parts}
    return found


_WITHOUT_THE_REST = """
import importlib.abc, importlib.metadata, re, sys

def plain(name): return re.sub("[-_.]+", "-", name).lower()

locked = {plain(name) for name in re.findall(r"^([A-Za-z0-9._-]+)(?:\\[[^\\]]*\\])?==", open(sys.argv[1]).read(), re.M)}
distributions = importlib.metadata.packages_distributions()

class NotInTheImage(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        of = distributions.get(name.partition(".")[0])
        if of and not locked & {plain(one) for one in of}:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

sys.meta_path.insert(0, NotInTheImage())
import services.approval.app, services.detector.app, services.notifier.app, services.disclosure.app
import services.disclosure.opendata.making, services.disclosure.rebuild, services.detector.trial
import deploy.local.prepare, shared.pdf
print("all there")
"""


def test_what_the_services_import_is_in_the_image() -> None:
    """What a library only needs at times, like the sessions of Starlette, no dependency check sees."""
    locked = DEPLOY / "image" / "requirements.txt"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _WITHOUT_THE_REST, str(locked)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.strip() == "all there", done.stderr[-2000:]


def test_both_locks_name_the_same_versions() -> None:
    def versions(file: Path) -> set[str]:
        return set(re.findall(r"^\S+==\S+", file.read_text(encoding="utf-8"), re.MULTILINE))

    assert versions(DEPLOY / "image" / "requirements.txt") <= versions(ROOT / "requirements.txt")
