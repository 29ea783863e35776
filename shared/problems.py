"""Clear answers to bad input: RFC 9457 problem documents in Chinese and English, for machines and for browsers."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException


@dataclass(frozen=True)
class FieldError:
    """One field that must be mended, by its path in the request."""

    field: str
    zh: str
    en: str


class Problem(Exception):
    """What went wrong, in the user's words. A service declares its own in its `errors.py`."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad-request"
    title_zh: ClassVar[str] = "请求有误"
    title_en: ClassVar[str] = "Bad request"

    def __init__(self, detail_zh: str = "", detail_en: str = "", errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail_en or self.title_en)
        self.detail_zh = detail_zh
        self.detail_en = detail_en
        self.errors = list(errors)

    def document(self) -> dict[str, Any]:
        """The RFC 9457 members, with `title_en`, `detail_en` and `errors` beside the Chinese."""
        return {
            "type": f"/problems/{self.code}",
            "status": self.status,
            "title": self.title_zh,
            "title_en": self.title_en,
            "detail": self.detail_zh,
            "detail_en": self.detail_en,
            "errors": [{"field": e.field, "detail": e.zh, "detail_en": e.en} for e in self.errors],
        }


class NotSignedIn(Problem):
    """No valid token or session."""

    status, code = 401, "not-signed-in"
    title_zh, title_en = "请先登录", "Please sign in"


class NotAllowed(Problem):
    """The caller lacks the role or the region."""

    status, code = 403, "not-allowed"
    title_zh, title_en = "没有权限", "Not allowed"


class NotFound(Problem):
    """Nothing there that the caller may see."""

    status, code = 404, "not-found"
    title_zh, title_en = "没有找到", "Not found"


class InvalidInput(Problem):
    """Fields of the request don't fit."""

    status, code = 422, "invalid-input"
    title_zh, title_en = "填写有误", "Invalid input"


class Unexpected(Problem):
    """A fault of ours; the operator finds it in the log."""

    status, code = 500, "unexpected"
    title_zh, title_en = "系统出错,请稍后再试", "Something broke on our side, please try again later"


_ZH_BY_KIND = {
    "missing": "必填",
    "extra_forbidden": "多余的字段",
    "string_type": "应为文字",
    "int_parsing": "应为整数",
    "int_type": "应为整数",
    "float_parsing": "应为数字",
    "bool_parsing": "应为是或否",
    "json_invalid": "不是有效的 JSON",
    "string_pattern_mismatch": "格式不对",
    "string_too_long": "太长",
    "string_too_short": "太短",
    "literal_error": "不在可选范围内",
    "uuid_parsing": "不是有效的编号",
    "date_from_datetime_parsing": "不是有效的日期",
    "datetime_from_date_parsing": "不是有效的时间",
}


def field_errors(errors: Sequence[Any]) -> list[FieldError]:
    """Pydantic's errors as ours: path, Chinese, English."""
    return [
        FieldError(".".join(str(part) for part in e["loc"]), _ZH_BY_KIND.get(e["type"], "格式或取值有误"), e["msg"])
        for e in errors
    ]


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
        kind = {401: NotSignedIn, 403: NotAllowed, 404: NotFound}.get(error.status_code, Problem)
        problem = kind("", str(error.detail))
        response = render(request, problem, status=error.status_code)
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> Response:
        return render(request, Unexpected())


def render(request: Request, problem: Problem, *, status: int | None = None) -> Response:
    """A problem as a page for a browser, else as `application/problem+json`."""
    status = status or problem.status
    if "text/html" in request.headers.get("accept", ""):
        if problem.status == 401 and request.method == "GET":
            return Response(status_code=303, headers={"location": f"/signin?next={request.url.path}"})
        return HTMLResponse(_page(problem), status_code=status)
    body = problem.document() | {"status": status, "instance": request.url.path}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


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
