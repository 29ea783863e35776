"""What can go wrong at the detector, in the user's words."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from services.detector.uploads import RowFault
from shared.problems import FieldError, NotAllowed, NotFound, Problem


class NoSuchDataset(NotFound):
    """A register the county doesn't keep here."""

    code = "no-such-dataset"
    title_zh, title_en = "没有这个数据集", "No such dataset"


class NoSuchRecord(NotFound):
    """It does not exist, or belongs to another region: the answer is the same."""

    code = "no-such-record"
    title_zh, title_en = "没有这条记录", "No such record"


class NoSuchRule(NotFound):
    """No rule of this id in the rulebook."""

    code = "no-such-rule"
    title_zh, title_en = "没有这条规则", "No such rule"


class BadRecords(Problem):
    """Rows of an upload don't fit; none was taken. `faults` tells sheet, line, column and value of each place."""

    status, code = 422, "bad-records"
    title_zh, title_en = "数据有误,整批未收", "Some rows are wrong; nothing was taken"

    def __init__(
        self,
        detail_zh: str = "",
        detail_en: str = "",
        errors: Sequence[FieldError] = (),
        faults: Sequence[RowFault] = (),
    ) -> None:
        named = [FieldError(fault.place, fault.zh, fault.en) for fault in faults]
        super().__init__(detail_zh, detail_en, [*errors, *named])
        self.faults = faults

    def document(self) -> dict[str, Any]:
        """The problem with its extension member `faults`."""
        return super().document() | {"faults": [asdict(fault) for fault in self.faults]}


class UploadTooLarge(Problem):
    """More than one upload may hold."""

    status, code = 413, "upload-too-large"
    title_zh, title_en = "一次上传过多", "Too much for one upload"


class NoSuchDraft(NotFound):
    """It does not exist, or belongs to another region: the answer is the same."""

    code = "no-such-draft"
    title_zh, title_en = "没有这份规则草案", "No such draft of a rule change"


class NoSuchBacktest(NotFound):
    """The draft was not tried on the history yet."""

    code = "no-such-backtest"
    title_zh, title_en = "这份草案还没有回测", "This draft has not been back-tested"


class BadDraft(Problem):
    """A drafted change that no rule could be judged by."""

    status, code = 422, "bad-draft"
    title_zh, title_en = "规则草案有误", "The draft can't be taken"


class BadRule(Problem):
    """A rule of the county's own that doesn't compile or fails its tests; each fault names line and column."""

    status, code = 422, "bad-rule"
    title_zh, title_en = "自定规则有误", "The rule can't be taken"


class OwnDraft(NotAllowed):
    """Who drafts a change can't decide on it."""

    code = "own-draft"
    title_zh, title_en = "起草人不能审批自己的草案", "Who drafted a change can't decide on it"


class AlreadyDecided(Problem):
    """The draft was approved or rejected before."""

    status, code = 409, "already-decided"
    title_zh, title_en = "草案已有结论", "The draft was decided on before"


class NotBacktested(Problem):
    """Nobody has seen yet what the change would have done; approving it unseen needs a reason."""

    status, code = 409, "not-backtested"
    title_zh, title_en = "尚未回测", "The draft has not been back-tested"


class PeriodOver(Problem):
    """The change would end before it could come into force."""

    status, code = 409, "period-over"
    title_zh, title_en = "草案的有效期已过", "The draft's period is over"


class BacktestBusy(Problem):
    """A back-test of this draft is running, or as many as may run at a time."""

    status, code = 409, "backtest-busy"
    title_zh, title_en = "回测正在进行", "A back-test is running"
