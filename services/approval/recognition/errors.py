"""What is refused about the readings of papers."""

from shared.problems import Problem


class NoSuchFinding(Problem):
    """The paper has no such finding: it is another paper's, or the paper isn't read yet."""

    status, code = 404, "no-such-finding"
    title_zh, title_en = "没有这项识别结果", "No such finding"


class NoSuchPage(Problem):
    """No picture of this page: the paper has fewer, wasn't read yet, or can't be read."""

    status, code = 404, "no-such-page"
    title_zh, title_en = "没有这一页的图像", "No picture of this page"
