"""What can go wrong with the evaluation, in the reader's words."""

from shared.problems import InvalidInput, NotAllowed, NotFound, Problem


class BadQuarter(InvalidInput):
    """No quarter, or one that hasn't begun."""

    code = "bad-quarter"
    title_zh, title_en = "季度有误", "Not a quarter"


class BadWeights(InvalidInput):
    """Weights that nobody can reckon with."""

    code = "bad-weights"
    title_zh, title_en = "权重有误", "Weights are wrong"


class BadFigures(InvalidInput):
    """Figures that can't be taken in; none of them was."""

    code = "bad-figures"
    title_zh, title_en = "上报数据有误", "Figures are wrong"


class BadRegionOfCard(InvalidInput):
    """Not a code of a village, town, county or city."""

    code = "bad-region"
    title_zh, title_en = "地区代码有误", "Not a region's code"


class NotYourCard(NotAllowed):
    """A card outside the caller's own regions."""

    code = "not-your-region"
    title_zh, title_en = "不是您的地区", "Not your region"


class NoSuchCard(NotFound):
    """No card of this region, quarter and revision."""

    code = "no-such-card"
    title_zh, title_en = "没有这张评价卡", "No such card"


class NoSuchDraft(NotFound):
    """Nothing of this id waits for a second person in the caller's county."""

    code = "no-such-draft"
    title_zh, title_en = "没有待复核的草稿", "Nothing of this id waits"


class NotSettled(Problem):
    """The quarter can't be sealed yet."""

    status, code = 409, "not-settled"
    title_zh, title_en = "本季尚不能封存", "The quarter can't be sealed yet"


class AlreadyProposed(Problem):
    """A seal of the quarter waits already."""

    status, code = 409, "already-proposed"
    title_zh, title_en = "已有待批准的封存", "A seal waits already"


class ReasonNeeded(InvalidInput):
    """A revision of a sealed quarter says why."""

    code = "reason-needed"
    title_zh, title_en = "须写明理由", "A reason is needed"


class AnotherPersonNeeded(Problem):
    """Whoever drafted can't approve."""

    status, code = 409, "another-person-needed"
    title_zh, title_en = "须由另一人复核", "Another person must decide"
