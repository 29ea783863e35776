"""What can go wrong at the public side, in the visitor's words."""

from shared.problems import NotFound, Problem
from shared.problems import TooManyRequests as TooManyRequests


class NoSuchVillage(NotFound):
    """A code of the right form that is no village of this county."""

    code = "no-such-village"
    title_zh, title_en = "没有这个村", "No such village"


class NoSuchCase(NotFound):
    """No case of this number or id is public."""

    code = "no-such-case"
    title_zh, title_en = "没有这个案件", "No such case"


class SeveralCases(Problem):
    """A number that cases of several villages have: numbers are each village's own."""

    status, code = 409, "several-cases"
    title_zh, title_en = "这个编号不止一个案件", "More than one case has this number"


class NoSuchList(NotFound):
    """No list of this name at this place of the case is public."""

    code = "no-such-list"
    title_zh, title_en = "没有这份明细", "No such list"


class NoSuchTown(NotFound):
    """No town of this county has the code."""

    code = "no-such-town"
    title_zh, title_en = "没有这个镇", "No such town"


class NoSuchNotice(NotFound):
    """The case has no public notice (at this node), or what was put up no longer stands."""

    code = "no-such-notice"
    title_zh, title_en = "没有这份公示", "No such notice"


class BadVillageCode(Problem):
    """Not a 12-digit code."""

    status, code = 422, "bad-village-code"
    title_zh, title_en = "村代码有误", "Not a village code"


class BadCaseNumber(Problem):
    """Characters that no case number or id has."""

    status, code = 422, "bad-case-number"
    title_zh, title_en = "案件编号有误", "Not a case number"


class BadCursor(Problem):
    """A page cursor that is none of ours."""

    status, code = 422, "bad-cursor"
    title_zh, title_en = "翻页位置无效", "Invalid page cursor"


class NoSuchFile(NotFound):
    """No download of this name, or none is made yet."""

    code = "no-such-file"
    title_zh, title_en = "没有这个下载文件", "No such download"


class NoSuchRange(Problem):
    """A part of a file that it doesn't have."""

    status, code = 416, "no-such-range"
    title_zh, title_en = "文件没有这一段", "The file has no such part"


class NoSuchProcess(NotFound):
    """No contracting process of this ocid is public."""

    code = "no-such-process"
    title_zh, title_en = "没有这个采购过程", "No such contracting process"


class UnknownField(Problem):
    """Something to take back that is never public, or a reason that there isn't."""

    status, code = 422, "unknown-field"
    title_zh, title_en = "无法撤回", "That cannot be taken back"


class AlreadyTaken(Problem):
    """It is taken back already."""

    status, code = 409, "already-taken-back"
    title_zh, title_en = "已经撤回", "Taken back already"


class NoSuchTakedown(NotFound):
    """No takedown of this id stands in the caller's county."""

    code = "no-such-takedown"
    title_zh, title_en = "没有这条撤回", "No such takedown"


class PutBackByAnother(Problem):
    """Whoever asked to put something back can't agree to it himself."""

    status, code = 409, "put-back-by-another"
    title_zh, title_en = "须由另一人同意", "Another person must agree"
