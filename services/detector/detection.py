"""From the facts of one key to findings. Pure: the same set of facts gives the same findings, whatever came last."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cached_property
from typing import Any, cast

from cel_expr_python import cel

from services.detector.concerned import parties_of
from services.detector.distil import AMENDED, Fact
from services.detector.eras import Law, standing
from services.detector.features.appeals import needs_of_appeals
from services.detector.features.case import put_right, told_of
from services.detector.features.crew import needs_of_crew
from services.detector.features.hazards import needs_of_emergency
from services.detector.features.leases import needs_of_leases
from services.detector.features.matches import needs_of_company, needs_of_supplier
from services.detector.features.needs import needs_of_parties
from services.detector.features.network import needs_of_bidder
from services.detector.features.people import needs_of_recipients
from services.detector.features.receipts import needs_of_receipts
from services.detector.features.relief import needs_of_village_relief
from services.detector.features.spending import needs_of_spending
from services.detector.key_facts import KeyFacts
from services.detector.registers import Need, Reference
from services.detector.rules import VOCABULARY, Rule, Rulebook
from services.detector.sentences import evaluate
from services.detector.subjects import INSTANT, Occasion, View
from shared.contracts.alerts import About, AlertRaised, AlertUpdated, Bilingual, Evidence, Grade, Parameter, Party
from shared.contracts.power import Matter

ALERTS = uuid.UUID("6f6b2f0e-6d0b-5f0c-9d2b-1c1f0a7f9a11")


@dataclass(frozen=True)
class Finding:
    """What one rule found about one subject. `occurred_at` is the event time of the latest fact it rests on."""

    rule_id: str
    rule_version: str
    dedupe_key: str
    grade: Grade
    matter: Matter
    village_code: str
    town_code: str
    case_ids: tuple[str, ...]
    case_nos: tuple[str, ...]
    node: str | None
    explanation: Bilingual
    evidence: tuple[Evidence, ...]
    params: dict[str, float | int | str]
    about: tuple[About, ...]
    occurred_at: datetime
    village_visible: bool
    parameters: tuple[Parameter, ...] = ()
    parties: tuple[Party, ...] = ()

    @cached_property
    def alert_id(self) -> str:
        """The id of its alert, the same on every replay."""
        return alert_id(self.rule_id, self.dedupe_key)

    def raised(self, rule: Rule) -> AlertRaised:
        """The event that tells of it for the first time."""
        return AlertRaised(**self._told(rule), revision=1)

    def updated(self, rule: Rule, revision: int) -> AlertUpdated:
        """The event that tells of its change."""
        return AlertUpdated(**self._told(rule), revision=revision)

    def _told(self, rule: Rule) -> dict[str, Any]:
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return own | {
            "alert_id": self.alert_id,
            "title": rule.spec.title,
            "basis": rule.spec.basis,
            "innocent_explanations": rule.spec.innocent_explanations,
        }


@dataclass(frozen=True)
class Fault:
    """A rule that could not be evaluated on a key: operators see and count it, it is never a silent false."""

    rule_id: str
    key: str
    message: str


@dataclass(frozen=True)
class Detection:
    """The verdict on one key: all its findings, not only new ones. `again_at` is in the future of `now`."""

    findings: tuple[Finding, ...] = ()
    faults: tuple[Fault, ...] = ()
    again_at: tuple[datetime, ...] = ()


def alert_id(rule_id: str, dedupe_key: str) -> str:
    """UUIDv5 of the rule and what the finding is about."""
    return str(uuid.uuid5(ALERTS, f"{rule_id}|{dedupe_key}"))


def needs_of(key: str, facts: Sequence[Fact], reference: Reference) -> frozenset[Need]:
    """Which records the key's verdict rests on, as far as `reference` (what was found so far) lets one see.

    Call it again with the records found until it names nothing new: a company leads to its owners, they to their kin.
    """
    kind, _, name = key.partition(":")
    known = KeyFacts.of(facts)
    needs: set[Need] = set()
    for some in (known, *(known.before(amendment.occurred_at) for amendment in known.of_kind(AMENDED))):
        told = some.course
        needs |= needs_of_parties(kind, name, told, reference) | _needs_of(kind, name, told, reference)
    return frozenset(needs)


def _needs_of(kind: str, name: str, facts: Sequence[Fact], reference: Reference) -> set[Need]:
    match kind:
        case "company":
            return needs_of_company(name, reference)
        case "person":
            return {Need("relief", "person_key", name)}
        case "village":
            return needs_of_spending(name)
        case "leases":
            return needs_of_leases(name)
        case "relief":
            return set(needs_of_village_relief(name, reference))
        case "case":
            return set(_needs_of_case(facts, reference))
    return set()


def _needs_of_case(facts: Sequence[Fact], reference: Reference) -> Iterator[Need]:
    yield from needs_of_recipients(facts, reference)
    yield from needs_of_crew(facts)
    yield from needs_of_receipts(facts)
    yield from needs_of_emergency(facts)
    yield from needs_of_appeals(facts)
    for fact in facts:
        told = fact.data.get("fields", {})
        if told.get("supplier_id") or told.get("supplier_name"):
            yield from needs_of_supplier(told.get("supplier_id", ""), told.get("supplier_name", ""), reference)
        for bid in told.get("bids", ()):
            yield from needs_of_bidder(bid["company_id"], reference)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What one rule made of one occasion."""

    again_at: tuple[datetime, ...]
    finding: Finding | None


