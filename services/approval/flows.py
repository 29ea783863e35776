"""The catalogue of power flows: 22 flows with their nodes, as data in `catalogue/`, checked when it loads.

It holds rules and order; what flows, nodes, roles and papers are called is in `shared/words`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag, ValidationError

from services.approval.arithmetic import REASON, arithmetic
from services.approval.errors import AnotherFlow, NoSuchFlow, NoSuchNode
from services.approval.joint import COUNTED, Ballots, DecisionRule, Joint, Place
from shared.contracts.power import Matter, NodeFields
from shared.formats import yuan
from shared.problems import FieldError
from shared.words import FOLDER as WORDS
from shared.words import Flow as FlowWords
from shared.words import Name, Paper, Words
from shared.words import load as load_words

CATALOGUE = Path(__file__).parent / "catalogue"
VOCABULARY = "vocabulary.yaml"
# The folder of versions that no new case begins with, as `EN5.v1.yaml`.
EARLIER = "earlier"
HANDLER = "handler"
PREVIOUS = "previous"
Unit = Literal["working_day", "calendar_day"]
# What a field says that something depends on; None while nothing is said.
Answer = int | float | bool | str | None


class CatalogueError(ValueError):
    """A fault in the catalogue's files: which file, where in it, and what."""

    def __init__(self, file: str, path: str, what: str) -> None:
        super().__init__(f"{file}: {path}: {what}")
        self.file = file
        self.path = path
        self.what = what


@dataclass(frozen=True)
class Role(Name):
    """A role of the flows. One that is `outside` has no account of its own, so the handler files for it."""

    outside: bool = False


@dataclass(frozen=True)
class Limit(Name):
    """An amount that decides between flows."""

    fen: int


@dataclass(frozen=True)
class DocumentNeed:
    """A paper that a node asks for."""

    kind: str
    name: Name
    required: bool = True


@dataclass(frozen=True)
class FormUse:
    """A field of `NodeFields` that a form asks for.

    One with `when` is asked only where the condition holds, and refused where it doesn't; one with `required_when` may
    be left empty where it doesn't. Where the condition can't be told yet, either may be filled in and none must be.
    """

    name: str
    required: bool
    when: "Condition | None" = None
    required_when: "Condition | None" = None

    @property
    def condition(self) -> "Condition | None":
        """What it depends on, in either way."""
        return self.when or self.required_when

    def wanted(self, value: Answer) -> bool:
        """Whether it must be filled in, when the field that it depends on says so."""
        if self.required_when:
            return value is not None and self.required_when.holds(value)
        return self.required and (self.when is None or (value is not None and self.when.holds(value)))

    def barred(self, value: Answer) -> bool:
        """Whether it has no place in this form."""
        return self.when is not None and value is not None and not self.when.holds(value)


@dataclass(frozen=True)
class Term:
    """Days allowed for a node, from the end of the previous node or of the node named by `start`."""

    days: int
    unit: Unit
    start: str = PREVIOUS


@dataclass(frozen=True)
class Condition:
    """Asks a node or a field only of some cases: by an amount against a limit, one of some words in a text, or a yes.

    What isn't known yet counts as a yes. `said` is the condition in words.
    """

    field: str
    said: Name
    at_or_above: Limit | None = None
    below: Limit | None = None
    words: tuple[str, ...] = ()

    def holds(self, value: Answer) -> bool:
        """Whether it is asked for when the field says so."""
        if value is None:
            return True
        if isinstance(value, str):
            return any(word in value for word in self.words)
        if self.at_or_above and value < self.at_or_above.fen:
            return False
        if self.below and value >= self.below.fen:
            return False
        return bool(value) if not (self.at_or_above or self.below) else True


