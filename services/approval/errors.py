"""Everything that approval refuses, named after what went wrong in the user's words."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from shared.audit.deeds import deeds
from shared.documents import DocumentEmpty, DocumentTooLarge, DocumentTypeRefused
from shared.lengths import LengthRequired, UploadTooLarge
from shared.problems import Problem
from shared.sheets import SheetRefused


class NoSuchFlow(Problem):
    """The catalogue has no flow of this code."""

    status, code = 404, "no-such-flow"
    title_zh, title_en = "没有这个权力流程", "No such flow"


class AnotherFlow(Problem):
    """The amount is one that another flow of the matter is for."""

    status, code = 422, "another-flow"
    title_zh, title_en = "这个金额应走另一个流程", "Another flow is for this amount"


class NoSuchNode(Problem):
    """The flow has no node of this code."""

    status, code = 404, "no-such-node"
    title_zh, title_en = "流程中没有这个节点", "No such node in this flow"


class CaseNotFound(Problem):
    """No such case within the caller's regions."""

    status, code = 404, "case-not-found"
    title_zh, title_en = "没有找到这个案件", "No such case"


class RoleMissing(Problem):
    """The caller doesn't hold the role that this step needs in the case's village."""

    status, code = 403, "role-missing"
    title_zh, title_en = "您的角色不能办理这一步", "Your role does not take this step"


class CaseNotOpen(Problem):
    """A closed or withdrawn case takes nothing more."""

    status, code = 409, "case-not-open"
    title_zh, title_en = "案件已经结束", "The case has ended"


class CaseRests(Problem):
    """A suspended case takes nothing until it is resumed."""

    status, code = 409, "case-suspended"
    title_zh, title_en = "案件已中止", "The case is suspended"


class CaseRestsNot(Problem):
    """Only a suspended case is resumed."""

    status, code = 409, "case-not-suspended"
    title_zh, title_en = "案件没有中止", "The case is not suspended"


class CaseNotClosed(Problem):
    """Only a closed case is archived."""

    status, code = 409, "case-not-closed"
    title_zh, title_en = "案件尚未办结", "The case is not closed"


class AlreadyArchived(Problem):
    """An archived case takes nothing more."""

    status, code = 409, "already-archived"
    title_zh, title_en = "案件已经归档", "The case is in the archive"


class WrongNode(Problem):
    """The case waits at another node."""

    status, code = 409, "wrong-node"
    title_zh, title_en = "案件不在这个节点", "The case is not at this node"


class NoticeRunning(Problem):
    """The public notice before this node has not run its days."""

    status, code = 409, "notice-running"
    title_zh, title_en = "公示期未满", "The public notice is still running"


class NotApproved(Problem):
    """A decision of no doesn't carry a case on."""

    status, code = 409, "not-approved"
    title_zh, title_en = "未获同意,不能进入下一步", "Not approved, so the case cannot go on"


class NotCarried(Problem):
    """Too few of a body were present, voted, or were in favour."""

    status, code = 409, "not-carried"
    title_zh, title_en = "未达到法定人数或票数", "The vote has not carried"


class NotByBallot(Problem):
    """The node isn't one at which members vote."""

    status, code = 409, "not-by-ballot"
    title_zh, title_en = "这一步不由成员表决", "No ballots are cast at this node"


class BallotRepeated(Problem):
    """The caller has voted so already."""

    status, code = 409, "ballot-repeated"
    title_zh, title_en = "您已经这样表决过", "You have voted so already"


class MustStandAside(Problem):
    """Whoever is concerned by a case neither decides nor votes in it."""

    status, code = 409, "must-stand-aside"
    title_zh, title_en = "此事与您有关,您应当回避", "This concerns you, so you stand aside"


class Kin(Problem):
    """Nobody decides of his kin. It tells neither who of them it is nor how near."""

    status, code = 403, "kin"
    title_zh, title_en = (
        "本案申请人或受益人与您有亲属关系,您应当回避",
        "Somebody whom this case is about is near to you, so you stand aside",
    )


