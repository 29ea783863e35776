"""Every error of a service answered as a problem: a page for browsers, `application/problem+json` for machines."""

from html import escape

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from shared.bus.faults import passing
from shared.problems import (
    CHALLENGE,
    BodyUnreadable,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Problem,
    Unavailable,
    Unexpected,
    field_errors,
)


def install(app: FastAPI) -> None:
    """Render every error of the app as a problem."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> Response:
        return render(request, problem)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        return render(
            request, InvalidInput("请按提示修改", "Please mend the named fields", field_errors(error.errors()))
        )

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        kind = {400: BodyUnreadable, 401: NotSignedIn, 403: NotAllowed, 404: NotFound}.get(error.status_code, Problem)
        problem = kind("", str(error.detail))
        response = render(request, problem, status=error.status_code)
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(asyncpg.DataError)
    async def _not_to_be_kept(request: Request, error: asyncpg.DataError) -> Response:
        if not _is_of_the_request(error):
            raise error
        return render(
            request,
            InvalidInput(
                "内容中有不能保存的字符(如空字符),或数值、日期超出范围",
                "A character that can't be kept (NUL), or a number or date out of range",
            ),
        )

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> Response:
        if not passing(error):
            return render(request, Unexpected())
        response = render(request, Unavailable())
        response.headers["retry-after"] = "2"
        return response


def _is_of_the_request(error: asyncpg.DataError) -> bool:
    """Whether PostgreSQL, or the driver before it, could not take a value; anything else is a fault of our SQL."""
    unfit = (
        asyncpg.CharacterNotInRepertoireError,
        asyncpg.UntranslatableCharacterError,
        asyncpg.NumericValueOutOfRangeError,
        asyncpg.DatetimeFieldOverflowError,
    )
    return isinstance(error, unfit) or str(error).startswith("invalid input for query argument")


def render(request: Request, problem: Problem, *, status: int | None = None) -> Response:
    """A problem as a page for a browser, else as `application/problem+json`."""
    status = status or problem.status
    if "text/html" in request.headers.get("accept", ""):
        if problem.status == 401 and request.method == "GET":
            return Response(status_code=303, headers={"location": f"/signin?next={request.url.path}"})
        return HTMLResponse(_page(problem), status_code=status)
    body = problem.document() | {"status": status, "instance": request.url.path}
    headers = _challenge(request) | problem.headers if status == 401 else problem.headers
    return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)


def _challenge(request: Request) -> dict[str, str]:
    """How to sign in (RFC 6750): a token that was sent is told to be no good."""
    sent = request.headers.get("authorization", "").lower().startswith("bearer")
    return {"www-authenticate": CHALLENGE + (', error="invalid_token"' if sent else "")}


def _page(problem: Problem) -> str:
    rows = "".join(f"<li><b>{escape(e.field)}</b> {escape(e.zh)} · {escape(e.en)}</li>" for e in problem.errors)
    return (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(problem.title_zh)}</title><link rel=stylesheet href=/static/style.css>"
        f'<main class="page"><div class="card"><h1>{escape(problem.title_zh)}</h1>'
        f'<p class="muted">{escape(problem.title_en)}</p><p>{escape(problem.detail_zh)}</p>'
        f'<p class="muted">{escape(problem.detail_en)}</p><ul>{rows}</ul>'
        '<p><a class="button" href="javascript:history.back()">返回 Back</a></p></div></main></html>'
    )
