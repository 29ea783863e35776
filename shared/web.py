"""The frame of each service's HTTP side: problems, health, metrics, sign-in, timing, pages and their filters."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, select_autoescape
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import openapi, problem_pages, problems, signin, telemetry
from shared.auth import Verifier
from shared.db import Database
from shared.documents import DOWNLOAD_HEADERS, StoredDocument
from shared.formats import local_date, local_time, yuan
from shared.origin import same_origin
from shared.settings import Settings
from shared.shelves import Shelf

_SHARED_PAGES = Path(__file__).parent / "pages"
_CSP = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self' http: https:; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
)
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class NotReady(problems.Problem):
    """The service can't serve yet."""

    status, code = 503, "not-ready"
    title_zh, title_en = "服务尚未就绪", "Not ready yet"


def db_of(request: Request) -> Database:
    """The database of the service that was asked."""
    db: Database = request.app.state.db
    return db


def settings_of(request: Request) -> Settings:
    """The settings of the service that was asked."""
    settings: Settings = request.app.state.settings
    return settings


async def file_answer(shelf: Shelf, stored: StoredDocument) -> Response:
    """A received file for whoever may have it: it never runs in his browser and stays in no cache.

    Raises `NotOnTheShelf`, `Unavailable`.
    """
    attached = f"attachment; filename*=utf-8''{quote(stored.name)}"
    told = {"content-length": str(stored.size), "content-disposition": attached}
    content = await shelf.open(stored.sha256)
    return StreamingResponse(content, media_type=stored.media_type, headers=DOWNLOAD_HEADERS | told)


def create_app(*, service: str, settings: Settings, title: str, lifespan: Lifespan) -> FastAPI:
    """A FastAPI app with what all services share. Set `app.state.ready` to an async check for `/readyz`."""
    telemetry.configure(service, settings.otlp_endpoint)
    app = FastAPI(
        title=title,
        version="1.0.0",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(same_origin)],
        generate_unique_id_function=openapi.operation_id,
    )
    app.state.settings = settings
    app.state.own_url = getattr(settings, f"{service}_url")
    app.state.verifier = Verifier(settings)
    problem_pages.install(app)
    signin.install(app, settings, service)
    openapi.install(app, service, templates(_SHARED_PAGES))
    app.mount("/static", StaticFiles(directory=_SHARED_PAGES / "static"), name="static")

    app.add_middleware(_Measure, service=service)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok")

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> PlainTextResponse:
        check = getattr(app.state, "ready", None)
        if check is None or not await check():
            raise NotReady("数据库或消息总线还未连上", "The database or the message bus is not connected yet")
        return PlainTextResponse("ready")

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return app


class _Measure:
    """Every request in a span and a histogram, the headers of safety and of its rate limit on every answer.

    Plain ASGI: no task, no queue. `request.state.limit_headers` is what a limit has put down for the request.
    """

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        with telemetry.answering(scope["method"], Headers(scope=scope).get("traceparent")) as span:

            async def send_measured(message: Message) -> None:
                if message["type"] == "http.response.start":
                    route = getattr(scope.get("route"), "path", "unmatched")
                    span.update_name(f"{scope['method']} {route}")
                    telemetry.REQUEST_SECONDS.labels(self._service, scope["method"], route, message["status"]).observe(
                        time.perf_counter() - started
                    )
                    given = {name for name, _ in message["headers"]}
                    limits = scope.get("state", {}).get("limit_headers", {})
                    told = [(name.encode(), text.encode()) for name, text in limits.items()]
                    message["headers"] = [*message["headers"], *told, *(h for h in _HEADERS if h[0] not in given)]
                await send(message)

            await self._app(scope, receive, send_measured)


def templates(package_dir: Path) -> Jinja2Templates:
    """The service's templates over the shared base page, with the filters of money and time."""
    env = Environment(
        loader=ChoiceLoader([FileSystemLoader(package_dir / "templates"), FileSystemLoader(_SHARED_PAGES)]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(yuan=yuan, local_time=local_time, local_date=local_date)
    return Jinja2Templates(env=env)
