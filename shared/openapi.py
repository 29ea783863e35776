"""A service's OpenAPI document, and `/docs`, the page that shows it without loading anything from outside."""

import importlib.resources
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fastapi_standalone_docs
from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field

from shared.auth import BEARER
from shared.problems import (
    BodyUnreadable,
    ForeignOrigin,
    InvalidInput,
    NotAllowed,
    NotSignedIn,
    Problem,
    ScopeMissing,
    TooManyRequests,
    Unavailable,
)

SWAGGER = Path(str(importlib.resources.files(fastapi_standalone_docs))) / "static" / "swagger"
_PROBLEM = "application/problem+json"
_SESSION = "session"
_CLIENT = "client"
_LIMIT_HEADERS = {
    "RateLimit-Policy": {
        "description": "每窗口次数 / requests of a window (draft-ietf-httpapi-ratelimit-headers)",
        "schema": {"type": "string", "examples": ['"client";q=6000;w=60']},
    },
    "RateLimit": {
        "description": "剩余次数与恢复秒数 / what is left, and in how many seconds more is",
        "schema": {"type": "string", "examples": ['"client";r=5999;t=0']},
    },
}
_READING, _WRITING = ("get", "head", "options"), ("put", "post", "delete", "patch")
_DESCRIPTION = """\
金额以分计,时间为 UTC,地区为 12 位统计用区划代码。出错时一律以 RFC 9457 问题文档作答,中英文并列,并指明字段。
带锁的接口须先登录或附上 OIDC 访问令牌,所见所办仅限本人的地区与角色。

Amounts are fen, times UTC, regions the 12-digit statistical codes. Every error is an RFC 9457 problem document in
Chinese and English that names the fields. What bears a lock asks for a sign-in or an OIDC access token; all see and do
what their regions and roles allow.
"""


class ProblemField(BaseModel):
    """One field that must be mended, by its path in the request."""

    field: str
    detail: str
    detail_en: str


class ProblemDocument(BaseModel):
    """What went wrong (RFC 9457), in Chinese, with the English in the members that end in `_en`."""

    type: str = Field(examples=["/problems/not-signed-in"])
    status: int
    title: str
    title_en: str
    detail: str
    detail_en: str
    errors: list[ProblemField]
    instance: str = Field(description="The path that was asked for")


def problems(*kinds: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these problems."""
    by_status: dict[int | str, list[type[Problem]]] = defaultdict(list)
    for kind in kinds:
        by_status[kind.status].append(kind)
    return {status: _response(tuple(same)) for status, same in sorted(by_status.items())}


def install(app: FastAPI, service: str, templates: Jinja2Templates) -> None:
    """Add `/docs` to the service, and to its document what no route can say for itself."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(
                get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes), service
            )
            if scopes := getattr(app.state, "scopes", None):
                _describe_client(app.openapi_schema, app.state.settings.oidc_issuer, scopes)
            _illustrate(app.openapi_schema, getattr(app.state, "examples", {}))
        return app.openapi_schema

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        return templates.TemplateResponse(request, "docs.html", {"title": app.title, "document": app.openapi_url})

    app.openapi = document  # type: ignore[method-assign]
    app.mount("/static/swagger", StaticFiles(directory=SWAGGER), name="swagger")


def operation_id(route: APIRoute) -> str:
    """The name of the function that answers."""
    return route.name


def _complete(document: dict[str, Any], service: str) -> dict[str, Any]:
    """The session beside the token, problems in place of the framework's own shape of an error."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    made = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= made.pop("$defs") | {"ProblemDocument": made}
    if schemes := components.get("securitySchemes"):
        schemes[_SESSION] = {
            "type": "apiKey",
            "in": "cookie",
            "name": f"yunjing_{service}",
            "description": "浏览器登录后的会话 / a browser's session after /signin",
        }
    for path in document["paths"].values():
        for method in (*_READING, *_WRITING):
            if operation := path.get(method):
                _complete_operation(operation, writes=method in _WRITING)
    return document


def _describe_client(document: dict[str, Any], issuer: str, scopes: Mapping[str, str]) -> None:
    """How a client gets its token, for a service whose end points ask for scopes."""
    document["components"]["securitySchemes"][_CLIENT] = {
        "type": "oauth2",
        "description": "客户端凭据;令牌地址以签发者的 .well-known/openid-configuration 为准"
        " / client credentials; the issuer's discovery document names its token end point",
        "flows": {
            "clientCredentials": {"tokenUrl": f"{issuer.rstrip('/')}/oauth/token", "scopes": dict(scopes)},
        },
    }


def _illustrate(document: dict[str, Any], examples: Mapping[str, Any]) -> None:
    """Give schemas, and the bodies and answers that are of them, the examples that a service keeps for them."""
    for name, example in examples.items():
        document["components"]["schemas"][name]["examples"] = [example]
    for path in document["paths"].values():
        for operation in path.values():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in (body.get("content", {}).get("application/json") for body in bodies):
                named = (content or {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
                if named in examples:
                    content["example"] = examples[named]


def _complete_operation(operation: dict[str, Any], *, writes: bool) -> None:
    responses = operation["responses"]
    for response in responses.values():
        if response["description"] == "Successful Response":
            response["description"] = "成功 / Done"
    if "requestBody" in operation:
        _add(responses, BodyUnreadable)
    if "422" in responses:
        _add(responses, InvalidInput)
    ways = [way[BEARER.scheme_name] for way in operation.get("security", ()) if BEARER.scheme_name in way]
    if ways:
        operation["security"] = [{BEARER.scheme_name: []}, {_SESSION: []}]
        if scopes := sorted({scope for way in ways for scope in way}):
            operation["security"].append({_CLIENT: scopes})
            for kind in (ScopeMissing, TooManyRequests, Unavailable):
                _add(responses, kind)
            for response in responses.values():
                response["headers"] = response.get("headers", {}) | _LIMIT_HEADERS
        _add(responses, NotSignedIn)
        _add(responses, NotAllowed)
        if writes:
            _add(responses, ForeignOrigin)
    operation["responses"] = dict(sorted(responses.items()))


def _add(responses: dict[str, Any], kind: type[Problem]) -> None:
    """Add one problem beside those that the route itself names, in place of what the framework says."""
    made, status = _response((kind,)), str(kind.status)
    named = responses.get(status, {}).get("content", {}).get(_PROBLEM)
    if named is None:
        responses[status] = made
        return
    responses[status]["description"] += "; " + made["description"]
    named["examples"] |= made["content"][_PROBLEM]["examples"]


def _response(kinds: tuple[type[Problem], ...]) -> dict[str, Any]:
    examples = {
        kind.code: {
            "summary": f"{kind.title_zh} / {kind.title_en}",
            "value": kind().document() | {"instance": "/v1/..."},
        }
        for kind in kinds
    }
    return {
        "description": "; ".join(f"{kind.title_zh} / {kind.title_en}" for kind in kinds),
        "content": {_PROBLEM: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}, "examples": examples}},
    }
