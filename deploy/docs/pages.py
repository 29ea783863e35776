"""All pages that are generated, by path: flows, rulebook, registers, the services' OpenAPI, the events' AsyncAPI."""

import json
from pathlib import Path
from typing import Any

from deploy.docs import apps, events, flows, registers, rulebook
from services.approval import flows as catalogue
from services.detector import register_forms, rules
from shared.db import ROOT, SCHEMAS

API = ROOT / "docs" / "api"
EVENTS = API / "events.asyncapi.json"
FLOWS = ROOT / "docs" / "flows"
REGISTERS = ROOT / "docs" / "registers.md"
RULEBOOK = ROOT / "docs" / "rulebook.md"


def made() -> dict[Path, str]:
    """Each generated page as it should be."""
    return (
        {RULEBOOK: rulebook.page(rules.load()), REGISTERS: registers.page(register_forms.registers())}
        | {FLOWS / name: text for name, text in flows.pages(catalogue.load()).items()}
        | {API / f"{service}.openapi.json": _json(apps.build(service).openapi()) for service in SCHEMAS}
        | {EVENTS: _json(events.document())}
    )


def committed() -> set[Path]:
    """Each generated page that is there. Nothing else may lie in these folders."""
    return {path for folder in (FLOWS, API) for path in folder.glob("*")} | {RULEBOOK, REGISTERS}


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
