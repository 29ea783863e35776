"""Who calls, in which roles, for which regions: OIDC tokens checked against the issuer's keys.

The claim `groups` holds grants `role@region` (`shared.principals`).
Browsers sign in by the authorization code flow (`shared.signin`) and keep the same claims in a signed session.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import httpx
from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.principals import Principal
from shared.problems import NotAllowed, NotSignedIn
from shared.settings import Settings
from shared.words import Name, words

_KEYS_LIVE_SECONDS = 300.0
_ALGORITHMS = ["RS256", "ES256", "PS256"]
# What the OpenAPI document says of tokens; they are read and checked below.
BEARER = HTTPBearer(
    scheme_name="bearer",
    bearerFormat="JWT",
    description="OIDC 访问令牌 / an access token of the OIDC issuer",
    auto_error=False,
)


class Verifier:
    """Checks tokens of one issuer; fetches its keys when first needed and when an unknown key appears."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys: KeySet | None = None
        self._fetched = 0.0
        self._lock = asyncio.Lock()
        if settings.oidc_jwks:
            self._keys = KeySet.import_key_set(json.loads(settings.oidc_jwks))
            self._fetched = float("inf")

    async def claims(self, token: str) -> dict[str, Any]:
        """The claims of a valid token; raises `NotSignedIn`."""
        keys = await self._current_keys()
        try:
            decoded = jwt.decode(token, keys, algorithms=_ALGORITHMS)
            registry = jwt.JWTClaimsRegistry(
                leeway=30,
                iss={"essential": True, "value": self._settings.oidc_issuer},
                exp={"essential": True},
                sub={"essential": True},
                aud={"essential": True, "value": self._settings.oidc_audience or self._settings.oidc_client_id},
            )
            registry.validate(decoded.claims)
        except (JoseError, ValueError) as error:
            self._fetched = min(self._fetched, time.monotonic() - _KEYS_LIVE_SECONDS + 5)
            raise NotSignedIn(
                "登录凭证无效或已过期,请重新登录", "The token is invalid or has expired: sign in again"
            ) from error
        return dict(decoded.claims)

    async def _current_keys(self) -> KeySet:
        async with self._lock:
            if self._keys is None or time.monotonic() - self._fetched > _KEYS_LIVE_SECONDS:
                async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
                    base = self._settings.oidc_issuer.rstrip("/")
                    metadata = (await client.get(f"{base}/.well-known/openid-configuration")).json()
                    self._keys = KeySet.import_key_set((await client.get(metadata["jwks_uri"])).json())
                    self._fetched = time.monotonic()
            return self._keys


async def current_principal(request: Request, _: Annotated[object, Depends(BEARER)]) -> Principal:
    """The caller, from a bearer token or a browser session; raises `NotSignedIn`."""
    principal = await optional_principal(request)
    if principal is None:
        raise NotSignedIn("请登录后再试", "Sign in, or send a bearer token")
    return principal


async def optional_principal(request: Request) -> Principal | None:
    """The caller, or None for an anonymous one; a wrong token is still refused."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        verifier: Verifier = request.app.state.verifier
        return await _seated(request, Principal.of_claims(await verifier.claims(token.strip())))
    claims = request.session.get("claims")
    if claims and claims.get("exp", 0) > time.time():
        return await _seated(request, Principal.of_claims(claims))
    return None


async def _seated(request: Request, caller: Principal) -> Principal:
    """The caller with the desks that the service itself gives him, if it keeps a roster of deputies."""
    seated: Callable[[Principal], Awaitable[Principal]] | None = getattr(request.app.state, "seated", None)
    return await seated(caller) if seated else caller


Caller = Annotated[Principal, Depends(current_principal)]
OptionalCaller = Annotated[Principal | None, Depends(optional_principal)]


def require(principal: Principal, *roles: str, region: str | None = None) -> None:
    """Refuse whoever holds none of the roles (in the region); raises `NotAllowed`."""
    if not any(principal.has(role, region) for role in roles):
        names = [words().roles.get(role, Name(role, role)) for role in roles]
        zh, en = "、".join(name.zh for name in names), ", ".join(name.en for name in names)
        raise NotAllowed(f"需要角色之一:{zh}", f"One of these roles is needed here: {en}")
