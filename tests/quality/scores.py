"""Findings against labels: what was found of what was planted, and what was found beyond it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from deploy.demo.labels import Label
from services.detector.detection import Finding


@dataclass(frozen=True)
class Score:
    """Counts of one rule, or of all."""

    planted: int
    found: int
    raised: int
    right: int

    @property
    def recall(self) -> float | None:
        """The share of the planted that was found; None when nothing was planted."""
        return self.found / self.planted if self.planted else None

    @property
    def precision(self) -> float | None:
        """The share of the findings that are about something planted; None when nothing was found."""
        return self.right / self.raised if self.raised else None


@dataclass
class Scores:
    """Each rule's score and all together; `missed` and `unfounded` name the cases to look at."""

    total: Score
    by_rule: dict[str, Score]
    missed: list[tuple[str, Label]] = field(default_factory=list)
    unfounded: list[Finding] = field(default_factory=list)


def score(findings: Sequence[Finding], labels: Iterable[Label], rules: frozenset[str]) -> Scores:
    """Compare; only rules that exist in the rulebook can be missed."""
    labels = list(labels)
    about: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        for case_id in label.case_ids:
            about[case_id].append(label)
    fired = {(finding.rule_id, case_id) for finding in findings for case_id in finding.case_ids}
    planted, found, raised, right = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    scores = Scores(Score(0, 0, 0, 0), {})
    for label in labels:
        for rule in rules.intersection(label.rules):
            planted[rule] += 1
            if any((rule, case_id) in fired for case_id in label.case_ids):
                found[rule] += 1
            else:
                scores.missed.append((rule, label))
    for finding in findings:
        raised[finding.rule_id] += 1
        if any(
            finding.rule_id in (*label.rules, *label.may) for case_id in finding.case_ids for label in about[case_id]
        ):
            right[finding.rule_id] += 1
        else:
            scores.unfounded.append(finding)
    counts = (planted, found, raised, right)
    scores.total = Score(*(count.total() for count in counts))
    scores.by_rule = {rule: Score(*(count[rule] for count in counts)) for rule in sorted(rules)}
    return scores
