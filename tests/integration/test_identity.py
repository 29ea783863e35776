"""The local identity provider lets the demo's people in, with their grants, by browser and by bearer token."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from deploy.local import accounts, processes
from deploy.local.environment import CLIENT_ID, url
from deploy.local.identity import Identity, SignInRefused, sign_in, token_for, token_of_client
from deploy.local.keys import Keys
from shared.auth import Caller
from shared.identity import person_key
from shared.settings import Settings
from shared.web import create_app


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The secrets of an installation."""
    return Keys.of(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[str]:
    """A running identity provider."""
    provider = Identity(tmp_path_factory.mktemp("identity"), keys, processes.free_port())
    yield provider.start()
    provider.stop()


@pytest.fixture
def service(issuer: str, keys: Keys) -> FastAPI:
    """A service that tells its caller who he is."""
    settings = Settings(
        database_url="postgresql://unused",
        kafka_bootstrap_servers="unused",
        identity_secret=keys.identity_secret,
        session_secret=keys.session_secret,
        oidc_issuer=issuer,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret=keys.client_secret,
    )

    @asynccontextmanager
    async def nothing(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = create_app(service="approval", settings=settings, title="who", lifespan=nothing)

    @app.get("/me")
    async def me(caller: Caller) -> dict[str, object]:
        grants = sorted(f"{g.role}@{g.region}" for g in caller.grants)
        scopes = None if caller.scopes is None else sorted(caller.scopes)
        return {"name": caller.name, "grants": grants, "person": caller.person_key, "scopes": scopes}

    return app


def client_of(service: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url=url("approval"))


def through_the_provider(address: str) -> str:
    """Where the provider sends the secretary back to, once she has signed in."""
    with httpx.Client(trust_env=False) as http:
        return sign_in(http, http.get(address), "secretary", until=f"{url('approval')}/signin/callback")


@pytest.mark.parametrize("account", accounts.load(), ids=lambda account: account.username)
async def test_a_bearer_token_carries_the_accounts_grants(
    account: accounts.Account, issuer: str, keys: Keys, service: FastAPI
) -> None:
    token = token_for(account.username, issuer=issuer, keys=keys)
    async with client_of(service) as http:
        answer = await http.get("/me", headers={"authorization": f"Bearer {token}"})
    who = person_key(f"demo account {account.username}", keys.identity_secret)
    grants = sorted(account.grants)
    assert answer.json() == {"name": account.name, "grants": grants, "person": who, "scopes": None}


@pytest.mark.parametrize("machine", accounts.machines(), ids=lambda machine: machine.client_id)
async def test_a_client_gets_a_token_for_itself_with_its_grants_and_scopes(
    machine: accounts.Machine, issuer: str, service: FastAPI
) -> None:
    for asked in (machine.scopes, machine.scopes[:1]):
        token = token_of_client(machine.client_id, *asked, issuer=issuer)
        async with client_of(service) as http:
            me = (await http.get("/me", headers={"authorization": f"Bearer {token}"})).json()
        assert (me["name"], me["grants"], me["scopes"]) == (machine.name, sorted(machine.grants), sorted(asked))


async def test_a_browser_signs_in_and_keeps_its_grants_in_the_session(
    issuer: str, keys: Keys, service: FastAPI
) -> None:
    async with client_of(service) as browser:
        assert (await browser.get("/me")).status_code == 401
        leaving = await browser.get("/signin", params={"next": "/me"})
        arrived = await browser.get(through_the_provider(leaving.headers["location"]))
        assert arrived.headers["location"] == "/me"
        me = (await browser.get("/me")).json()
        assert me["grants"] == ["town_secretary@330421107000"]
        assert me["person"] == person_key("demo account secretary", keys.identity_secret)
        await browser.get("/signout")
        assert (await browser.get("/me")).status_code == 401


def test_a_wrong_password_gets_nothing(issuer: str, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    impostor = accounts.Account("clerk", "guessed", "", "", "", ())
    monkeypatch.setattr(accounts, "account", lambda _: impostor)
    with pytest.raises(SignInRefused):
        token_for("clerk", issuer=issuer, keys=keys)


def test_it_starts_again_over_its_data(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> None:
    provider = Identity(tmp_path_factory.mktemp("again"), keys, processes.free_port())
    provider.start()
    provider.stop()
    issuer = provider.start()
    assert token_for("machine", issuer=issuer, keys=keys)
    provider.stop()
