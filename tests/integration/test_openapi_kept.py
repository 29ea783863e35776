"""What each service's OpenAPI document says is what it answers: schemathesis sends what the document allows and what it
doesn't, over HTTP to the service with a real database, and finds no 5xx and nothing undocumented."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import requests
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
from services.approval import app as approval
from services.approval.uploads.asked import PIECE, VERSION
from services.detector import app as detector
from services.disclosure import app as disclosure
from services.notifier import app as notifier
from shared.settings import Settings
from tests.conftest import Token
from tests.disclosure.served import Server

VILLAGE, TOWN, COUNTY = "330421103201", "330421103000", "330421000000"
OPENING = {"item": "办公用纸", "reason": "日常办公", "estimate_fen": 120000}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
# Of each operation; `OPENAPI_EXAMPLES=200` looks further.
EXAMPLES = int(os.environ.get("OPENAPI_EXAMPLES", "0"))
# A stream has no end; what the broker is asked for is away in these tests, which is a documented 503.
LEFT_OUT = {"GET /v1/stream", "POST /v1/audit/verification"}
OTHERS: dict[str, tuple[Callable[[Settings], FastAPI], list[str], dict[str, str]]] = {
    "detector": (
        detector.build,
        [f"rule_keeper@{COUNTY}", f"machine@{COUNTY}", f"county_secretary@{COUNTY}", f"auditor@{COUNTY}"],
        {"dataset": "companies", "id": "A016", "kind": "csv"},
    ),
    "disclosure": (
        disclosure.build,
        [f"county_secretary@{COUNTY}", f"county_leader@{COUNTY}", f"machine@{COUNTY}", f"auditor@{COUNTY}"],
        {"code": VILLAGE, "name": "cases.csv", "size": "0", "index": "0"},
    ),
    "notifier": (
        notifier.build,
        [f"town_secretary@{TOWN}", f"county_secretary@{COUNTY}", f"route_keeper@{COUNTY}", f"auditor@{COUNTY}"],
        {"desk": f"town_secretary@{TOWN}", "folder": "inquiries", "version": "0", "rule_id": "A016"},
    ),
}


@schemathesis.serializer(PIECE)
def as_it_is(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    """A piece of an upload: bytes."""
    return value if isinstance(value, bytes) else str(value).encode()


Operation = APIOperation[Any, Any, Any, Any]


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address of a service in a thread of its own, for schemathesis asks and waits."""
    port = processes.free_port()
    server = Server(uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


def test_approval_answers_as_its_document_says(settings: Settings, token: Token) -> None:
    grants = [f"handler@{VILLAGE}", f"village_head@{VILLAGE}", f"machine@{COUNTY}", f"auditor@{COUNTY}"]
    headers = {"authorization": f"Bearer {token(*grants)}"}
    with (
        serving(approval.build(settings.model_copy(update={"rate_limits": False}))) as address,
        httpx.Client(base_url=address, headers=headers, trust_env=False) as http,
    ):
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
        assert asked(address, headers, known, EXAMPLES or 16) >= 24


@pytest.mark.without_broker
@pytest.mark.parametrize("service", OTHERS)
def test_the_others_answer_as_their_documents_say(service: str, settings: Settings, token: Token) -> None:
    build, grants, known = OTHERS[service]
    with serving(build(settings.model_copy(update={"rate_limits": False}))) as address:
        assert asked(address, {"authorization": f"Bearer {token(*grants)}"}, known, EXAMPLES or 4) >= 24


def asked(address: str, headers: dict[str, str], known: dict[str, str], examples: int) -> int:
    """Ask for every operation of the service's document; how many there are, when nothing was wrong."""
    document = httpx.get(f"{address}/openapi.json", trust_env=False, timeout=30).json()
    found = [one.ok() for one in schemathesis.openapi.from_dict(document).get_all_operations() if isinstance(one, Ok)]
    operations = [operation for operation in found if operation.label not in LEFT_OUT]
    wrong = [fault for operation in operations if (fault := ask(operation, address, headers, known, examples))]
    assert not wrong, "\n\n".join(wrong)
    return len(operations)


def ask(operation: Operation, address: str, headers: dict[str, str], known: dict[str, str], examples: int) -> str:
    """Send an operation what its schema brings forth, half of it about what there is; what was wrong with it."""

    fitting, unfit = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)

    @given(case=fitting | unfit, existing=st.booleans())
    @hypothesis_settings(
        max_examples=examples,
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
    except (FailureGroup, requests.RequestException) as found:
        return f"{operation.label}: {found}"
    return ""
