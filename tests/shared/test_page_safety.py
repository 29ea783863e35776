"""Pages can't be framed, fed with scripts from elsewhere, or made to act by another site with a browser's session."""

import re
from pathlib import Path

import httpx
import pytest

from shared.db import SCHEMAS
from tests.access import end_points
from tests.shared.unserved import ORIGIN, session, unserved

FOREIGN = [{}, {"origin": "https://evil.test"}, {"origin": "null"}, {"origin": "https://service.test.evil.test"}]
FOREIGN += [{"origin": ORIGIN + ":444"}, {"origin": "https://evil.test", "authorization": "Basic eDp5"}]
FOREIGN += [{"referer": ORIGIN}, {"origin": "https://evil.test", "authorization": ""}]


def client_of(service: str, *, signed_in: bool = True) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(unserved(service), raise_app_exceptions=False)
    cookies = session(service, "county_secretary@330421000000") if signed_in else {}
    return httpx.AsyncClient(transport=transport, base_url=ORIGIN, cookies=cookies)


@pytest.mark.parametrize("service", SCHEMAS)
async def test_nothing_is_changed_for_another_site(service: str) -> None:
    """Found from the routes themselves: whatever isn't reading is refused before anything is looked at."""
    changing = [one for one in end_points(unserved(service)) if one.split(" ")[0] not in ("GET", "OPTIONS")]
    assert len(changing) >= 10
    wrong = []
    async with client_of(service) as client:
        for end_point in changing:
            method, path = end_point.replace("{", "").replace("}", "").split(" ")
            for headers in FOREIGN:
                answer = await client.request(method, path, headers=headers)
                if answer.status_code != 403 or not answer.json()["type"].endswith("/foreign-origin"):
                    wrong.append(f"{end_point} {headers}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("service", SCHEMAS)
async def test_reading_changes_nothing_even_of_the_session(service: str) -> None:
    """Of what is read, only sign-in and sign-out touch the session."""
    async with client_of(service, signed_in=False) as client:
        for path in ("/healthz", "/docs", "/openapi.json", "/nothing/here"):
            assert "set-cookie" not in (await client.get(path)).headers


@pytest.mark.parametrize("service", SCHEMAS)
async def test_each_answer_says_how_it_may_be_used(service: str) -> None:
    async with client_of(service, signed_in=False) as client:
        for path in ("/healthz", "/docs", "/nothing/here", "/static/../../etc/passwd", "/audit"):
            answer = await client.get(path, headers={"accept": "text/html"})
            policy = dict(re.findall(r"([a-z-]+) ([^;]+)", answer.headers["content-security-policy"]))
            assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'",) * 3, path
            for source in ("script-src", "connect-src", "style-src", "font-src"):
                assert not re.search(r"http|\*", policy[source]), (path, source)
            assert policy["script-src"] == "'self'"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("service", SCHEMAS)
async def test_the_session_goes_by_https_alone_and_no_script_reads_it(service: str) -> None:
    async with client_of(service) as client:
        told = (await client.get("/signout")).headers["set-cookie"].lower()
    assert told.startswith(f"yunjing_{service}=")
    assert {"httponly", "samesite=lax", "secure", "path=/"} <= {part.strip() for part in told.split(";")}


@pytest.mark.parametrize("service", SCHEMAS)
async def test_a_session_that_was_made_elsewhere_is_nobodys(service: str) -> None:
    name, value = next(iter(session(service, "county_secretary@330421000000").items()))
    forged = {"forged": value[:-4] + "AAAA", "another's": value, "unsigned": value.split(".")[0]}
    async with client_of(service, signed_in=False) as client:
        for kind, text in forged.items():
            cookie = f"yunjing_other={text}" if kind == "another's" else f"{name}={text}"
            assert (await client.get("/v1/audit", headers={"cookie": cookie})).status_code == 401, kind


async def test_what_is_open_to_all_sites_is_open_without_a_session() -> None:
    async with client_of("disclosure") as client:
        answer = await client.options(
            "/v1/villages", headers={"origin": "https://evil.test", "access-control-request-method": "GET"}
        )
        assert "access-control-allow-credentials" not in answer.headers
        assert "authorization" not in answer.headers.get("access-control-allow-headers", "").lower()


def test_no_page_has_a_script_of_its_own() -> None:
    """The policy of the pages would stop it silently: each script is a file of its service."""
    pages = [page for folder in ("services", "shared") for page in Path(folder).rglob("*.html")]
    assert len(pages) > 50
    inline = re.compile(r"<script(?![^>]*\ssrc=)|\son[a-z]+\s*=\s*[\"']|javascript:", re.IGNORECASE)
    assert [str(page) for page in pages if inline.search(page.read_text(encoding="utf-8"))] == []
