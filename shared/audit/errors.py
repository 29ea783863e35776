"""What may be refused around the audit log, in the user's words."""

from shared.problems import NotFound, Problem


class NoSuchEntry(NotFound):
    """It does not exist, or is not the caller's to read."""

    code = "no-such-audit-entry"
    title_zh, title_en = "没有这条审计记录", "No such audit entry"


class BadAuditCursor(Problem):
    """A cursor that is none of ours."""

    status, code = 422, "bad-audit-cursor"
    title_zh, title_en = "翻页位置无效", "Invalid cursor"


class NotChecked(Problem):
    """The published heads can't be read now."""

    status, code = 503, "audit-not-checked"
    title_zh, title_en = "暂时无法核对", "It can't be checked right now"
