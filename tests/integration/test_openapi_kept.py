"""What each service's OpenAPI document says is what it answers: schemathesis sends what the document allows and what it
doesn't, over HTTP to the service with a real database, and finds no 5xx and nothing undocumented."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import APIOperation, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from deploy.local import processes
from services.approval.app import build
from services.approval.uploads.asked import PIECE, VERSION
from shared.settings import Settings
from tests.conftest import Token
from tests.disclosure.served import Server

VILLAGE, COUNTY = "330421103201", "330421000000"
OPENING = {"item": "办公用纸", "reason": "日常办公", "estimate_fen": 120000}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
EXAMPLES = 16


@schemathesis.serializer(PIECE)
def as_it_is(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    """A piece of an upload: bytes."""
    return value if isinstance(value, bytes) else str(value).encode()


Operation = APIOperation[Any, Any, Any, Any]


@pytest.fixture
def address(settings: Settings) -> Iterator[str]:
    """Approval in a thread of its own, for schemathesis asks and waits."""
    app: FastAPI = build(settings.model_copy(update={"rate_limits": False}))
    port = processes.free_port()
    server = Server(uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


def test_approval_answers_as_its_document_says(address: str, token: Token) -> None:
    grants = [f"handler@{VILLAGE}", f"village_head@{VILLAGE}", f"machine@{COUNTY}", f"auditor@{COUNTY}"]
    headers = {"authorization": f"Bearer {token(*grants)}"}
    with httpx.Client(base_url=address, headers=headers, trust_env=False) as http:
        opening = {"flow": "PR1", "village_code": VILLAGE, "title": "纸", "fields": OPENING}
        hook = {"url": "http://127.0.0.1:9/hook", "regions": [VILLAGE]}
        begin = {"tus-resumable": VERSION, "upload-length": "100"}
        paper, kind = b"%PDF-1.7\n", {"content-type": "application/pdf"}
        known = {
            "case_id": http.post("/v1/cases", json=opening).json()["case_id"],
            "webhook_id": http.post("/v1/webhooks", json=hook).json()["webhook_id"],
            "upload_id": http.post("/v1/uploads", headers=begin).headers["location"].rsplit("/", 1)[-1],
            "sha256": http.post("/v1/documents", content=paper, headers=kind).json()["sha256"],
        }
        document = http.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) >= 24
    wrong = [fault for operation in operations if (fault := ask(operation, address, headers, known))]
    assert not wrong, "\n\n".join(wrong)


def ask(
    operation: APIOperation[Any, Any, Any, Any], address: str, headers: dict[str, str], known: dict[str, str]
) -> str:
    """Send an operation what its schema brings forth, half of it about what there is; what was wrong with it."""

    fitting, unfit = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)

    @given(case=fitting | unfit, existing=st.booleans())
    @hypothesis_settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: schemathesis.Case[Any], existing: bool) -> None:
        for name in case.path_parameters if existing and case.path_parameters else ():
            case.path_parameters[name] = known.get(name, case.path_parameters[name])
        answer = case.call(base_url=address, headers=headers, timeout=30)
        case.validate_response(answer, checks=CHECKS)

    try:
        send()
    except FailureGroup as found:
        return f"{operation.label}: {found}"
    return ""