@dataclass(frozen=True)
class Node:
    """One supervised step. `notice_days` are the days its notice must run before the next node may be done.

    One with a condition in `when` is passed over in a case of which it isn't true; one with `joint` is decided jointly.
    Nodes of the same `turn` open together, and the case goes on when all of them are done.
    """

    code: str
    order: int
    turn: int
    name: Name
    role: str
    role_name: Name
    filers: frozenset[str]
    documents: tuple[DocumentNeed, ...]
    form: tuple[FormUse, ...]
    term: Term | None
    notice_days: int
    must_publish: bool
    decision: bool
    when: Condition | None = None
    joint: Joint | None = None

    @property
    def by_ballot(self) -> bool:
        """Whether members of a body vote here themselves."""
        return self.joint is not None and self.joint.by_ballot

    @property
    def required_documents(self) -> tuple[str, ...]:
        """The kinds of paper without which the node can't be completed."""
        return tuple(need.kind for need in self.documents if need.required)


@dataclass(frozen=True)
class Flow:
    """A flow of one matter: what is asked when a case is opened, and its nodes in their order.

    `at_or_above` and `below` bound the amounts that it is for.
    """

    code: str
    key: str
    version: int
    matter: Matter
    name: Name
    summary: Name
    at_or_above: Limit | None
    below: Limit | None
    form: tuple[FormUse, ...]
    nodes: tuple[Node, ...]

    @property
    def first(self) -> Node:
        """The node at which a new case waits."""
        return self.nodes[0]

    def node(self, code: str) -> Node:
        """The node of this code; raises `NoSuchNode`."""
        if code not in self._by_code:
            raise NoSuchNode(f"流程 {self.code} 没有节点 {code}", f"Flow {self.code} has no node {code}")
        return self._by_code[code]

    def after(self, code: str) -> Node | None:
        """The node that follows, none after the last; raises `NoSuchNode`."""
        order = self.node(code).order
        return self.nodes[order] if order < len(self.nodes) else None

    def takes(self, amount_fen: int) -> bool:
        """Whether the flow is for such an amount."""
        return not (self.at_or_above and amount_fen < self.at_or_above.fen) and not (
            self.below and amount_fen >= self.below.fen
        )

    def overruns(self, form: NodeFields) -> tuple[str, int] | None:
        """The field and amount of a form by which a case outgrows its flow; none while it doesn't."""
        amounts = ((name, getattr(form, name)) for name in arithmetic().within_flow)
        over = ((name, fen) for name, fen in amounts if fen is not None and self.below and fen >= self.below.fen)
        return next(over, None)

    def together(self, node: Node) -> tuple[Node, ...]:
        """The nodes that open together with this one, itself among them."""
        return tuple(each for each in self.nodes if each.turn == node.turn)

    @cached_property
    def asked(self) -> frozenset[str]:
        """The fields by which its branches are taken, and by which it is told what a form asks for."""
        by_form = (use.condition for node in self.nodes for use in node.form)
        return frozenset(when.field for when in (*(node.when for node in self.nodes), *by_form) if when)

    @cached_property
    def _by_code(self) -> Mapping[str, Node]:
        return {node.code: node for node in self.nodes}


