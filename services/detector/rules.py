"""The rulebook: YAML files, one rule each, checked and compiled when loaded."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from cel_expr_python import cel
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.detector.features import ALL, OF_THE_CASE
from services.detector.params import Param, as_declared, misfit, readable
from services.detector.rulesets import Settings, Timeline, timelines
from services.detector.sentences import Sentence
from services.detector.subjects import Subject
from services.detector.vocabulary import Vocabulary
from shared import yaml_text
from shared.contracts.alerts import Bilingual, Grade, Parameter
from shared.contracts.power import Matter, NodeFields
from shared.contracts.rulesets import ParamValue, RuleChanged

RULEBOOK = Path(__file__).parent / "rulebook"
SUBJECTS: Mapping[str, Subject] = {subject.name: subject for subject in ALL}
VOCABULARY = Vocabulary(model for subject in ALL for model in subject.features.values())
CUSTOM = "C"
_AT = re.compile(r"<input>:(\d+):(\d+): (.*)")
_CEL_TYPES: Mapping[type, cel.Type] = {
    bool: cel.Type.BOOL,
    int: cel.Type.INT,
    float: cel.Type.DOUBLE,
    str: cel.Type.STRING,
    list: cel.Type.List(cel.Type.STRING),
}


class RulebookError(Exception):
    """A rule that can't be taken, with file, line and column (from 1)."""

    def __init__(self, file: Path, line: int, column: int, told: str) -> None:
        super().__init__(f"{file}:{line}:{column}: {told}")
        self.line = line
        self.column = column
        self.told = told


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Trigger(_Strict):
    """What must have been filled in or done for the rule to be asked at all: any of these fields or papers due.

    `flows` and `nodes` narrow it further.
    """

    fields: tuple[str, ...] = ()
    papers: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()


class Graded(_Strict):
    """Another grade when a condition holds; the first that holds counts."""

    when: str
    grade: Grade


class Shown(_Strict):
    """One labelled value of the evidence."""

    label: Bilingual
    value: str


class Expected(_Strict):
    """A finding that a test case expects."""

    grade: Grade
    dedupe: str | None = None
    cases: tuple[str, ...] | None = None


class Example(_Strict):
    """A test case: events and records that make the rule fire, or just not."""

    name: str
    events: tuple[dict[str, Any], ...]
    records: tuple[dict[str, Any], ...] = ()
    now: str | None = None
    params: dict[str, ParamValue] = Field(default_factory=dict)
    expect: tuple[Expected, ...] = ()


class Spec(_Strict):
    """A rule as it is written."""

    id: str = Field(pattern=r"^[AC]\d{3}$")
    key: str = Field(pattern=r"^[a-z0-9_]+$")
    version: str = "1"
    title: Bilingual
    matters: tuple[Matter, ...] = Field(min_length=1)
    subject: str
    grade: Grade
    grades: tuple[Graded, ...] = ()
    trigger: Trigger = Trigger()
    params: dict[str, Param] = Field(default_factory=dict)
    features: tuple[str, ...] = Field(min_length=1)
    condition: str
    evidence: tuple[Shown, ...] = ()
    explanation: Bilingual
    basis: tuple[str, ...] = Field(min_length=1)
    innocent_explanations: tuple[Bilingual, ...] = Field(min_length=1)
    dedupe: str
    about: Literal["official", "nobody"] = "nobody"
    village_visible: bool = False
    again_at: tuple[str, ...] = ()
    tests: tuple[Example, ...] = Field(min_length=2)


