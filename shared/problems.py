"""What went wrong, in the user's words: RFC 9457 problems in Chinese and English. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

CHALLENGE = 'Bearer realm="yunjing"'


@dataclass(frozen=True)
class FieldError:
    """One field that must be mended, by its path in the request."""

    field: str
    zh: str
    en: str


class Problem(Exception):
    """What went wrong, in the user's words. A service declares its own in its `errors.py`.

    `members` stand in the document beside the usual ones, `headers` on the answer.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad-request"
    title_zh: ClassVar[str] = "请求有误"
    title_en: ClassVar[str] = "Bad request"

    def __init__(self, detail_zh: str = "", detail_en: str = "", errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail_en or self.title_en)
        self.detail_zh = detail_zh
        self.detail_en = detail_en
        self.errors = list(errors)
        self.members: dict[str, Any] = {}
        self.headers: dict[str, str] = {}

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
            **self.members,
        }


class BodyUnreadable(Problem):
    """The request's body is no JSON in UTF-8, or no whole form."""

    status, code = 400, "body-unreadable"
    title_zh, title_en = "请求内容无法读取", "The body of the request cannot be read"


class NotSignedIn(Problem):
    """No valid token or session."""

    status, code = 401, "not-signed-in"
    title_zh, title_en = "请先登录", "Please sign in"


class NotAllowed(Problem):
    """The caller lacks the role or the region."""

    status, code = 403, "not-allowed"
    title_zh, title_en = "没有权限", "Not allowed"


class ForeignOrigin(Problem):
    """A form that another site sent with this browser's session."""

    status, code = 403, "foreign-origin"
    title_zh, title_en = "请求来自其他网站,已拒绝", "The request came from another site and was refused"


class NotFound(Problem):
    """Nothing there that the caller may see."""

    status, code = 404, "not-found"
    title_zh, title_en = "没有找到", "Not found"


class InvalidInput(Problem):
    """Fields of the request don't fit."""

    status, code = 422, "invalid-input"
    title_zh, title_en = "填写有误", "Invalid input"


class TooManyRequests(Problem):
    """Somebody asks more often than he may."""

    status, code = 429, "too-many-requests"
    title_zh, title_en = "请求过于频繁", "Too many requests"


class ScopeMissing(Problem):
    """The client's token doesn't hold the scope that the end point asks for."""

    status, code = 403, "scope-missing"
    title_zh, title_en = "令牌没有所需的权限范围", "The token lacks the scope that is needed"

    @classmethod
    def of(cls, needed: str) -> Self:
        """With the scope to ask the issuer for, told in `WWW-Authenticate` as well (RFC 6750)."""
        problem = cls(f"请为客户端申请权限范围 {needed}", f"Ask for a token of the scope {needed}")
        problem.headers = {"www-authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{needed}"'}
        return problem


class Unavailable(Problem):
    """The database is away for a moment; nothing was changed."""

    status, code = 503, "unavailable"
    title_zh, title_en = "暂时无法处理,请稍后重试", "Not possible right now, please try again shortly"


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
