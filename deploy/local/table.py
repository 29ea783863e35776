"""The short table at the end of a start: addresses, demo accounts, what to try."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from deploy.local import accounts
from deploy.local.environment import url

_PAGES = (
    ("approval", "村里办事与审批", "Village clerks and approvers"),
    ("notifier", "预警收件箱:镇纪委书记、监督员", "Alerts: discipline secretaries, inspectors"),
    ("disclosure", "村民看的公开页(无需登录)", "The villagers' public pages, no account needed"),
    ("detector", "登记数据与规则接口,见 /docs", "Registers and rules, an API: see /docs"),
)
_TRY = (
    "另开一个终端执行 make demo,同时用 secretary 打开预警页:红色预警会当场出现",
    "Run `make demo` in another terminal with the alert page open as secretary: a red alert appears by itself",
    "按 Ctrl-C 停止,数据保留;make clean 清空 · Ctrl-C stops and keeps the data; `make clean` removes it",
)


def ready(*, demo: bool) -> Group:
    """What a visitor needs to know now."""
    if not demo:
        return Group(_addresses())
    password = accounts.load()[0].password
    shared = Text(f"所有演示账号的密码 · password of all demo accounts: {password}", style="bold")
    return Group(_addresses(), _people(), shared, *(Text(line) for line in _TRY))


def _addresses() -> Table:
    table = Table(title="云睛已就绪 · Yunjing is ready", title_justify="left")
    table.add_column("网址 Address", no_wrap=True)
    table.add_column("用途 For")
    for service, zh, en in _PAGES:
        table.add_row(url(service), f"{zh}\n[dim]{en}[/]")
    return table


def _people() -> Table:
    table = Table()
    table.add_column("账号 Account", no_wrap=True)
    table.add_column("姓名 Name", no_wrap=True)
    table.add_column("身份 Who")
    for each in accounts.load():
        table.add_row(each.username, each.name, f"{each.title_zh} [dim]{each.title_en}[/]")
    return table
