"""What can go wrong at the notifier, in the user's words."""

from shared.documents import DocumentEmpty, DocumentTooLarge, DocumentTypeRefused
from shared.lengths import UploadTooLarge
from shared.problems import NotFound, Problem
from shared.webhooks.errors import BadWebhookAddress as BadWebhookAddress


class NoSuchAlert(NotFound):
    """It does not exist, or lies on another desk: the answer is the same."""

    code = "no-such-alert"
    title_zh, title_en = "没有这条预警", "No such alert"


class NoSuchWebhook(NotFound):
    """It does not exist, or is another's."""

    code = "no-such-webhook"
    title_zh, title_en = "没有这个订阅", "No such webhook"


class MoveOutOfOrder(Problem):
    """The alert is not in a state from which this move leads."""

    status, code = 409, "move-out-of-order"
    title_zh, title_en = "当前状态不能这样办理", "Not possible in this state"


class MoveNotYours(Problem):
    """Another role decides this."""

    status, code = 403, "move-not-yours"
    title_zh, title_en = "没有办理权限", "Not yours to decide"


class Recused(Problem):
    """The alert is about the caller."""

    status, code = 403, "recused"
    title_zh, title_en = "须回避", "You must stand aside"


class PersonUnknown(Problem):
    """The alert is about somebody, and the token does not say who the caller is."""

    status, code = 403, "person-unknown"
    title_zh, title_en = "无法核对是否须回避", "Can't tell whether you must stand aside"


class OwnJudgement(Problem):
    """Who judged an alert doesn't review it."""

    status, code = 403, "own-judgement"
    title_zh, title_en = "复核须由另一人进行", "Another has to review it"


class OwnRequest(Problem):
    """Who asked for more time doesn't consent to it."""

    status, code = 403, "own-request"
    title_zh, title_en = "须由另一人同意", "Another has to consent"


class DeedOutOfOrder(Problem):
    """The alert is not in a state for this deed."""

    status, code = 409, "deed-out-of-order"
    title_zh, title_en = "当前不能这样办理", "Not possible now"


class NoSuchPaper(NotFound):
    """It does not exist, or its alert lies on another desk."""

    code = "no-such-paper"
    title_zh, title_en = "没有这份材料", "No such paper"


class TooManyPapers(Problem):
    """The alert has as many papers as it may have."""

    status, code = 409, "too-many-papers"
    title_zh, title_en = "材料太多", "Too many papers"


class NoSuchRule(NotFound):
    """No alert of this rule lies where the caller may read."""

    code = "no-such-rule"
    title_zh, title_en = "没有这条规则的预警", "No alerts of this rule"


class MoveNeedsMore(Problem):
    """The form of the move is incomplete."""

    status, code = 422, "move-needs-more"
    title_zh, title_en = "填写不完整", "Something is missing"


class BadCursor(Problem):
    """A page cursor or stream position that is none of ours."""

    status, code = 422, "bad-cursor"
    title_zh, title_en = "翻页或续传位置无效", "Invalid cursor or position"


class WebhookOutOfScope(Problem):
    """A subscription for a desk that is not the caller's."""

    status, code = 403, "webhook-out-of-scope"
    title_zh, title_en = "超出本人权限范围", "Outside your own scope"


class IdempotencyKeyReused(Problem):
    """An Idempotency-Key that already stands for another move."""

    status, code = 422, "idempotency-key-reused"
    title_zh, title_en = "请求编号已被使用", "Idempotency-Key already used"


class NoSuchInquiry(NotFound):
    """It does not exist, or holds an alert that the caller may not see: the answer is the same."""

    code = "no-such-inquiry"
    title_zh, title_en = "没有这条线索", "No such inquiry"


class InquiryStepOutOfOrder(Problem):
    """The inquiry is not in a state that allows this."""

    status, code = 409, "inquiry-step-out-of-order"
    title_zh, title_en = "线索的当前状态不能这样办理", "Not possible in the inquiry's state"


class AlertInInquiry(Problem):
    """The alert is in an inquiry that goes on."""

    status, code = 409, "alert-in-inquiry"
    title_zh, title_en = "预警已并入另一条线索", "The alert is in another inquiry"


class AlertsNotReady(Problem):
    """Some alerts of an inquiry can't be moved so: none was moved."""

    status, code = 409, "alerts-not-ready"
    title_zh, title_en = "有预警不能这样办理,全部未动", "Some alerts can't be handled so, and none was"


class NoSuchProposal(NotFound):
    """It does not exist, or was written at another desk: the answer is the same."""

    code = "no-such-proposal"
    title_zh, title_en = "没有这份监察建议书", "No such proposal"


class ProposalStepOutOfOrder(Problem):
    """The proposal is not in a state that allows this."""

    status, code = 409, "proposal-step-out-of-order"
    title_zh, title_en = "建议书的当前状态不能这样办理", "Not possible in the proposal's state"