class CannotSendBack(Problem):
    """Only to a node before the present one."""

    status, code = 409, "cannot-send-back"
    title_zh, title_en = "不能退回到这个节点", "The case cannot be sent back to this node"


class CannotAmend(Problem):
    """A node that isn't completed, or what is decided anew by sending the case back."""

    status, code = 409, "cannot-amend"
    title_zh, title_en = "这一项不能更正", "This cannot be amended"


class ChangedMeanwhile(Problem):
    """Somebody else was faster: the caller saw an older state of the case."""

    status, code = 412, "changed-meanwhile"
    title_zh, title_en = "案件刚被他人更新,请刷新后重试", "The case has changed meanwhile, reload it and try again"

    @classmethod
    def since(cls, sequence: int, events: Sequence[tuple[int, str, Mapping[str, Any]]]) -> Self:
        """With what happened since: sequence, type and data of each event; the last three are told in words."""
        told = [
            {
                "sequence": number,
                "type": type_,
                "occurred_at": data.get("occurred_at"),
                "node": data.get("node"),
                "by": data.get("actor", {}).get("name"),
            }
            for number, type_, data in events
        ]
        names = [(each, deeds().action(str(each["type"]).rpartition(".v")[0])) for each in told[-3:]]
        zh = ";".join(f"{each['by'] or ''} {name.zh} {each['node'] or ''}".strip() for each, name in names)
        en = "; ".join(f"{each['by'] or ''} {name.en} {each['node'] or ''}".strip() for each, name in names)
        problem = cls(
            f"现在已到第 {sequence} 步,此后:{zh}。请刷新后再办理",
            f"It is at step {sequence} now; since then: {en}. Reload it and decide again",
        )
        problem.members = {"sequence": sequence, "changes": told}
        return problem


class IfMatchUnreadable(Problem):
    """`If-Match` holds no version of a case."""

    status, code = 422, "if-match-unreadable"
    title_zh, title_en = "If-Match 的内容无法识别", "If-Match cannot be read"


class FieldsMissing(Problem):
    """The form's required fields are not all filled in."""

    status, code = 422, "fields-missing"
    title_zh, title_en = "有必填项未填", "Required fields are missing"


class FieldsUnsound(Problem):
    """Fields that cannot be true, alone or together."""

    status, code = 422, "fields-unsound"
    title_zh, title_en = "填写的内容不合理", "These fields cannot be right"


class PapersDiffer(Problem):
    """What is filed exceeds or differs from what the case's other papers say, and no reason is given."""

    status, code = 422, "papers-differ"
    title_zh, title_en = "与本案其他材料不一致", "This differs from the case's other papers"


class DocumentsMissing(Problem):
    """The node's required papers are not all there."""

    status, code = 422, "documents-missing"
    title_zh, title_en = "缺少必需的材料", "Required papers are missing"


class ReasonMissing(Problem):
    """Sending back, withdrawing, suspending and amending need a reason."""

    status, code = 422, "reason-missing"
    title_zh, title_en = "请写明理由", "A reason is needed"


class TimeUnsound(Problem):
    """An existing record's time lies in the future or before its case."""

    status, code = 422, "time-unsound"
    title_zh, title_en = "时间不合理", "This time cannot be right"


class DocumentNotFound(Problem):
    """A digest that nobody uploaded, or that the caller may not see."""

    status, code = 404, "document-not-found"
    title_zh, title_en = "没有找到这个文件", "No such file"


class IdempotencyKeyReused(Problem):
    """The key was used for another request."""

    status, code = 422, "idempotency-key-reused"
    title_zh, title_en = "请求编号已用于另一个请求", "This idempotency key belongs to another request"


class CursorInvalid(Problem):
    """The marker of a page of a list was altered."""

    status, code = 422, "cursor-invalid"
    title_zh, title_en = "翻页参数无效", "The page marker is invalid"


