"""What can go wrong when the cockpit is asked, in the reader's words."""

from shared.problems import InvalidInput, NotAllowed


class BadPeriod(InvalidInput):
    """No period, or one that nobody can count."""

    code = "bad-period"
    title_zh, title_en = "时段有误", "Not a period"


class BadRegion(InvalidInput):
    """Not a 12-digit code of a village, town, county or city."""

    code = "bad-region"
    title_zh, title_en = "地区代码有误", "Not a region's code"


class NotYourRegion(NotAllowed):
    """A region outside the caller's own."""

    code = "not-your-region"
    title_zh, title_en = "不是您的地区", "Not your region"