class NoSuchSilence(NotFound):
    """It does not exist, or is of another region."""

    code = "no-such-silence"
    title_zh, title_en = "没有这条静默", "No such silence"


class BadSilence(Problem):
    """The fields of a silence don't fit."""

    status, code = 422, "bad-silence"
    title_zh, title_en = "静默填写有误", "This silence can't be proposed so"


class SilenceNotYours(Problem):
    """Another post decides this."""

    status, code = 403, "silence-not-yours"
    title_zh, title_en = "没有静默权限", "Not yours to silence"


class OwnSilence(Problem):
    """Who proposed it can't approve it."""

    status, code = 403, "own-silence"
    title_zh, title_en = "须由另一人批准", "Another person must approve it"


class SilenceDecided(Problem):
    """It has been approved or ended before."""

    status, code = 409, "silence-decided"
    title_zh, title_en = "静默已有结论", "Already decided"


class SilenceOver(Problem):
    """Its end has passed before it was approved."""

    status, code = 409, "silence-over"
    title_zh, title_en = "静默已过期", "Its end has passed"


class BadRoutes(Problem):
    """A tree of routes with faults; each names line and column."""

    status, code = 422, "bad-routes"
    title_zh, title_en = "路由有误", "The tree of routes has faults"


class NoSuchRoutes(NotFound):
    """There is no such version of the routes."""

    code = "no-such-routes"
    title_zh, title_en = "没有这一版路由", "No such version of the routes"


class OwnRoutes(Problem):
    """Whoever drafted routes doesn't decide on them."""

    status, code = 403, "own-routes"
    title_zh, title_en = "须由另一人审批", "Another person must decide"


class RoutesDecided(Problem):
    """They have been approved or rejected before."""

    status, code = 409, "routes-decided"
    title_zh, title_en = "该草案已有结论", "Already decided"


class NotInRoster(NotFound):
    """Nothing is written of this post."""

    code = "not-in-roster"
    title_zh, title_en = "值守表没有这个岗位", "Not in the roster"


class BadRoster(Problem):
    """Entries of a post that don't fit."""

    status, code = 422, "bad-roster"
    title_zh, title_en = "值守安排有误", "The roster has faults"


class RosterChanged(Problem):
    """Somebody else has written this post's roster since it was read."""

    status, code = 409, "roster-changed"
    title_zh, title_en = "值守安排已被他人修改", "Somebody else has changed it"


class NoSuchChannel(NotFound):
    """It does not exist, or is another's."""

    code = "no-such-channel"
    title_zh, title_en = "没有这个接收方式", "No such channel"


class NoSuchGateway(Problem):
    """The county has not configured it."""

    status, code = 422, "no-such-gateway"
    title_zh, title_en = "没有这种渠道", "No such gateway"


class TooManyChannels(Problem):
    """One person's ways of being reached are bounded."""

    status, code = 422, "too-many-channels"
    title_zh, title_en = "接收方式太多", "Too many channels"


class CodeTooSoon(Problem):
    """Codes are sent sparingly: they go to an address that nobody has proved yet."""

    status, code = 429, "code-too-soon"
    title_zh, title_en = "验证码发送过于频繁", "Too many codes"


class CodeWrong(Problem):
    """The code is not the one that was sent, or no longer holds."""

    status, code = 422, "code-wrong"
    title_zh, title_en = "验证码不对", "Wrong code"


class NotVerified(Problem):
    """The address has not been proved."""

    status, code = 409, "not-verified"
    title_zh, title_en = "尚未验证", "Not verified yet"


# Why a person must stand aside, and what a move may be refused for, beside input of the wrong shape.
RECUSED = (Recused, PersonUnknown)
MOVING = (NoSuchAlert, MoveNotYours, OwnJudgement, *RECUSED, MoveOutOfOrder, MoveNeedsMore, IdempotencyKeyReused)
# What an inquiry and a proposal may be refused for, beside input of the wrong shape.
INQUIRING = (
    *(NoSuchInquiry, NoSuchAlert, MoveNotYours, *RECUSED, MoveNeedsMore, IdempotencyKeyReused),
    *(InquiryStepOutOfOrder, AlertInInquiry, AlertsNotReady),
)
PROPOSING = (
    *(NoSuchProposal, NoSuchAlert, NoSuchInquiry, MoveNotYours, *RECUSED, MoveNeedsMore, IdempotencyKeyReused),
    ProposalStepOutOfOrder,
)
DOING = (NoSuchAlert, MoveNotYours, OwnRequest, *RECUSED, DeedOutOfOrder, MoveNeedsMore, IdempotencyKeyReused)
FILING = (
    NoSuchAlert,
    MoveNotYours,
    *RECUSED,
    DocumentEmpty,
    DocumentTooLarge,
    DocumentTypeRefused,
    UploadTooLarge,
    TooManyPapers,
)
