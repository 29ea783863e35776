"""What the day's work refuses, beside what a case refuses."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from services.approval.errors import CaseNotFound, CursorInvalid, RoleMissing
from shared.problems import Problem


class FourEyes(Problem):
    """Who stands in for somebody acts at one case in one role only."""

    status, code = 403, "four-eyes"
    title_zh, title_en = "同一案件不能由同一人兼办", "One person can't take both parts in a case"


class DeputyUnsuitable(Problem):
    """The named person may not stand in for this role."""

    status, code = 422, "deputy-unsuitable"
    title_zh, title_en = "不能由此人代理", "This person cannot stand in"


class NoSuchAbsence(Problem):
    """It does not exist, has ended, or is not the caller's to see."""

    status, code = 404, "no-such-absence"
    title_zh, title_en = "没有这项请假或代理", "No such absence"


class NotYoursToDecide(Problem):
    """Who goes or stands in approves of no deputy, nor does anybody without the role."""

    status, code = 403, "not-yours-to-decide"
    title_zh, title_en = "不由您审批", "Not yours to decide"


class NotInBatches(Problem):
    """This node needs what each case has of its own."""

    status, code = 422, "not-in-batches"
    title_zh, title_en = "这个节点不能批量办理", "This node can't be done in batches"


class StoppedByPrompt(Problem):
    """The detector would raise a red alert: this case is to be looked at alone."""

    status, code = 409, "stopped-by-prompt"
    title_zh, title_en = "有红色提示,请单独办理", "A red prompt: take this case alone"


class PromptsUnread(Problem):
    """The step would raise something that its doer hasn't read yet."""

    status, code = 409, "prompts-unread"
    title_zh, title_en = "有提示,请看过再办", "There are prompts: read them first"

    @classmethod
    def of(cls, prompts: Sequence[Mapping[str, Any]], digest: str) -> Self:
        """With the prompts, and what says that just these were read."""
        problem = cls("看过无误,再次提交即可", "If it is right all the same, send it again")
        problem.members = {"prompts": list(prompts), "prompts_read": digest}
        return problem


class DetectorAway(Problem):
    """In a batch nothing is done that the detector has not looked at."""

    status, code = 503, "detector-away"
    title_zh, title_en = "监督比对暂不可用,未办理", "The detector does not answer, so nothing was done"


class NoSuchComment(Problem):
    """It does not exist within the caller's regions, or was struck out before."""

    status, code = 404, "no-such-comment"
    title_zh, title_en = "没有这条意见,或已划去", "No such comment, or it was struck out"


class NoSuchDraft(Problem):
    """Nothing is kept there."""

    status, code = 404, "no-such-draft"
    title_zh, title_en = "没有暂存内容", "Nothing is kept here"


LISTING = (CursorInvalid,)
ASKING = (DeputyUnsuitable, RoleMissing)
DECIDING = (NoSuchAbsence, NotYoursToDecide)
BATCHING = (NotInBatches,)
COMMENTING = (CaseNotFound, RoleMissing)
STRIKING = (NoSuchComment,)
