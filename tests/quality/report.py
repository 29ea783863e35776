"""The quality of detection as a page for people: what was planted, what was found, rule by rule. The same every run."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from deploy.demo import near_misses
from deploy.demo.labels import Label, Quiet
from deploy.demo.violations import PLANTS
from services.detector.detection import Finding
from services.detector.rules import Rulebook
from tests.quality.scores import Score, Scores

_HEAD = (
    "| 规则 / rule | 埋设 planted | 查出 found | 预警 raised | 属实 right | 查全 recall | 查准 precision"
    " | 相似而无辜 near misses | 其中安静 of them quiet |"
)


def page(
    rulebook: Rulebook,
    scores: Scores,
    labels: Iterable[Label],
    near: Sequence[Quiet],
    findings: Iterable[Finding],
    *,
    about: str,
    again: str,
) -> str:
    """The page; `about` tells what was judged, `again` the command that draws it."""
    rung = _rung(findings)
    lines = [
        "# 研判质量 / Quality of detection",
        "",
        f"由 `{again}` 生成:{about}。模拟器埋设违规、也埋设看似违规的无辜情形,标签由模拟器写下,研判程序看不到。",
        "",
        f"Drawn by `{again}`; do not edit. {about}. The simulator plants violations, and innocent patterns that look"
        " like them, and keeps the labels to itself. A finding is right when it is about a case planted for its rule,"
        " or for a deed that may break this rule as well.",
        "",
        *_scores(rulebook, scores, near, rung),
        "",
        *_planted(labels),
        "",
        *_near_misses(near, rung),
    ]
    return "\n".join(lines) + "\n"


def quiet_share(near: Sequence[Quiet], findings: Iterable[Finding]) -> float:
    """Of the innocent patterns those on which nothing fired."""
    return _quiet(near, _rung(findings)) / len(near) if near else 1.0


def _rung(findings: Iterable[Finding]) -> set[str]:
    """The cases on which something fired."""
    return {case_id for finding in findings for case_id in finding.case_ids}


def _scores(rulebook: Rulebook, scores: Scores, near: Sequence[Quiet], rung: set[str]) -> Iterator[str]:
    yield _HEAD
    yield "|---|" + "--:|" * 8
    titles = {rule.id: f"{rule.id} {rule.spec.title.zh} / {rule.spec.title.en}" for rule in rulebook.rules}
    for id, line in scores.by_rule.items():
        yield _row(titles[id], line, [quiet for quiet in near if id in quiet.rules], rung)
    yield _row("全部 / all", scores.total, near, rung)


def _row(title: str, line: Score, near: Sequence[Quiet], rung: set[str]) -> str:
    counts = (line.planted, line.found, line.raised, line.right)
    shares = (_share(line.recall), _share(line.precision))
    quiet = (len(near), _quiet(near, rung)) if near else ("", "")
    return f"| {' | '.join(str(cell) for cell in (title, *counts, *shares, *quiet))} |"


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.3f}"


def _quiet(near: Iterable[Quiet], rung: set[str]) -> int:
    return sum(rung.isdisjoint(quiet.case_ids) for quiet in near)


def _planted(labels: Iterable[Label]) -> Iterator[str]:
    """What each kind of violation is, and which rules must find it."""
    times: dict[str, int] = defaultdict(int)
    for label in labels:
        times[label.kind] += 1
    yield "## 埋设的违规 / What was planted"
    yield ""
    yield "| 种类 / kind | 次数 times | 必须查出 must be found by | 也可能查出 may be found by | 情形 story |"
    yield "|---|--:|---|---|---|"
    for plant in sorted(PLANTS, key=lambda plant: (plant.rules, plant.name)):
        rules, may = (", ".join(some) for some in (plant.rules, plant.may))
        yield f"| {plant.name} | {times[plant.name]} | {rules} | {may} | {_story(plant.make)} |"


def _near_misses(near: Sequence[Quiet], rung: set[str]) -> Iterator[str]:
    """The innocent patterns, and on how many nothing fired at all."""
    yield "## 埋设的无辜情形 / Near misses that were planted"
    yield ""
    yield "| 种类 / kind | 像什么 looks like | 次数 times | 安静 quiet | 情形 story |"
    yield "|---|---|--:|--:|---|"
    for kind in sorted(near_misses.KINDS, key=lambda kind: (kind.rules, kind.name)):
        planted = [quiet for quiet in near if quiet.kind == kind.name]
        counts = f"{len(planted)} | {_quiet(planted, rung)}"
        yield f"| {kind.name} | {', '.join(kind.rules)} | {counts} | {_story(kind.make)} |"


def _story(make: Callable[..., object]) -> str:
    """The first sentence of what makes it; variations of one story are told by their name alone."""
    told = make.__doc__ if hasattr(make, "__name__") else None
    return (told or "").strip().split("\n", maxsplit=1)[0]
