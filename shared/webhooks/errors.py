"""Why an address may not be sent to. Pure."""

from shared.problems import Problem


class BadWebhookAddress(Problem):
    """An address that must not be reached from here, or that can't be."""

    status, code = 422, "bad-webhook-address"
    title_zh, title_en = "订阅地址不可用", "This address can't be used"
