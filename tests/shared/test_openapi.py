"""Each service's OpenAPI document says what callers need, and its page loads nothing from outside."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from fastapi import FastAPI
from playwright.async_api import Browser, Route

from deploy.docs import apps
from shared.db import SCHEMAS
from shared.openapi import ProblemDocument
from shared.problems import InvalidInput

ORIGIN = "http://service.test"
REFERENCE = re.compile(r"""(?:href|src|data-document|url)(?:=|\()\s*["']?([^"')>\s]+)""")


@pytest.fixture(params=SCHEMAS, scope="module")
def app(request: pytest.FixtureRequest) -> FastAPI:
    """One service after the other."""
    return apps.build(request.param)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller of the service."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as made:
        yield made


async def test_the_page_refers_to_its_own_origin_only(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    seen = set[str]()
    waiting = [*references(page)]
    while waiting:
        address = waiting.pop()
        assert address.startswith(f"{ORIGIN}/"), address
        if address not in seen:
            seen.add(address)
            answer = await client.get(address)
            assert answer.status_code == 200, address
            waiting += references(answer) if answer.headers["content-type"].startswith("text/css") else []
    assert {f"{ORIGIN}/openapi.json", f"{ORIGIN}/static/swagger/swagger-ui-bundle.js"} <= seen


def references(answer: httpx.Response) -> Iterator[str]:
    """The absolute addresses that a page or style sheet refers to, without what it holds itself."""
    for found in REFERENCE.findall(answer.text):
        if not found.startswith(("data:", "#")):
            yield urljoin(str(answer.url), found)


@pytest.mark.browser
async def test_a_browser_draws_the_document_and_asks_nobody_else(client: httpx.AsyncClient, browser: Browser) -> None:
    page = await browser.new_page()
    asked, refused = list[str](), list[str]()

    async def answer(route: Route) -> None:
        asked.append(route.request.url)
        got = await client.get(route.request.url)
        await route.fulfill(status=got.status_code, headers=dict(got.headers), body=got.content)

    await page.route("**/*", answer)
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    await page.goto(f"{ORIGIN}/docs")
    await page.locator(".opblock-summary-control").first.click()
    await page.locator(".opblock.is-open .responses-table").wait_for()
    await page.close()
    assert not refused
    assert all(url.startswith(f"{ORIGIN}/") for url in asked)


def test_every_operation_is_named_grouped_and_described(app: FastAPI) -> None:
    for where, operation in operations(app):
        assert " / " in operation["summary"], f"{where}: a summary in Chinese / English"
        assert operation["tags"], where
        assert operation["description"], where


def test_every_error_is_a_problem(app: FastAPI) -> None:
    for where, operation in operations(app):
        for status, answer in operation["responses"].items():
            assert status < "400" or list(answer["content"]) == ["application/problem+json"], f"{where} {status}"


def test_who_must_sign_in_is_told_so(app: FastAPI) -> None:
    for where, operation in operations(app):
        if "security" in operation:
            ways = [way for way in operation["security"] if "client" not in way]
            assert ways == [{"bearer": []}, {"session": []}], where
            assert {"401", "403"} <= operation["responses"].keys(), where


def operations(app: FastAPI) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation of the service's document, and where it stands."""
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_a_problem_has_the_documented_shape() -> None:
    problem = InvalidInput("请修改", "Please mend").document() | {"instance": "/v1/cases"}
    assert ProblemDocument.model_validate(problem).model_dump() == problem