@dataclass(frozen=True, eq=False)
class Rule:
    """A compiled rule. Its `params` are those in force."""

    spec: Spec
    source: Path
    subject: Subject
    params: Mapping[str, Any]
    condition: cel.Expression
    grades: tuple[tuple[cel.Expression, Grade], ...]
    explanation: tuple[Sentence, Sentence]
    evidence: tuple[tuple[Bilingual, Sentence], ...]
    dedupe: Sentence
    again_at: tuple[cel.Expression, ...]
    asked_by: frozenset[str]
    enabled: bool = True

    @cached_property
    def id(self) -> str:
        """The number of the supervision algorithm, `A001` to `A123`, or of a county's own rule, `C001` onwards."""
        return self.spec.id

    @property
    def custom(self) -> bool:
        """Whether a county made it for itself."""
        return self.id.startswith(CUSTOM)

    @cached_property
    def shape(self) -> tuple[Any, ...]:
        """What tells its occasions from those of another rule on the same subject."""
        told = (self.params[name] for name in sorted(self.subject.params))
        return (self.subject.name, *(tuple(value) if isinstance(value, list) else value for value in told))

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters in force, told for people."""
        return tuple(readable(name, param, self.params[name]) for name, param in self.spec.params.items())

    @cached_property
    def bound(self) -> dict[str, Any]:
        """Its parameters by the names under which its expressions are bound: `A024.days`, for rules share names."""
        return {f"{self.id}.{name}": value for name, value in self.params.items()}

    @property
    def shaping(self) -> dict[str, Any]:
        """The parameters that shape its occasions."""
        return {name: self.params[name] for name in self.subject.params}

    def walks(self, flow: str) -> bool:
        """Whether it asks anything of this flow's cases."""
        return flow[:2] in self.spec.matters and (not self.spec.trigger.flows or flow in self.spec.trigger.flows)

    def under(self, settings: Settings, shape: Mapping[str, Any]) -> "Rule":
        """This rule as these settings have it, with the parameters of `shape` as given.

        What fits no parameter (any more) is left out. Nothing is compiled: conditions take parameters as variables.
        """
        declared = self.spec.params
        fitting = {
            name: as_declared(declared[name], value)
            for name, value in settings.params.items()
            if name in declared and misfit(declared[name], value) is None
        }
        version = ".".join(str(number) for number in settings.numbers)
        spec = {"version": f"{self.spec.version}+{version}"} if version else {}
        spec |= {"grade": settings.grade} if settings.grade else {}
        return replace(
            self,
            spec=self.spec.model_copy(update=spec),
            params={**self.params, **fitting, **shape},
            grades=() if settings.grade else self.grades,
            enabled=self.enabled if settings.enabled is None else settings.enabled,
        )


class Rulebook:
    """All rules, by id and by the kind of key that they judge, and what the county has changed of them by rule id."""

    def __init__(
        self,
        rules: Sequence[Rule],
        timelines: Mapping[str, Timeline] | None = None,
        unreadable: Sequence[RulebookError] = (),
    ) -> None:
        self.rules = tuple(sorted(rules, key=lambda rule: rule.id))
        self.timelines: Mapping[str, Timeline] = timelines or {}
        self.unreadable = tuple(unreadable)
        self._variants: dict[tuple[Any, ...], Rule] = {}
        self._by_id = {rule.id: rule for rule in self.rules}
        self._by_flow: dict[str, tuple[Rule, ...]] = {}
        self._by_key: dict[str, tuple[Rule, ...]] = {
            kind: tuple(rule for rule in self.rules if kind in rule.subject.keys)
            for kind in {kind for rule in self.rules for kind in rule.subject.keys}
        }

    def rule(self, id: str) -> Rule:
        """The rule of this id; `KeyError` when there is none."""
        return self._by_id[id]

    def variant(self, rule: Rule, settings: Settings, shape: Mapping[str, Any] | None = None) -> Rule:
        """A rule under settings of its timeline; `shape` gives the parameters that shape its occasions, if others."""
        shaped = () if shape is None else tuple((name, str(shape[name])) for name in sorted(shape))
        name = (rule.id, settings.numbers, shaped)
        if name not in self._variants:
            self._variants[name] = rule.under(settings, shape or {})
        return self._variants[name]

    @cached_property
    def for_village(self) -> "Rulebook":
        """Of these rules those whose findings a village may see."""
        return Rulebook([rule for rule in self.rules if rule.spec.village_visible], self.timelines)

    def with_changes(self, changes: Iterable[RuleChanged]) -> "Rulebook":
        """These rules with a county's own ones and all it has changed.

        Of a rule that isn't known (yet) nothing is used; one that no longer compiles is `unreadable`.
        """
        changes = list(changes)
        rules = {rule.id: rule for rule in self.rules}
        unreadable = []
        for change in changes:
            if change.definition and change.rule_id not in rules:
                try:
                    rules[change.rule_id] = parse(change.definition)
                except RulebookError as error:
                    unreadable.append(error)
        lines = {id: line for id, line in timelines(changes).items() if id in rules}
        return Rulebook(list(rules.values()), lines, unreadable)

    def for_key(self, kind: str) -> tuple[Rule, ...]:
        """The rules that judge keys of a kind (`case`, `company`, ...)."""
        return self._by_key.get(kind, ())

    def for_case(self, flow: str, given: AbstractSet[str]) -> list[Rule]:
        """Of the rules that judge cases those that a case of this flow, with these fields and papers, can concern."""
        if flow not in self._by_flow:
            self._by_flow[flow] = tuple(rule for rule in self.for_key("case") if rule.walks(flow))
        return [rule for rule in self._by_flow[flow] if not rule.asked_by or not rule.asked_by.isdisjoint(given)]