@dataclass(frozen=True)
class Catalogue:
    """All flows by code, and the words they use. `earlier` are the versions that running cases began with."""

    flows: Mapping[str, Flow]
    roles: Mapping[str, Role]
    documents: Mapping[str, Paper]
    matters: Mapping[str, Name]
    earlier: Mapping[tuple[str, int], Flow] = field(default_factory=dict)

    def flow(self, code: str, version: int | None = None) -> Flow:
        """The flow of this code, in force now or in the version that a case began with; raises `NoSuchFlow`."""
        if code not in self.flows:
            raise NoSuchFlow(f"没有编号为 {code} 的流程", f"There is no flow {code}")
        if version is None or version == self.flows[code].version:
            return self.flows[code]
        if (code, version) not in self.earlier:
            raise NoSuchFlow(f"没有 {code} 的第 {version} 版", f"There is no version {version} of {code}")
        return self.earlier[code, version]

    def check_amount(self, flow: Flow, amount_fen: int | None) -> None:
        """Refuse an estimate that another flow of the matter is for; raises `AnotherFlow`, which names it."""
        if amount_fen is not None and not flow.takes(amount_fen):
            self._refuse(flow, "estimate_fen", amount_fen)

    def check_within(self, flow: Flow, form: NodeFields) -> None:
        """Refuse an award or contract by which a case outgrows its flow; a stricter flow than need be is no fault.

        Raises `AnotherFlow`, which names the flow to take.
        """
        if over := flow.overruns(form):
            self._refuse(flow, *over)

    def _refuse(self, flow: Flow, field: str, amount_fen: int) -> None:
        bounded = [
            each for each in self.flows.values() if each.matter == flow.matter and (each.at_or_above or each.below)
        ]
        fits = next((each for each in bounded if each.takes(amount_fen)), None)
        zh, en = (f"请走 {fits.code} {fits.name.zh}", f"take {fits.code} {fits.name.en}") if fits else ("", "")
        raise AnotherFlow(
            f"{yuan(amount_fen)}不在 {flow.code} {flow.name.zh}的金额范围内,{zh}",
            f"{flow.code} {flow.name.en} is not for {yuan(amount_fen)}: {en}",
            [FieldError(f"fields.{field}", f"超出本流程的金额范围,{zh}", f"Outside this flow's amounts: {en}")],
        )


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
# The name of a paper or a field; in parentheses it is optional.
Use = Annotated[str, StringConstraints(pattern=r"^([a-z_]+|\([a-z_]+\))$")]
# A part of a whole, as `2/3` or `1`.
Share = Annotated[str, StringConstraints(pattern=r"^(1|[1-9]\d?/[1-9]\d?)$")]


class _Name(_Entry):
    zh: Text
    en: Text


class _Role(_Entry):
    outside: bool = False


class _Limit(_Name):
    fen: int = Field(gt=0)


class _DecisionRule(_Name):
    source: Text
    present: Share | None = None
    agree: Share
    more: bool = False
    of: Literal["present", "due"] = "present"


class _Joint(_Entry):
    rule: str
    ballots: Ballots = "recorded"
    places: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)


class _Vocabulary(_Entry):
    roles: dict[str, _Role]
    limits: dict[str, _Limit]
    decision_rules: dict[str, _DecisionRule] = Field(default_factory=dict)


class _Term(_Entry):
    days: int = Field(gt=0)
    unit: Unit
    start: str = Field(default=PREVIOUS, alias="from")


class _When(_Entry):
    field: str
    at_or_above: str | None = None
    below: str | None = None


class _FieldWhen(_When):
    words: list[Text] = Field(default_factory=list)


class _Use(_Entry):
    """A field that only some cases are asked for, or must fill in."""

    field: Use
    when: _FieldWhen | None = None
    required_when: _FieldWhen | None = None


_PLAIN, _DEPENDING = "plain", "depending"
Asked = Annotated[
    Annotated[Use, Tag(_PLAIN)] | Annotated[_Use, Tag(_DEPENDING)],
    Discriminator(lambda entry: _DEPENDING if isinstance(entry, dict | _Use) else _PLAIN),
]


class _Node(_Entry):
    code: str
    role: str
    documents: list[Use] = Field(default_factory=list)
    term: _Term | None = None
    notice_days: int = Field(default=0, ge=0)
    must_publish: bool = False
    decision: bool = False
    form: list[Asked] = Field(default_factory=list)
    when: _When | None = None
    joint: _Joint | None = None
    beside: str | None = None


class _Flow(_Entry):
    code: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[1-9]$")]
    key: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]*$")]
    version: int = Field(ge=1)
    matter: str
    summary: _Name
    at_or_above: str | None = None
    below: str | None = None
    form: list[Use] = Field(default_factory=list)
    nodes: list[_Node] = Field(min_length=1)


E = TypeVar("E", bound=_Entry)
V = TypeVar("V")


