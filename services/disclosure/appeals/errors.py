"""What can go wrong with an appeal, in the words of who files, follows or handles it."""

from shared.problems import InvalidInput, NotAllowed, NotFound, Problem


class NoSuchAppeal(NotFound):
    """No appeal of this id that the caller may read."""

    code = "no-such-appeal"
    title_zh, title_en = "没有这件诉求", "No such appeal"


class NoSuchNumber(NotFound):
    """No appeal has this number, or it is no number at all."""

    code = "no-such-number"
    title_zh, title_en = "没有这个查询码", "No appeal has this number"


class NotYourDesk(NotAllowed):
    """It lies on another desk."""

    code = "not-your-desk"
    title_zh, title_en = "此件不在您的岗位办理", "Another desk handles this appeal"


class NotNow(Problem):
    """What its state doesn't allow."""

    status, code = 409, "not-now"
    title_zh, title_en = "现在不能这样办理", "Not possible in this state"


class Mend(InvalidInput):
    """Fields that must be mended; what was typed is kept."""

    code = "appeal-incomplete"
    title_zh, title_en = "请按提示修改", "Please mend the named fields"


class TooManyAppeals(Problem):
    """More than is taken from one address or for one village in a day."""

    status, code = 429, "too-many-appeals"
    title_zh, title_en = "今天提交得太多了", "Too many today"


class NoSuchPicture(NotFound):
    """The appeal has no such picture."""

    code = "no-such-picture"
    title_zh, title_en = "没有这张图片", "No such picture"
