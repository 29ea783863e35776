"""What can go wrong at the detector, in the user's words."""

from shared.problems import NotFound, Problem


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
    """Rows of an upload don't fit; none was taken."""

    status, code = 422, "bad-records"
    title_zh, title_en = "数据有误,整批未收", "Some rows are wrong; nothing was taken"


class UploadTooLarge(Problem):
    """More than one upload may hold."""

    status, code = 413, "upload-too-large"
    title_zh, title_en = "一次上传过多", "Too much for one upload"
