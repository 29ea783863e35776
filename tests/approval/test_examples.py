"""The examples of the OpenAPI document are what the API takes and gives."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

import services.approval.bulk
import services.approval.feed_schemas
import services.approval.imports.mapping
import services.approval.imports.schemas
import services.approval.recognition.schemas
import services.approval.schemas
import services.approval.uploads.routes
import services.approval.webhooks.schemas
import services.approval.work.schemas
from deploy.docs import apps

ROOMS = (
    services.approval.bulk,
    services.approval.feed_schemas,
    services.approval.imports.mapping,
    services.approval.imports.schemas,
    services.approval.recognition.schemas,
    services.approval.schemas,
    services.approval.uploads.routes,
    services.approval.webhooks.schemas,
    services.approval.work.schemas,
)
FILE = Path(services.approval.schemas.__file__).with_name("examples.yaml")
EXAMPLES: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_of_its_schema(name: str) -> None:
    model: type[BaseModel] = next(getattr(room, name) for room in ROOMS if hasattr(room, name))
    assert model.model_validate(EXAMPLES[name])


def test_requests_and_answers_carry_them() -> None:
    paths = apps.build("approval").openapi()["paths"]
    post = paths["/v1/cases"]["post"]
    assert post["requestBody"]["content"]["application/json"]["example"] == EXAMPLES["OpenCase"]
    assert post["responses"]["201"]["content"]["application/json"]["example"] == EXAMPLES["CaseSummary"]
    bare = [
        f"{method} {path}"
        for path, item in paths.items()
        for method, operation in item.items()
        if not path.startswith(("/v1/audit", "/v1/imports"))
        and (body := operation.get("requestBody", {}).get("content", {}).get("application/json"))
        and "example" not in body
    ]
    assert not bare
