"""What can go wrong at the paper log, in the visitor's words."""

from shared.problems import NotFound, Problem


class NoPaperYet(NotFound):
    """The log is still empty."""

    code = "no-paper-yet"
    title_zh, title_en = "日志是空的", "The log is empty"


class NoSuchHead(NotFound):
    """No head of this size was signed."""

    code = "no-such-head"
    title_zh, title_en = "没有这个树头", "No such head"


class NoSuchLeaf(NotFound):
    """The log isn't that long."""

    code = "no-such-leaf"
    title_zh, title_en = "日志没有这一条", "No such leaf"


class NoSuchPaper(NotFound):
    """No paper of this SHA-256 was disclosed."""

    code = "no-such-paper"
    title_zh, title_en = "没有公开过这份文件", "No such paper was disclosed"


class BadPrint(Problem):
    """Not a SHA-256."""

    status, code = 422, "bad-fingerprint"
    title_zh, title_en = "指纹有误", "Not a fingerprint"


class BadSizes(Problem):
    """An older head that is larger than the newer one, or a leaf behind a head."""

    status, code = 422, "bad-sizes"
    title_zh, title_en = "条数有误", "Sizes that don't fit"


class NoFile(Problem):
    """A form without a file."""

    status, code = 422, "no-file"
    title_zh, title_en = "没有选择文件", "No file was chosen"


class FileTooLarge(Problem):
    """A file beyond what is compared."""

    status, code = 413, "file-too-large"
    title_zh, title_en = "文件太大", "The file is too large"