@cache
def load(path: Path = CATALOGUE, named: Path = WORDS) -> Catalogue:
    """The catalogue in this folder; raises `CatalogueError` with file, path and what is wrong."""
    used, words = _read(path / VOCABULARY, _Vocabulary), load_words(named)
    if unnamed := sorted(set(used.roles) - set(words.roles)):
        raise CatalogueError(VOCABULARY, f"roles.{unnamed[0]}", "has no name in shared/words/roles.yaml")
    roles = {code: Role(words.roles[code].zh, words.roles[code].en, r.outside) for code, r in used.roles.items()}
    limits = {code: Limit(x.zh, x.en, x.fen) for code, x in used.limits.items()}
    rules = {code: _decision_rule(rule) for code, rule in used.decision_rules.items()}
    if HANDLER not in roles:
        raise CatalogueError(VOCABULARY, "roles", f"{HANDLER} is missing")
    flows: dict[str, Flow] = {}
    for file in sorted(path.glob("*.yaml")):
        if file.name != VOCABULARY:
            flow = _Builder(file, roles, limits, rules, words).flow(_read(file, _Flow))
            if flow.key in {other.key for other in flows.values()}:
                raise CatalogueError(file.name, "key", f"{flow.key} is another flow's key")
            flows[flow.code] = flow
    earlier: dict[tuple[str, int], Flow] = {}
    for file in sorted((path / EARLIER).glob("*.yaml")):
        flow = _Builder(file, roles, limits, rules, words).flow(_read(file, _Flow))
        if flow.code not in flows or flow.version >= flows[flow.code].version:
            raise CatalogueError(file.name, "version", f"{flow.code} has no later version in {flow.code}.yaml")
        earlier[flow.code, flow.version] = flow
    return Catalogue(flows, roles, words.papers, words.matters, earlier)


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a key given twice is an error, instead of the last one winning."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice.pop()} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _read(file: Path, kind: type[E]) -> E:
    try:
        return kind.model_validate(yaml.load(file.read_text(encoding="utf-8"), _UniqueKeys))  # noqa: S506 (safe)
    except OSError as error:
        raise CatalogueError(file.name, "-", error.strerror or "can't be read") from error
    except yaml.YAMLError as error:
        raise CatalogueError(file.name, "-", str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        path = [str(part) for part in first["loc"] if part not in (_PLAIN, _DEPENDING)]
        raise CatalogueError(file.name, ".".join(path) or "-", first["msg"]) from error


@dataclass(frozen=True)
class _Builder:
    """Makes a flow of one file's entries, and checks what the entries say of each other."""

    file: Path
    roles: Mapping[str, Role]
    limits: Mapping[str, Limit]
    rules: Mapping[str, DecisionRule]
    words: Words

    def flow(self, entry: _Flow) -> Flow:
        named = f"{entry.code}.v{entry.version}" if self.file.parent.name == EARLIER else entry.code
        if named != self.file.stem:
            raise self._fault("code", f"{entry.code} must be in {named}.yaml")
        self._known("matter", entry.matter, self.words.matters)
        if not entry.code.startswith(entry.matter):
            raise self._fault("matter", f"{entry.matter} does not fit the code {entry.code}")
        called = self.words.flows.get(entry.code, {}).get(entry.version)
        if called is None:
            raise self._fault("version", f"{entry.code} version {entry.version} has no name in shared/words/flows.yaml")
        nodes: list[Node] = []
        opening = self._form("form", entry.form)
        for order, node in enumerate(entry.nodes, start=1):
            made = self._node(f"nodes.{order - 1}", f"{entry.code}-{order:02}", order, node, nodes, called)
            earlier = [each for each in nodes if each.turn < made.turn]
            asked = {use.name for form in (opening, *(each.form for each in earlier)) for use in form}
            nodes.append(
                replace(made, when=self._when(f"nodes.{order - 1}.when", node.when, asked if nodes else set()))
            )
        if list(called.nodes) != [node.code for node in nodes]:
            raise self._fault("nodes", "shared/words/flows.yaml names other nodes, or in another order")
        return Flow(
            code=entry.code,
            key=entry.key,
            version=entry.version,
            matter=entry.matter,  # type: ignore[arg-type]  # known: the vocabulary has exactly the matters
            name=Name(called.zh, called.en),
            summary=_name(entry.summary),
            at_or_above=self._limit("at_or_above", entry.at_or_above),
            below=self._limit("below", entry.below),
            form=opening,
            nodes=tuple(_with_room(entry.code, opening, nodes)),
        )

    def _node(self, path: str, code: str, order: int, entry: _Node, before: Sequence[Node], called: FlowWords) -> Node:
        if entry.code != code:
            raise self._fault(f"{path}.code", f"{entry.code} stands where {code} is due")
        if code not in called.nodes:
            raise self._fault(f"{path}.code", f"{code} has no name in shared/words/flows.yaml")
        role = self._known(f"{path}.role", entry.role, self.roles)
        turn = self._turn(path, entry, order, before)
        told = {use.name for each in before if each.turn < turn for use in each.form}
        form = self._form(f"{path}.form", entry.form, told)
        required = {use.name for use in form if use.required and not use.when}
        if entry.decision and "approved" not in required:
            raise self._fault(f"{path}.form", "a decision must ask for approved")
        if entry.notice_days and "notice_from" not in required:
            raise self._fault(f"{path}.form", "a notice must ask for notice_from")
        joint = self._joint(f"{path}.joint", entry)
        # The clerk counts the ballots and writes the minutes.
        with_handler = role.outside or (joint is not None and joint.by_ballot)
        return Node(
            code=code,
            order=order,
            turn=turn,
            name=called.nodes[code],
            role=entry.role,
            role_name=role,
            filers=frozenset({entry.role, HANDLER} if with_handler else {entry.role}),
            documents=tuple(
                DocumentNeed(kind, self._known(f"{path}.documents", kind, self.words.papers), required)
                for kind, required in self._uses(f"{path}.documents", entry.documents)
            ),
            form=form,
            term=self._term(f"{path}.term", entry.term, before),
            notice_days=entry.notice_days,
            must_publish=entry.must_publish,
            decision=entry.decision,
            joint=joint,
        )

    def _turn(self, path: str, entry: _Node, order: int, before: Sequence[Node]) -> int:
        """Its own order, or the turn of the node before when it opens beside that."""
        if entry.beside is None:
            return order
        if not before or entry.beside != before[-1].code:
            raise self._fault(f"{path}.beside", "a node stands beside the one before it")
        if before[-1].turn == 1:
            raise self._fault(f"{path}.beside", "a case begins at one node")
        if entry.notice_days or before[-1].notice_days:
            raise self._fault(f"{path}.beside", "a notice runs alone")
        if entry.term and entry.term.start in {each.code for each in before if each.turn == before[-1].turn}:
            raise self._fault(f"{path}.term.from", f"{entry.term.start} opens together with it")
        return before[-1].turn

    def _joint(self, path: str, entry: _Node) -> Joint | None:
        if entry.joint is None:
            return None
        rule, ballots = self._known(f"{path}.rule", entry.joint.rule, self.rules), entry.joint.ballots
        places = [(code, self._known(f"{path}.places", code, self.roles), n) for code, n in entry.joint.places.items()]
        required = {name for name, required in self._uses(path, entry.form) if required}
        if not entry.decision:
            raise self._fault(path, "only a decision is made jointly")
        if (ballots == "cast") != bool(places):
            raise self._fault(f"{path}.places", "ballots that are cast need the places of the voters, others have none")
        if outside := next((code for code, role, _ in places if role.outside), None):
            raise self._fault(f"{path}.places", f"{outside} has no account to vote with")
        asked = {*(["attendees_due"] if rule.asks_due else ()), *(COUNTED if ballots == "recorded" else ())}
        if missing := sorted(asked - required):
            raise self._fault(f"{path}.rule", f"the form must ask for {missing[0]}")
        return Joint(rule, ballots, tuple(Place(code, Name(role.zh, role.en), n) for code, role, n in places))

    def _term(self, path: str, entry: _Term | None, before: Sequence[Node]) -> Term | None:
        if entry is None:
            return None
        if entry.start not in (PREVIOUS, *(node.code for node in before)):
            raise self._fault(f"{path}.from", f"{entry.start} is no earlier node of this flow")
        return Term(entry.days, entry.unit, entry.start)

    def _when(self, path: str, entry: _When | None, asked: Collection[str]) -> Condition | None:
        """The condition of a node; the first one has none, for an opening leaves nothing out."""
        if entry is None:
            return None
        if entry.field not in asked:
            raise self._fault(f"{path}.field", f"{entry.field} is asked for by no earlier form")
        over, under = self._limit(f"{path}.at_or_above", entry.at_or_above), self._limit(f"{path}.below", entry.below)
        bounded = over is not None or under is not None
        if entry.field.endswith("_fen") != bounded:
            raise self._fault(path, "an amount needs a limit, and a limit an amount")
        label = self._known(f"{path}.field", entry.field, self.words.fields)
        if isinstance(entry, _FieldWhen) and entry.words:
            said = Name(f"{label.zh}含“{'”“'.join(entry.words)}”时", f"{label.en} has one of: {', '.join(entry.words)}")
            return Condition(entry.field, said, words=tuple(entry.words))
        if not bounded and NodeFields.model_fields[entry.field].annotation != bool | None:
            raise self._fault(path, "a text needs the words that it is looked through for")
        bounds = [(limit, *words) for limit, words in ((over, ("达到", "from")), (under, ("低于", "below"))) if limit]
        zh = "、".join(f"{word}{limit.zh} {yuan(limit.fen)}" for limit, word, _ in bounds)
        en = ", ".join(f"{word} {yuan(limit.fen)}" for limit, _, word in bounds)
        said = Name(f"{label.zh}{zh}时", f"{label.en} {en}") if bounds else Name(f"{label.zh}:是", f"{label.en}: yes")
        return Condition(entry.field, said, over, under)

    def _form(
        self, path: str, entries: Sequence[str | _Use], before: Collection[str] = frozenset()
    ) -> tuple[FormUse, ...]:
        uses = self._uses(path, entries)
        for name, _ in uses:
            self._known(path, name, NodeFields.model_fields)
        asked = {*before, *(name for name, _ in uses)}
        form = []
        for order, ((name, required), entry) in enumerate(zip(uses, entries, strict=True)):
            told = entry if isinstance(entry, _Use) else None
            if told and (told.when is None) == (told.required_when is None):
                raise self._fault(f"{path}.{order}", "a field has either when or required_when")
            if told and told.required_when and required:
                raise self._fault(f"{path}.{order}", "what is required only sometimes stands in parentheses")
            others = asked - {name}
            when = self._when(f"{path}.{order}.when", told.when if told else None, others)
            required_when = self._when(f"{path}.{order}.required_when", told.required_when if told else None, others)
            form.append(FormUse(name, required, when, required_when))
        return tuple(form)

    def _uses(self, path: str, entries: Iterable[str | _Use]) -> list[tuple[str, bool]]:
        named = (entry.field if isinstance(entry, _Use) else entry for entry in entries)
        uses = [(entry.strip("()"), not entry.startswith("(")) for entry in named]
        names = [name for name, _ in uses]
        if twice := {name for name in names if names.count(name) > 1}:
            raise self._fault(path, f"{twice.pop()} is given twice")
        return uses

    def _limit(self, path: str, code: str | None) -> Limit | None:
        return None if code is None else self._known(path, code, self.limits)

    def _known(self, path: str, word: str, words: Mapping[str, V]) -> V:
        if word not in words:
            raise self._fault(path, f"{word} is unknown")
        return words[word]

    def _fault(self, path: str, what: str) -> CatalogueError:
        return CatalogueError(self.file.name, path, what)


def _name(entry: _Name) -> Name:
    return Name(entry.zh, entry.en)


def _decision_rule(entry: _DecisionRule) -> DecisionRule:
    present = Fraction(entry.present) if entry.present else None
    return DecisionRule(entry.zh, entry.en, entry.source, present, Fraction(entry.agree), entry.more, entry.of == "due")


def _with_room(flow: str, opening: Sequence[FormUse], nodes: Iterable[Node]) -> Iterator[Node]:
    """The nodes, with a field for the reason in each form that is held against the case's other papers."""
    before = {use.name for use in opening}
    for node in nodes:
        form = {use.name for use in node.form}
        wanted = arithmetic().wants_room(flow, form, before)
        before |= form
        yield replace(node, form=(*node.form, FormUse(REASON, required=False))) if wanted else node