class FieldsUnknown(Problem):
    """`fields` names what a case in a list doesn't have."""

    status, code = 422, "fields-unknown"
    title_zh, title_en = "fields 中有不存在的字段", "`fields` names what is not there"


class SpanTooLong(Problem):
    """An export over more days than are given at once."""

    status, code = 422, "span-too-long"
    title_zh, title_en = "时间范围过长或颠倒", "The span is too long, or ends before it begins"


class BulkRefused(Problem):
    """One item of an all-or-nothing request could not be done, so none was."""

    status, code = 422, "bulk-refused"
    title_zh, title_en = "有一项不能办理,全部未办理", "One item could not be done, so none was"


class NoSuchWebhook(Problem):
    """It does not exist, or is another client's."""

    status, code = 404, "no-such-webhook"
    title_zh, title_en = "没有这个订阅", "No such webhook"


class WebhookOutOfScope(Problem):
    """A subscription to places that the client may not see."""

    status, code = 403, "webhook-out-of-scope"
    title_zh, title_en = "订阅超出您的地区", "The webhook reaches beyond your regions"


class TooManyWebhooks(Problem):
    """A client keeps no more than so many subscriptions."""

    status, code = 409, "too-many-webhooks"
    title_zh, title_en = "订阅已达上限", "No more webhooks for this client"


class RowsRefused(Problem):
    """Rows of an imported sheet that must be mended; nothing was taken over."""

    status, code = 422, "rows-refused"
    title_zh, title_en = "部分行需要修改,未导入任何数据", "Some rows must be mended; nothing was imported"


# What each deed may be refused for, beside input of the wrong shape.
OPENING = (NoSuchFlow, AnotherFlow, RoleMissing, FieldsMissing, FieldsUnsound, PapersDiffer, IdempotencyKeyReused)
COMPLETING = (
    CaseNotFound,
    RoleMissing,
    CaseNotOpen,
    CaseRests,
    WrongNode,
    NoticeRunning,
    NotApproved,
    NotCarried,
    AnotherFlow,
    ChangedMeanwhile,
    IfMatchUnreadable,
    FieldsMissing,
    FieldsUnsound,
    PapersDiffer,
    DocumentsMissing,
    DocumentNotFound,
    IdempotencyKeyReused,
    MustStandAside,
    Kin,
)
WITHDRAWING = (
    CaseNotFound,
    RoleMissing,
    CaseNotOpen,
    ChangedMeanwhile,
    IfMatchUnreadable,
    ReasonMissing,
    IdempotencyKeyReused,
    MustStandAside,
    Kin,
)
RETURNING = (*WITHDRAWING, CaseRests, CannotSendBack)
_AFTER = (CaseNotFound, RoleMissing, ChangedMeanwhile, IfMatchUnreadable, IdempotencyKeyReused)
SUSPENDING = (*_AFTER, CaseNotOpen, CaseRests, ReasonMissing, FieldsUnsound)
VOTING = (
    *_AFTER,
    NoSuchNode,
    CaseNotOpen,
    CaseRests,
    WrongNode,
    NoticeRunning,
    NotByBallot,
    BallotRepeated,
    MustStandAside,
    Kin,
)
RESUMING = (*_AFTER, CaseNotOpen, CaseRestsNot)
AMENDING = (
    *_AFTER,
    NoSuchNode,
    CaseNotOpen,
    CaseRests,
    AlreadyArchived,
    CannotAmend,
    AnotherFlow,
    NotApproved,
    FieldsMissing,
    FieldsUnsound,
    PapersDiffer,
    ReasonMissing,
)
ARCHIVING = (*_AFTER, CaseNotClosed, AlreadyArchived, FieldsUnsound)
UPLOADING = (DocumentEmpty, DocumentTooLarge, DocumentTypeRefused, UploadTooLarge, IdempotencyKeyReused)
IMPORTING = (SheetRefused, RowsRefused, LengthRequired, UploadTooLarge, IdempotencyKeyReused)