class _Verdict:
    """What comes together while a key is judged."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.findings: list[Finding] = []
        self.faults: dict[str, Fault] = {}
        self.again_at: set[datetime] = set()

    def take(self, judged: _Judged) -> None:
        """What a rule made of an occasion."""
        self.again_at.update(judged.again_at)
        if judged.finding:
            self.findings.append(judged.finding)

    def failed(self, rule: Rule, error: Exception) -> None:
        """One rule's failure must neither pass for "nothing found" nor stop the others."""
        self.faults[rule.id] = Fault(rule.id, self.key, f"{type(error).__name__}: {error}")

    def stood(self, before: "_Verdict", amendment: Fact) -> None:
        """Keep what was red before an amendment and is found no more, with what was put right."""
        found = {finding.alert_id for finding in self.findings}
        for finding in before.findings:
            if finding.grade == "red" and finding.alert_id not in found:
                self.findings.append(replace(finding, evidence=(*finding.evidence, *put_right(amendment))))
        self.faults = before.faults | self.faults

    def detection(self, now: datetime) -> Detection:
        unique = {finding.alert_id: finding for finding in self.findings}
        return Detection(
            tuple(sorted(unique.values(), key=lambda finding: (finding.rule_id, finding.dedupe_key))),
            tuple(self.faults[rule] for rule in sorted(self.faults)),
            tuple(sorted(moment for moment in self.again_at if moment > now)),
        )


def detect(rulebook: Rulebook, key: str, facts: Iterable[Fact], reference: Reference, now: datetime) -> Detection:
    """Judge all facts of one key by every rule that concerns its kind.

    A red finding that stood when a form was amended still stands: whoever is supervised doesn't clear it, a person who
    looks into it does.
    """
    known = KeyFacts.of(facts)
    verdict = _judged(rulebook, View.of(key, known, reference, now))
    for amendment in reversed(known.of_kind(AMENDED)):
        earlier = View.of(key, known.before(amendment.occurred_at), reference, amendment.occurred_at - INSTANT)
        verdict.stood(_judged(rulebook, earlier), amendment)
    return verdict.detection(now)


def _judged(rulebook: Rulebook, view: View) -> _Verdict:
    verdict = _Verdict(view.key)
    alike: dict[Any, list[Rule]] = {}
    for rule in _asked(rulebook, view) if view.facts else ():
        if rule.id in rulebook.timelines:
            _judge_by_law(Law(rulebook, rule, rulebook.timelines[rule.id]), view, verdict)
        else:
            alike.setdefault(rule.shape, []).append(rule)
    for rules in alike.values():
        _judge(rules, view, verdict)
    view.forget()
    return verdict


def _asked(rulebook: Rulebook, view: View) -> Sequence[Rule]:
    """The rules that the facts can concern."""
    kind = view.key.partition(":")[0]
    if kind != "case":
        return rulebook.for_key(kind)
    return rulebook.for_case(view.facts[0].data["flow"], told_of(view.facts))


def _judge(rules: Sequence[Rule], view: View, verdict: _Verdict) -> None:
    """Judge by rules that are offered the same occasions: what one of them binds, all of them use."""
    try:
        occasions = occasions_of(rules[0], view)
    except Exception as error:
        for rule in rules:
            verdict.failed(rule, error)
        return
    for occasion in occasions:
        asked = [rule for rule in rules if concerns(rule, occasion) and rule.id not in verdict.faults]
        new = [rule for rule in asked if rule not in occasion.judged]
        if new:
            _ask(new, occasion, view, verdict)
        for rule in asked:
            if rule in occasion.judged:
                verdict.take(occasion.judged[rule])


