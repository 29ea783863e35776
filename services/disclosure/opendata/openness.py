"""What any site's page may read of us (CORS), also of errors, and the limit's headers on whatever is limited."""

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


class TellLimits:
    """Adds the headers that the limit has put down for a request, to its answer or problem."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _limited(scope["path"]):
            await self._app(scope, receive, send)
            return

        async def send_telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(scope.get("state", {}).get("limit_headers", {}))
            await send(message)

        await self._app(scope, receive, send_telling)


def _limited(path: str) -> bool:
    return path.startswith(("/v1/cases", "/v1/ocds/", "/data/files/")) or path.endswith("/feed.atom")
