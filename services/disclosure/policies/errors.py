"""What can go wrong with policies, in the user's words."""

from shared.problems import NotFound, Problem


class NoSuchPolicy(NotFound):
    """No policy of this id, or none that the caller may read."""

    code = "no-such-policy"
    title_zh, title_en = "没有这项政策", "No such policy"


class DraftStands(Problem):
    """A policy has one draft at most."""

    status, code = 409, "policy-draft-stands"
    title_zh, title_en = "已有待发布的草稿", "A draft waits already"


class NoDraft(Problem):
    """Nothing is there to be published."""

    status, code = 409, "no-policy-draft"
    title_zh, title_en = "没有待发布的草稿", "No draft waits"


class PublishedByAnother(Problem):
    """Whoever wrote a version can't publish it himself."""

    status, code = 409, "policy-published-by-another"
    title_zh, title_en = "须由另一人发布", "Another person must publish it"


class NotInForce(Problem):
    """Nothing that was published is there to be withdrawn."""

    status, code = 409, "policy-not-in-force"
    title_zh, title_en = "没有可撤销的政策", "Nothing to withdraw"
