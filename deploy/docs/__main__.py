"""Write what is generated into `docs/`: `python -m deploy.docs`."""

import importlib
import json
from pathlib import Path
from typing import Any

from deploy.docs import events
from shared.db import ROOT, SCHEMAS
from shared.settings import Settings

_NOWHERE = Settings(
    database_url="postgresql://nobody@localhost/none",
    kafka_bootstrap_servers="localhost:1",
    identity_secret="only for documents",
    session_secret="only for documents",
    oidc_issuer="http://localhost:1",
)


def pages() -> dict[Path, str]:
    """Each generated page and its text."""
    api = ROOT / "docs" / "api"
    made = {api / f"{service}.openapi.json": _text(_openapi(service)) for service in SCHEMAS}
    return made | {api / "events.asyncapi.json": _text(events.document())}


def _openapi(service: str) -> dict[str, Any]:
    app = importlib.import_module(f"services.{service}.app").build(_NOWHERE)
    return dict(app.openapi())


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
