"""The local identity provider (Canaille), and tokens from it for programs that act as a demo account."""

import re
import secrets
import subprocess
import sys
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from deploy.local import accounts, processes
from deploy.local.environment import CLIENT_ID, home, url
from deploy.local.keys import Keys
from deploy.local.provider import SCOPES, Client, Demand
from shared.db import SCHEMAS
from shared.identity import person_key

_TOKEN_SECONDS = 8 * 3600
_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_STEPS = 8


class SignInRefused(Exception):
    """The provider did not let an account in."""


class Identity:
    """The provider over one folder, its accounts those of `accounts.yaml`."""

    name = "Canaille"

    def __init__(self, folder: Path, keys: Keys, port: int) -> None:
        self._folder = folder.resolve()
        self._log = self._folder / "identity.log"
        self._keys = keys
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port

    @property
    def issuer(self) -> str:
        """Its issuer URL."""
        return f"http://{processes.HOST}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> str:
        """Start it and wait until it answers; raises `ServerFailed`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        demand = self._folder / "demand.json"
        demand.touch(mode=0o600)
        demand.write_text(self._demand().model_dump_json(indent=1), encoding="utf-8")
        self._process = processes.start([sys.executable, "-m", "deploy.local.provider", demand], log=self._log)
        processes.await_ready(self._process, self._answers, name=self.name, log=self._log)
        return self.issuer

    def stop(self) -> None:
        """End it."""
        if self._process:
            processes.stop(self._process)

    def _answers(self) -> bool:
        try:
            answer = httpx.get(f"{self.issuer}/.well-known/openid-configuration", timeout=5, trust_env=False)
        except httpx.TransportError:
            return False
        return answer.status_code == 200

    def _demand(self) -> Demand:
        config = {
            "SECRET_KEY": self._keys.provider_secret,
            "SERVER_NAME": f"{processes.HOST}:{self.port}",
            "PREFERRED_URL_SCHEME": "http",
            "OAUTH2_TOKEN_EXPIRES_IN": {"authorization_code": _TOKEN_SECONDS},
            "CANAILLE": {
                "NAME": "云睛 Yunjing",
                "DATABASE": "sql",
                "SMTP": None,
                "CAPTCHA_ENABLED": False,
                # Visitors share the accounts, so none of them may change one.
                "ACL": {"DEFAULT": {"PERMISSIONS": ["use_oidc"], "WRITE": []}},
            },
            "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{self._folder / 'identity.sqlite'}"},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [self._keys.signing_key]},
        }
        client = Client(
            client_id=CLIENT_ID,
            client_secret=self._keys.client_secret,
            client_uri=url("approval"),
            redirect_uris=[_callback(service) for service in SCHEMAS],
        )
        wanted = list(accounts.load())
        keys = {
            each.username: person_key(f"demo account {each.username}", self._keys.identity_secret) for each in wanted
        }
        return Demand(
            port=self.port,
            config=config,
            client=client,
            accounts=wanted,
            machines=list(accounts.machines()),
            person_keys=keys,
        )


def _callback(service: str) -> str:
    return f"{url(service)}/signin/callback"


def token_for(username: str, *, issuer: str | None = None, keys: Keys | None = None) -> str:
    """An access token of a demo account, by the authorization code flow that a browser takes.

    Raises `SignInRefused`; `httpx.TransportError` when no provider runs.
    """
    keys = keys or Keys.of(home())
    verifier = secrets.token_urlsafe(48)
    callback = _callback(SCHEMAS[0])
    question = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": callback,
        "scope": " ".join(SCOPES),
        "state": secrets.token_urlsafe(16),
        "nonce": secrets.token_urlsafe(16),
        "code_challenge": create_s256_code_challenge(verifier),
        "code_challenge_method": "S256",
    }
    proof = {"grant_type": "authorization_code", "redirect_uri": callback, "code_verifier": verifier}
    with httpx.Client(base_url=issuer or url("identity"), timeout=30, trust_env=False) as http:
        page = http.get("/oauth/authorize", params=question)
        back = sign_in(http, page, username, until=callback)
        proof["code"] = parse_qs(urlsplit(back).query)["code"][0]
        answer = http.post("/oauth/token", auth=(CLIENT_ID, keys.client_secret), data=proof)
    if answer.status_code != 200:
        raise SignInRefused(f"{username}: {answer.text}")
    return str(answer.json()["access_token"])


def token_of_client(client_id: str, *scopes: str, issuer: str | None = None) -> str:
    """An access token of a demo client that acts for itself; raises `SignInRefused` for a wrong one."""
    machine = {each.client_id: each for each in accounts.machines()}[client_id]
    asked = {"grant_type": "client_credentials", "scope": " ".join(scopes or machine.scopes)}
    with httpx.Client(base_url=issuer or url("identity"), timeout=30, trust_env=False) as http:
        answer = http.post("/oauth/token", auth=(client_id, machine.secret), data=asked)
    if answer.status_code != 200:
        raise SignInRefused(f"{client_id}: {answer.text}")
    return str(answer.json()["access_token"])


def sign_in(http: httpx.Client, page: httpx.Response, username: str, *, until: str) -> str:
    """Follow redirects and fill the provider's forms until it sends us, with a code, to the address `until`.

    Returns that address with its query; raises `SignInRefused`.
    """
    typed = {"login": username, "password": accounts.account(username).password}
    for _ in range(_STEPS):
        if page.is_redirect:
            target = urljoin(str(page.url), page.headers["location"])
            if target.startswith(until) and "code=" in target:
                return target
            page = http.get(target)
        elif form := _CSRF.search(page.text):
            page = http.post(str(page.url), data=typed | {"csrf_token": unescape(form[1])})
        else:
            break
    raise SignInRefused(f"{username}: HTTP {page.status_code} {page.url}")
