"""Browser sign-in by OIDC's authorization code flow with PKCE; claims and access token live in a signed session cookie.

The token is kept to ask another service in the caller's own name.
"""

import time
from urllib.parse import urlsplit

from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import OAuth
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.middleware.sessions import SessionMiddleware

from shared.problems import NotSignedIn
from shared.settings import Settings

_SESSION_SECONDS = 8 * 3600
_KEPT = ("sub", "name", "groups", "person_key")


def install(app: FastAPI, settings: Settings, service: str) -> None:
    """Add `/signin`, `/signin/callback`, `/signout` and the session to a service."""
    oauth = OAuth()
    oauth.register(
        name="oidc",
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        server_metadata_url=settings.oidc_issuer.rstrip("/") + "/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile groups", "code_challenge_method": "S256", "trust_env": False},
    )
    app.add_middleware(
        SessionMiddleware,
        secret_key=settings.session_secret,
        session_cookie=f"yunjing_{service}",
        max_age=_SESSION_SECONDS,
        same_site="lax",
        https_only=str(getattr(settings, f"{service}_url")).startswith("https:"),
    )
    router = APIRouter(include_in_schema=False)

    @router.get("/signin")
    async def signin(request: Request, next: str = "/") -> Response:
        request.session["next"] = _local_path(next)
        return await oauth.oidc.authorize_redirect(request, str(request.url_for("callback")))  # type: ignore[no-any-return]

    @router.get("/signin/callback", name="callback")
    async def callback(request: Request) -> Response:
        try:
            token = await oauth.oidc.authorize_access_token(request)
        except OAuthError as error:
            raise NotSignedIn("登录没有完成,请重试", "The sign-in was not completed, please try again") from error
        claims = dict(token["userinfo"])
        if "groups" not in claims:
            claims |= await oauth.oidc.userinfo(token=token)
        target = request.session.get("next", "/")
        request.session.clear()
        request.session["token"] = token["access_token"]
        request.session["claims"] = {k: claims[k] for k in _KEPT if k in claims} | {
            "exp": int(time.time()) + _SESSION_SECONDS
        }
        return RedirectResponse(target, status_code=303)

    @router.get("/signout")
    async def signout(request: Request) -> Response:
        request.session.clear()
        return RedirectResponse("/", status_code=303)

    app.include_router(router)


def _local_path(target: str) -> str:
    """Only a path of this service: a redirect elsewhere would serve a phisher."""
    parts = urlsplit(target)
    safe = not parts.scheme and not parts.netloc and target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if safe else "/"
