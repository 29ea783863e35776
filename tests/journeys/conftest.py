"""What a visitor meets: the whole county with four services and its accounts, or approval alone; in a browser."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page

from deploy.local import accounts, processes
from deploy.local.environment import CLIENT_ID, port_variable
from deploy.local.identity import Identity, token_for
from deploy.local.keys import Keys
from services.approval.app import build
from shared.db import SCHEMAS
from shared.settings import Settings
from tests.conftest import County, Token
from tests.disclosure.served import served
from tests.integration.test_work import Detector
from tests.journeys.leaks import leaks
from tests.system import System

PHONE = {"width": 390, "height": 844}
Visitor = Callable[..., Awaitable[BrowserContext]]


@dataclass
class Town:
    """A running county to walk through."""

    system: System
    identity: Identity
    keys: Keys
    tokens: list[str] = field(default_factory=list)

    def url(self, service: str, path: str = "/") -> str:
        """The address of a page."""
        return self.system.url(service) + path

    def token(self, username: str) -> str:
        """An account's access token."""
        self.tokens.append(token_for(username, issuer=self.identity.issuer, keys=self.keys))
        return self.tokens[-1]

    def told(self) -> str:
        """The logs and metrics of all services until now."""
        metrics = [httpx.get(self.url(service, "/metrics"), trust_env=False).text for service in SCHEMAS]
        return "\n".join([*metrics, *(self.system.log(service).read_text("utf-8") for service in SCHEMAS)])

    async def sign_in(self, context: BrowserContext, username: str, service: str, path: str = "/") -> Page:
        """Open a page as an account, through the provider's own sign-in pages."""
        page = await context.new_page()
        await page.goto(self.url(service, f"/signin?next={path}"))
        await page.locator("input[name=login]").fill(username)
        await page.locator("input[name=login]").press("Enter")
        await page.locator("input[name=password]").fill(accounts.account(username).password)
        await page.locator("input[name=password]").press("Enter")
        await page.wait_for_url(self.url(service, path))
        return page


@pytest.fixture
async def town(county: County, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    """The running county."""
    made = await county()
    keys = Keys.of(tmp_path / "home")
    system = System(made, tmp_path)
    for service in ("approval", "detector", "notifier", "disclosure"):
        monkeypatch.setenv(port_variable(service), str(system.port(service)))
    identity = Identity(tmp_path / "identity", keys, processes.free_port())
    system.settings = system.settings.model_copy(
        update={
            "oidc_issuer": identity.start(),
            "oidc_jwks": None,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": keys.client_secret,
        }
    )
    system.start()
    walked = Town(system, identity, keys)
    yield walked
    told = walked.told()
    system.stop()
    identity.stop()
    held = system.settings
    secrets = [held.identity_secret, held.session_secret, held.oidc_client_secret, held.paper_log_key or ""]
    found = leaks(told, [*secrets, *walked.tokens, *(one.name for one in accounts.load())])
    assert not found, f"logs or metrics hold what they must not: {found[:5]}"


@pytest.fixture
async def desktop(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A clerk's screen."""
    context = await browser.new_context(viewport={"width": 1280, "height": 860}, locale="zh-CN")
    yield context
    await context.close()


@pytest.fixture
async def office(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Another person's screen, with cookies of its own."""
    context = await browser.new_context(viewport={"width": 1280, "height": 860}, locale="zh-CN")
    yield context
    await context.close()


@pytest.fixture
async def phone(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A villager's phone."""
    context = await browser.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True, has_touch=True, locale="zh-CN"
    )
    yield context
    await context.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures of the pages go: `docs/pictures` with `PICTURES=1`, else beside the test."""
    folder = Path(os.environ.get("PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
async def address(settings: Settings) -> AsyncIterator[str]:
    """Approval on a free port."""
    app = build(settings)
    async with served(app) as url:
        app.state.prompter = Detector()
        yield url


@pytest.fixture
async def visitor(browser: Browser, token: Token, address: str) -> AsyncIterator[Visitor]:
    """Opens browsers of people who are signed in: their token comes with every request."""
    opened: list[BrowserContext] = []

    async def open_(subject: str, *grants: str, phone: bool = False) -> BrowserContext:
        bearer = {"authorization": f"Bearer {token(*grants, subject=subject, name=subject)}"}
        size = {"viewport": PHONE, "is_mobile": True, "has_touch": True, "device_scale_factor": 2} if phone else {}
        opened.append(
            await browser.new_context(base_url=address, extra_http_headers=bearer, locale="zh-CN", **size)  # type: ignore[arg-type]
        )
        return opened[-1]

    yield open_
    for each in opened:
        await each.close()
