"""The public validator of OCDS, libcoveocds, as its users run it: a command of its own over a file, without a network.

It asks for two things from outside. The standard's own files it takes from a zip, made here of `ocds/schema`; what an
extension is, it fetches from a server of ours on this machine, which is why the package's address of it is changed.
"""

import functools
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "ocds"
_TAG = "standard-1__1__5"
_VERSIONED = "versioned-release-validation-schema.json"


def review(package: dict[str, Any], folder: Path) -> dict[str, Any]:
    """All that the validator has to say of a package."""
    with _serving(FOLDER / "bids") as url:
        file = folder / "package.json"
        told = package | {"extensions": [f"{url}/extension.json"]}
        file.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
        # By its own process: it is under another licence than this project.
        validator = Path(sys.executable).with_name("libcoveocds")
        command = [str(validator), "--standard-zip", str(_standard(folder)), str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def complaints(found: dict[str, Any]) -> dict[str, Any]:
    """What of it is any fault: errors, fields and codes that the standard doesn't have, empty and old fields."""
    kinds = (
        *("validation_errors", "additional_checks", "all_additional_fields", "deprecated_fields"),
        *("additional_closed_codelist_values", "additional_open_codelist_values", "common_error_types"),
    )
    invalid = found["extensions"]["invalid_extensions"]
    return {kind: found[kind] for kind in kinds if found[kind]} | ({"extensions": invalid} if invalid else {})


def _standard(folder: Path) -> Path:
    made = folder / "standard.zip"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(f"{_TAG}/", "")
        archive.writestr(f"{_TAG}/schema/", "")
        archive.writestr(f"{_TAG}/schema/codelists/", "")
        for file in sorted((FOLDER / "schema").rglob("*.*")):
            text = file.read_text(encoding="utf-8")
            if file.name == "record-package-schema.json":
                # It is fetched from the network even where, as here, no record has a versioned release.
                text = json.dumps(_without_versioned(json.loads(text)))
            archive.writestr(f"{_TAG}/schema/{file.relative_to(FOLDER / 'schema')}", text)
    return made


def _without_versioned(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_versioned(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if str(schema.get("$ref", "")).endswith(_VERSIONED):
        return {"type": "object"}
    return {name: _without_versioned(value) for name, value in schema.items()}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        return


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()