def load(path: Path = RULEBOOK) -> Rulebook:
    """Every rule of a directory (or of one file); raises `RulebookError`."""
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    seen: dict[str, Path] = {}
    rules = []
    for file in files:
        reader = Reader(file.read_text(encoding="utf-8"), file)
        for field in ("id", "key"):
            name = getattr(reader.spec, field)
            if name in seen:
                raise reader.wrong((field,), f"{name} is already taken by {seen[name].name}")
            seen[name] = file
        rules.append(reader.rule())
    return Rulebook(rules)


def read(file: Path) -> Rule:
    """One rule, compiled; raises `RulebookError`."""
    return Reader(file.read_text(encoding="utf-8"), file).rule()


@lru_cache(maxsize=256)
def parse(text: str) -> Rule:
    """A county's own rule from its definition, compiled; raises `RulebookError`, which names the file `rule.yaml`."""
    return Reader(text, Path("rule.yaml")).rule()


def environment(spec: Spec, subject: Subject) -> cel.Env:
    """The variables that a rule's expressions know: its features and parameters."""
    return VOCABULARY.environment(
        {name: subject.features[name] for name in spec.features}
        | {f"{spec.id}.{name}": _cel_type(param.default) for name, param in spec.params.items()},
        container=spec.id,
    )


class Reader:
    """Reads one file; knows where in it every value stands."""

    def __init__(self, text: str, file: Path) -> None:
        self.file = file
        self.lines = text.splitlines()
        try:
            root, plain = yaml_text.read(text)
        except yaml_text.Unreadable as error:
            raise RulebookError(file, error.line, error.column, error.en) from error
        if root is None:
            raise RulebookError(file, 1, 1, "there is nothing in it")
        self.marks = dict(_marks(root, ()))
        try:
            self.spec = Spec.model_validate(plain)
        except ValidationError as error:
            first = min(error.errors(), key=lambda one: one["type"] == "missing")
            raise self.wrong(first["loc"], first["msg"]) from error

    def rule(self) -> Rule:
        spec = self.spec
        if spec.subject not in SUBJECTS:
            raise self.wrong(("subject",), f"no subject '{spec.subject}'; there are {', '.join(SUBJECTS)}")
        subject = SUBJECTS[spec.subject]
        params = {name: param.default for name, param in spec.params.items()}
        self._check(subject)
        self.env = environment(spec, subject)
        return Rule(
            spec=spec,
            source=self.file,
            subject=subject,
            params=params,
            condition=self.expression(spec.condition, ("condition",), "BOOL"),
            grades=tuple(
                (self.expression(graded.when, ("grades", at, "when"), "BOOL"), graded.grade)
                for at, graded in enumerate(spec.grades)
            ),
            explanation=(
                self.sentence(spec.explanation.zh, ("explanation", "zh")),
                self.sentence(spec.explanation.en, ("explanation", "en")),
            ),
            evidence=tuple(
                (shown.label, self.sentence(shown.value, ("evidence", at, "value")))
                for at, shown in enumerate(spec.evidence)
            ),
            dedupe=self.sentence(spec.dedupe, ("dedupe",)),
            again_at=tuple(
                self.expression(text, ("again_at", at), "TIMESTAMP") for at, text in enumerate(spec.again_at)
            ),
            asked_by=frozenset({*spec.trigger.fields, *spec.trigger.papers}),
            enabled=not spec.id.startswith(CUSTOM),
        )

    def _check(self, subject: Subject) -> None:
        for at, feature in enumerate(self.spec.features):
            if feature not in subject.features:
                known = ", ".join(subject.features)
                raise self.wrong(("features", at), f"subject '{subject.name}' has no '{feature}'; it has {known}")
        for at, name in enumerate(self.spec.trigger.fields):
            if name not in NodeFields.model_fields:
                raise self.wrong(("trigger", "fields", at), f"no form has a field '{name}'")
        if self.spec.village_visible and not set(self.spec.features) <= OF_THE_CASE:
            allowed = ", ".join(sorted(OF_THE_CASE))
            raise self.wrong(("village_visible",), f"what the village may see rests on its case alone: {allowed}")
        for name, param in self.spec.params.items():
            if wrong := misfit(param, param.default):
                raise self.wrong(("params", name, "default"), wrong.en)
        for name in subject.params:
            if name not in self.spec.params:
                raise self.wrong(("params",), f"subject '{subject.name}' needs the parameter '{name}'")

    def expression(self, text: str, where: tuple[str | int, ...], kind: str | None = None, offset: int = 0) -> Any:
        """Compiled CEL of a given type; raises `RulebookError` with the place in the file."""
        try:
            compiled = self.env.compile(text)
        except RuntimeError as error:
            found = _AT.search(str(error))
            line, column, message = (int(found[1]), int(found[2]), found[3]) if found else (1, 1, str(error))
            raise self.wrong(where, message.removesuffix(" [INVALID_ARGUMENT]"), line, column, offset) from error
        if kind and compiled.return_type().name() != kind:
            raise self.wrong(where, f"{kind} is needed, this is {compiled.return_type().name()}")
        return compiled

    def sentence(self, text: str, where: tuple[str | int, ...]) -> Sentence:
        """A compiled sentence; raises `RulebookError`."""
        try:
            return Sentence.parse(text, lambda part, offset: self.expression(part, where, None, offset))
        except ValueError as error:
            raise self.wrong(where, str(error)) from error

    def wrong(
        self, where: tuple[str | int, ...], message: str, line: int = 1, column: int = 1, offset: int = 0
    ) -> RulebookError:
        """The error at a value, or at the nearest one that is there."""
        path = where
        while path and path not in self.marks:
            path = path[:-1]
        at, indent, block = self.marks.get(path, (0, 0, False))
        at += line - 1 + block
        indent = column - 1 + offset + (_indent(self.lines, at) if block or line > 1 else indent)
        name = ".".join(str(part) for part in where)
        return RulebookError(self.file, at + 1, indent + 1, f"{name}: {message}")


def _indent(lines: Sequence[str], line: int) -> int:
    return len(lines[line]) - len(lines[line].lstrip()) if line < len(lines) else 0


def _marks(node: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], tuple[int, int, bool]]]:
    """Where each value begins: line and column from 0, and whether its text begins on the line after."""
    quoted = isinstance(node, yaml.ScalarNode) and node.style in ("'", '"')
    block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    yield path, (node.start_mark.line, node.start_mark.column + quoted, block)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _marks(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for at, value in enumerate(node.value):
            yield from _marks(value, (*path, at))


def _cel_type(value: ParamValue) -> cel.Type:
    if isinstance(value, list) and value and isinstance(value[0], int):
        return cel.Type.List(cel.Type.INT)
    return _CEL_TYPES[type(value)]
