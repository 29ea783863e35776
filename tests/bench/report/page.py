"""`docs/figures.md`, from what was measured. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from tests.bench.report import scale
from tests.bench.report.measured import Measured, Runs
from tests.bench.report.naming import Group, Naming
from tests.bench.report.scale import Cost

_MARKS = {True: "✓", False: "✗", None: ""}
_INTRO = """\
# 全部数字 All figures

由 `make report` 生成,请勿直接修改。Drawn by `make report` from [figures/](figures/), the last quiet runs; don't edit.

目标见设计第 8 节;◆ 为该节所列。比值的两边都在同一次运行中测得。
Goals are those of DESIGN §8, whose figures are marked ◆. Both sides of a ratio are measured in one run."""
_CHARTS = (
    ("goals", "每个数字是目标的几倍(1 为恰好达到) How many times its goal each figure is (1 just reaches it)"),
    ("engine", "与成熟引擎并排 Beside an established engine"),
    ("costs", "每条事件的处理器时间 CPU of an event, by server"),
)
_ENGINE = """\
两边读同一日志、同一消息与数据库,答同样七条规则(分拆、贴线、同一发票、超期、公职人员企业、村干部企业、固定陪标)。
引擎的状态只在内存:停机后须从头重读,可能重复写入,迟到的登记与事实不再重判,不撤回,不留依据;我们的数字含这一切。
Both read one log on one broker and database and answer the same seven rules. The engine's state is in memory alone:
after a stop it reads from the beginning, may write twice, doesn't judge again when a register or a fact comes late,
withdraws nothing, keeps no evidence. Ours does, within the figure. The engine is GPL and runs in the bench alone."""


def page(runs: Runs, naming: Naming, charts: Sequence[str], profiles: Sequence[str] = ()) -> str:
    """The whole page; `charts` and `profiles` name those that there are."""
    return "\n\n".join([*_parts(runs, naming, charts), *_profiles(profiles)]) + "\n"


def _parts(runs: Runs, naming: Naming, charts: Sequence[str]) -> Iterator[str]:
    yield _INTRO
    yield _sources(runs, naming)
    goals = [one for one in runs.all if one.reached is not None and not _of_a_rule(one)]
    reached = sum(bool(one.reached) for one in goals)
    yield f"有目标的 {len(goals)} 个数字中达到 {reached} 个。Of {len(goals)} figures with a goal {reached} are reached."
    for name, title in _CHARTS:
        if name in charts:
            yield f"![{title}](pictures/figures/{name}.svg)\n\n{title}"
    for group in naming.groups:
        yield from _group(group, runs, naming)
    yield from _rules(runs)
    yield from _costs(scale.costs(runs))


def _sources(runs: Runs, naming: Naming) -> str:
    lines = [
        "| 文件 File | 命令 Command | 机器 Machine | 提交 Commit | 时间 Measured | 负荷至多 Load at most |",
        "|---|---|---|---|---|---|",
    ]
    for source in sorted(runs.files):
        machine, some = runs.machine(source), [one for one in runs.all if one.source == source]
        made = naming.sources.get(source, "")
        told = [f"{machine.get('cpus', '?')} CPU", machine.get("cpu", ""), machine.get("memory", "")]
        told += [f"Python {machine.get('python', '?')}", machine.get("system", "")]
        commits = ", ".join(sorted({one.commit for one in some if one.commit}))
        days = sorted({one.at[:10] for one in some if one.at})
        when = " – ".join(dict.fromkeys([days[0], days[-1]])) if days else ""
        shown = ", ".join(part for part in told if part)
        load = max((one.load for one in some), default=0) or ""
        lines.append(f"| [{source}.json](figures/{source}.json) | `{made}` | {shown} | {commits} | {when} | {load} |")
    return "\n".join(lines)


def _group(group: Group, runs: Runs, naming: Naming) -> Iterator[str]:
    rows = list(naming.rows(group, runs))
    if not rows:
        return
    yield f"## {group.zh} {group.en}"
    if "engine_events_per_s" in group.figures:
        yield _ENGINE
    lines = ["| 数字 Figure | 名称 Name | 值 Value | 目标 Goal | |", "|---|---|---|---|---|"]
    for name, called, one in rows:
        mark = " ◆" if called.design else ""
        title = f"{called.zh} {called.en}".strip()
        if one is None:
            lines.append(f"| {title}{mark} | `{name}` | 未测 not measured | | |")
        else:
            lines.append(f"| {title}{mark} | `{name}` | {_value(one)} | {_goal(one)} | {_MARKS[one.reached]} |")
    yield "\n".join(lines)
    yield from _notes([one for _, _, one in rows if one], naming)


def _notes(some: Sequence[Measured], naming: Naming) -> Iterator[str]:
    why = [f"- `{one.name}` 未达 not reached: {_why(one, naming)}" for one in some if one.reached is False]
    if why:
        yield "\n".join(why)
    how: dict[str, list[str]] = {}
    for one in some:
        how.setdefault(one.how, []).append(f"`{one.name}`")
    if how:
        yield _details(how)


def _details(how: Mapping[str, Sequence[str]]) -> str:
    return "\n".join(
        ["<details><summary>怎样量的 How measured</summary>", ""]
        + [f"- {', '.join(names)}: {told}" for told, names in how.items()]
        + ["", "</details>"]
    )


def _why(one: Measured, naming: Naming) -> str:
    told = naming.why.get(one.name)
    return f"{told.zh}。{told.en}." if told else "尚未说明 not explained yet"


def _rules(runs: Runs) -> Iterator[str]:
    """Of recall and precision rule by rule only those that fall short: all of them are in quality.md."""
    some = [one for one in runs.all if _of_a_rule(one)]
    if some:
        short = [f"`{one.name}` {one.value:.3f}" for one in some if one.reached is False]
        told = "、".join(short) or "无 none"
        yield (
            f"逐条规则的 {len(some)} 个数字中未达目标的:{told}。Of {len(some)} figures rule by rule those that fall "
            "short; all are in [quality.md](quality.md)."
        )


def _of_a_rule(one: Measured) -> bool:
    return one.name.startswith(("recall_", "precision_"))


def _costs(costs: Sequence[Cost]) -> Iterator[str]:
    if not costs:
        return
    yield "## 一县、十县、百县的代价 What a county costs, and ten, and a hundred"
    yield (
        "每条事件的实测代价乘以每年的事件数;机器的选择见 [sizing.md](sizing.md)。文件材料、备份与副本另计。\n"
        "The measured costs of an event times the events of a year; which machines to take is said in "
        "[sizing.md](sizing.md). Papers, backups and replicas come on top."
    )
    lines = [
        "| | 每年事件 Events a year | Kafka | PostgreSQL | 单核小时/年 Core hours a year "
        "| 最忙时用核 Cores when busiest | 内存 Memory |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.times}× | {one.events:,} | {one.kafka_gb:.2f} GB | {one.postgres_gb:.2f} GB | {one.core_hours:,.1f} "
        f"| {one.busiest_cores:.2f} | {one.memory_gb:.1f} GB |"
        for one in costs
    ]
    yield "\n".join(lines)


def _value(one: Measured) -> str:
    return f"{one.value:,} {one.unit}"


def _goal(one: Measured) -> str:
    return "" if one.goal is None else f"{'≤' if one.less else '≥'} {one.goal:,}"


def _profiles(profiles: Sequence[str]) -> Iterator[str]:
    if profiles:
        yield "## 时间用在哪里 Where the time goes"
        links = ", ".join(f"[{name}](figures/profiles/{name}.md)" for name in profiles)
        yield f"各服务自身用时最多的函数 The functions of each service with the most own time: {links}"