def _ask(rules: Sequence[Rule], occasion: Occasion, view: View, verdict: _Verdict) -> None:
    try:
        values = bound(rules, occasion, view)
    except Exception:  # a feature has failed: below, each rule meets only what it needs itself
        values = None
    for rule in rules:
        try:
            occasion.judged[rule] = _judged_by(rule, occasion, values or bound([rule], occasion, view))
        except Exception as error:
            verdict.failed(rule, error)


def _judged_by(rule: Rule, occasion: Occasion, values: cel.Activation) -> _Judged:
    moments = () if occasion.settled else tuple(evaluate(moment, values) for moment in rule.again_at)
    return _Judged(moments, _finding(rule, occasion, values) if evaluate(rule.condition, values) else None)


def _judge_by_law(law: Law, view: View, verdict: _Verdict) -> None:
    try:
        verdict.again_at.update(_changing(law, view))
        verdict.findings.extend(standing(law, view, _found_by_law))
    except Exception as error:
        verdict.failed(law.rule, error)


def _found_by_law(law: Law, view: View) -> dict[str, Finding]:
    """What a rule finds whose settings differ by region and day, by alert id."""
    found = {}
    for asked in law.asked(view, occasions_of):
        if asked.rule.enabled and concerns(asked.rule, asked.occasion):
            values = bound([asked.rule], asked.occasion, view)
            if evaluate(asked.rule.condition, values):
                finding = _finding(asked.rule, asked.occasion, values)
                found[finding.alert_id] = finding
    return found


def _changing(law: Law, view: View) -> Iterator[datetime]:
    """When silence may change the verdict, by the law of the day and by what is to come into force."""
    if not law.rule.again_at:
        return
    for asked in law.asked(view, occasions_of):
        if asked.occasion.settled or not concerns(asked.rule, asked.occasion):
            continue
        yield from (moment for moment in asked.changes_at if moment <= asked.occasion.occurred_at)
        for rule in (asked.rule, *asked.later):
            if rule.enabled:
                values = bound([rule], asked.occasion, view)
                yield from (evaluate(moment, values) for moment in rule.again_at)


def occasions_of(rule: Rule, view: View) -> list[Occasion]:
    """What a key offers a rule to judge."""
    occasions: list[Occasion] = view.once(rule.shape, lambda: list(rule.subject.occasions(view, rule.params)))
    return occasions


def concerns(rule: Rule, occasion: Occasion) -> bool:
    """Whether a rule is asked about an occasion at all."""
    trigger = rule.spec.trigger
    return (
        occasion.matter in rule.spec.matters
        and (not rule.asked_by or not rule.asked_by.isdisjoint(occasion.given))
        and (not trigger.flows or occasion.flow in trigger.flows)
        and (not trigger.nodes or occasion.node in trigger.nodes)
    )


def bound(rules: Iterable[Rule], occasion: Occasion, view: View) -> cel.Activation:
    """The variables that these rules declared, bound once for all their expressions.

    A feature is computed once an occasion, its message made once a view.
    """
    values: dict[str, Any] = {}
    for rule in rules:
        for name in rule.spec.features:
            if name not in occasion.values:
                occasion.values[name] = view.message(occasion.features[name](), VOCABULARY.value)
            values[name] = occasion.values[name]
        values.update(rule.bound)
    return VOCABULARY.bind(values)


def _finding(rule: Rule, occasion: Occasion, values: cel.Activation) -> Finding:
    grade = next((grade for when, grade in rule.grades if evaluate(when, values)), rule.spec.grade)
    zh, en = rule.explanation
    shown = tuple(Evidence(label=label, value=sentence.fill(values)) for label, sentence in rule.evidence)
    explanation = Bilingual(zh=zh.fill(values), en=en.fill(values))
    about = occasion.about if rule.spec.about == "official" else ()
    return Finding(
        rule_id=rule.id,
        rule_version=rule.spec.version,
        dedupe_key=rule.dedupe.fill(values),
        grade=grade,
        matter=cast(Matter, occasion.matter),
        village_code=occasion.village_code,
        town_code=occasion.town_code,
        case_ids=tuple(id for id, _ in occasion.cases),
        case_nos=tuple(no for _, no in occasion.cases),
        node=occasion.node,
        explanation=explanation,
        evidence=(*shown, *occasion.trail()),
        params={name: _plain(value) for name, value in rule.params.items()},
        about=about,
        occurred_at=occasion.occurred_at,
        village_visible=rule.spec.village_visible,
        parameters=rule.parameters,
        parties=parties_of((occasion.features[name]() for name in rule.spec.features), about, shown, explanation),
    )


def _plain(value: Any) -> float | int | str:
    return ",".join(str(item) for item in value) if isinstance(value, list) else value
