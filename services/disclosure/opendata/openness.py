"""What any site's page may read of us (CORS), also of errors."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_OPEN = ("/v1/", "/data")
_READABLE = ("etag", "last-modified", "link", "content-range", "ratelimit", "ratelimit-policy", "retry-after")


class OpenToAll:
    """Any origin may GET the open data; nothing else is opened, and no cookie goes along."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app, allow_origins=["*"], allow_methods=["GET", "HEAD"], expose_headers=_READABLE, max_age=86400
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(_OPEN):
            await self._open(scope, receive, send)
        else:
            await self._app(scope, receive, send)
