"""From an event to what the public may see of it: by an allowlist only, so that a field nobody thought of stays in.

Pure. The list is `masking.yaml`; what this module returns is all that the public tables ever hold of an event.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from services.disclosure.vocabulary import Vocabulary
from shared.contracts.power import (
    CaseEvent,
    CaseOpened,
    CaseWithdrawn,
    NodeCompleted,
    NodeFields,
    NodeReturned,
)

FILE = Path(__file__).parent / "masking.yaml"
_LONGEST_TEXT = 200
_FREE = frozenset(("text", "code"))
_SAFE_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_PUBLIC_NUMBER = re.compile(r"[0-9A-Za-z一-鿿()\[\]（）〔〕【】_./-]{1,60}")
# Runs of digits, with the separators people write between them, that may be an ID, a phone or an account.
_ID = re.compile(r"(?<!\d)\d{6}[\s-]?\d{8}[\s-]?\d{3}[\dXx](?!\d)|(?<!\d)\d{15}(?!\d)")
_MOBILE = re.compile(r"(?<!\d)(?:\+?86[\s-]?)?1[3-9]\d(?:[\s-]?\d){8}(?!\d)")
_LANDLINE = re.compile(r"(?<!\d)0\d{2,3}[\s-]\d{7,8}(?!\d)")
_ACCOUNT = re.compile(r"(?<!\d)\d(?:[\s-]?\d){12,}(?!\d)")
_NUMBERS = (_ID, _MOBILE, _LANDLINE, _ACCOUNT)
_FULL_WIDTH = {ord("０") + i: str(i) for i in range(10)} | {ord("Ｘ"): "X"}
# Characters without a shape would hide a number or a name from the patterns, or turn a line around.
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔"
    "钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤钮俞费计"
)
# A person spoken of in free text: surname and given name before a word that only follows persons.
_SPOKEN_OF = re.compile(rf"[{_SURNAMES}][一-鿿]{{1,2}}(?=先生|女士|同志|等人|家门|家庭|户(?![外型籍口用]))")
_NO_NAME_ENDS = frozenset("农住用商门窗散大各每几全")
_ORGANISATION = re.compile(
    r"公司|合作社|集团|银行|信用社|中心|超市|商店|经营部|工程队|施工队|事务所|委员会|服务站|工作室|门市部|农场|"
    r"个体工商户|研究院|设计院|协会|基金会|政府|办公室|Co\.|Ltd|Inc\b|LLC"
)
_SHORT_ORGANISATION = tuple("厂店部社队站院所行场局馆校铺坊")


@dataclass(frozen=True)
class People:
    """Natural persons by name: all are struck out of free texts, those in `private` life even out of firms' names."""

    named: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()

    def __or__(self, others: "People") -> "People":
        return People(self.named | others.named, self.private | others.private)

    def __sub__(self, others: "People") -> "People":
        return People(self.named - others.named, self.private - others.private)

    def __bool__(self) -> bool:
        return bool(self.named or self.private)


NOBODY = People()


@dataclass(frozen=True)
class Rule:
    """How one field is shown, and for which matters or flows."""

    field: str
    rule: str
    places: frozenset[str]
    held_until_award: bool
    zh: str
    en: str
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Masks:
    """The loaded list."""

    rules: Mapping[str, tuple[Rule, ...]]
    title_in: frozenset[str]
    documents_in: frozenset[str]
    smallest_group: int
    choice_names: Mapping[str, str]

    def rule(self, field: str, places: Iterable[str]) -> Rule | None:
        """The rule for a field of this matter or flow; None when it isn't public there."""
        here = set(places)
        return next((r for r in self.rules.get(field, ()) if not r.places or here & r.places), None)

    def label(self, field: str) -> tuple[str, str]:
        """A field's name in both languages."""
        first = self.rules[field][0]
        return first.zh, first.en


def load(path: Path = FILE) -> Masks:
    """Read and check the list: a field the contract doesn't have, or an unknown rule, is an error at start."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    rules: dict[str, list[Rule]] = {}
    choice_names: dict[str, str] = {}
    for part in ("fields", "also"):
        for field, entry in raw.get(part, {}).items():
            if field not in NodeFields.model_fields:
                raise ValueError(f"masking.yaml: {field} is no field of an event")
            if entry["rule"] not in RULES:
                raise ValueError(f"masking.yaml: {field}: no rule is called {entry['rule']}")
            options = raw["choices"].get(entry.get("choices"), [])
            if entry["rule"] == "choice" and (not options or options[-1]["word"]):
                raise ValueError(f"masking.yaml: {field}: its choices need a last entry for all else")
            choice_names.update({option["zh"]: option["en"] for option in options})
            rules.setdefault(field, []).append(
                Rule(
                    field=field,
                    rule=entry["rule"],
                    places=frozenset(entry.get("in", ())),
                    held_until_award=entry.get("when") == "awarded",
                    zh=entry["zh"],
                    en=entry["en"],
                    choices=tuple((option["word"], option["zh"]) for option in options),
                )
            )
    return Masks(
        rules={field: tuple(entries) for field, entries in rules.items()},
        title_in=frozenset(raw["title_in"]),
        documents_in=frozenset(raw["documents_in"]),
        smallest_group=int(raw["smallest_group"]),
        choice_names=choice_names,
    )


@cache
def masks() -> Masks:
    """The list in force."""
    return load()


def public_event(event: CaseEvent, masks: Masks, words: Vocabulary, known: People = NOBODY) -> dict[str, Any]:
    """All that the public may ever know of an event, as JSON. `held` waits for the award before it is shown.

    `known` are persons whom other events of the case named: they are struck out of this one's texts too.
    """
    people = people_of(event) | known
    public: dict[str, Any] = {
        "case_id": _code(event.case_id),
        "case_no": _number(event.case_no, people.named),
        "title": scrub(event.title, people.named) if event.matter in masks.title_in else None,
        "matter": event.matter,
        "flow": words.keys.get(event.flow, event.flow) if event.flow in words.flows else "",
        "village_code": event.village_code,
        "town_code": event.town_code,
        "sequence": event.sequence,
        "at": event.occurred_at.isoformat(),
        "office": event.actor.role if event.actor.role in words.offices else "",
    }
    if isinstance(event, CaseOpened | NodeCompleted):
        shown, held = _fields(event, people, masks)
        public |= {"fields": shown, "held": held, "next_node": _node(event.next_node, words)}
        public["next_due_at"] = event.next_due_at.isoformat() if event.next_due_at else None
    match event:
        case CaseOpened():
            public["kind"] = "opened"
        case NodeCompleted():
            public |= {
                "kind": "completed",
                "node": _node(event.node, words),
                "closes": not event.next_node,
                "notice_ends_at": event.notice_ends_at.isoformat() if event.notice_ends_at else None,
                "documents": _documents(event, masks, words),
            }
        case NodeReturned():
            public |= {"kind": "returned", "node": _node(event.node, words), "to_node": _node(event.to_node, words)}
            public["next_due_at"] = event.next_due_at.isoformat() if event.next_due_at else None
        case CaseWithdrawn():
            public |= {"kind": "withdrawn", "node": _node(event.node, words)}
    return public


def scrub(text: str, names: Iterable[str] = ()) -> str:
    """Free text with persons' names, ID, phone and account numbers struck out; the length of what is seen is kept."""
    clean = _clean(text)[:_LONGEST_TEXT]
    for name in sorted(names, key=lambda n: (-len(n), n)):
        clean = clean.replace(name, mask_person(name))
    clean = _SPOKEN_OF.sub(lambda m: m[0] if m[0][-1] in _NO_NAME_ENDS else mask_person(m[0]), clean)
    for pattern in _NUMBERS:
        clean = pattern.sub(lambda m: "*" * len(m[0]), clean)
    return clean


def merge_masks(texts: Iterable[str]) -> str:
    """One text from several maskings of the same text: what any of them strikes out stays out."""
    merged = ""
    for text in texts:
        if len(text) != len(merged):
            merged = text
        else:
            merged = "".join("*" if "*" in pair else pair[0] for pair in zip(merged, text, strict=True))
    return merged


def people_of(event: CaseEvent) -> People:
    """All natural persons whom the event itself names."""
    others, private = [event.actor.name], []
    if isinstance(event, CaseOpened | NodeCompleted):
        fields = event.fields
        private = [worker.name for worker in fields.workers]
        private += fields.worker_names
        private += [fields.hire_name or "", fields.beneficiary_name or ""]
        parties = [fields.payee_name, fields.supplier_name, fields.recipient, *(b.company_name for b in fields.bids)]
        others += [*fields.inspectors, *(party for party in parties if party and not is_organisation(party))]
    return People(_names(others + private), _names(private))


def strike(fields: Mapping[str, Any], people: People, masks: Masks) -> dict[str, Any]:
    """Shown fields once more, without the persons whom only a later event named."""
    return {name: _struck(name, value, people, masks) for name, value in fields.items()}


def mask_person(name: str) -> str:
    """王小明 -> 王*明, 王明 -> 王*, Wang Ming -> W********; the length is kept."""
    if not _is_chinese(name):
        return name[:1] + "*" * (len(name) - 1) if len(name) > 1 else "*"
    if len(name) < 3:
        return name[:1] + "*" if len(name) == 2 else "*"
    return name[0] + "*" * (len(name) - 2) + name[-1]


def mask_beneficiary(name: str) -> str:
    """王小明 -> 王**, whatever the length: the length of a name is a hint as well."""
    return name[:1] + "**" if len(name) > 1 else "**"


def is_organisation(name: str) -> bool:
    """Whether a party's name is a firm's or a public body's; when in doubt it is a person's."""
    return bool(_ORGANISATION.search(name)) or (len(name) >= 5 and name.endswith(_SHORT_ORGANISATION))


def _is_chinese(name: str) -> bool:
    return bool(name) and all("一" <= char <= "鿿" or char == "·" for char in name)


def _names(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(name for text in texts if len(name := _clean(text).strip()) > 1)


def _struck(field: str, value: Any, people: People, masks: Masks) -> Any:
    kinds = {rule.rule for rule in masks.rules[field]}
    if kinds & _FREE:
        return scrub(value, people.named)
    if "company" in kinds:
        return scrub(value, people.private)
    if "bids" in kinds:
        return [bid | {"name": scrub(bid["name"], people.private)} for bid in value]
    return value


def _clean(text: str) -> str:
    return _UNSEEN.sub("", text.translate(_FULL_WIDTH))


def _fields(event: CaseOpened | NodeCompleted, people: People, masks: Masks) -> tuple[dict[str, Any], dict[str, Any]]:
    shown: dict[str, Any] = {}
    held: dict[str, Any] = {}
    for field in masks.rules:
        value = getattr(event.fields, field)
        if value in (None, (), ""):
            continue
        if rule := masks.rule(field, (event.matter, event.flow)):
            (held if rule.held_until_award else shown)[field] = RULES[rule.rule](value, people, rule)
    return shown, held


def _documents(event: NodeCompleted, masks: Masks, words: Vocabulary) -> list[dict[str, str]]:
    if event.matter not in masks.documents_in:
        return []
    return [{"kind": paper.kind, "sha256": paper.sha256} for paper in event.documents if paper.kind in words.documents]


def _node(code: str | None, words: Vocabulary) -> str | None:
    return None if not code else code if code in words.nodes else "other"


def _code(code: str) -> str:
    if not _SAFE_CODE.fullmatch(code):
        raise ValueError("a case id must be letters, digits, '-', '_', '.' or ':'")
    return code


def _number(text: str, names: Iterable[str]) -> str:
    return scrub(text, names) if _PUBLIC_NUMBER.fullmatch(text) else "—"


def _party(name: str, people: People) -> str:
    return scrub(name, people.private) if is_organisation(name) else scrub(mask_beneficiary(name.strip()))


def _choice(value: str, rule: Rule) -> str:
    return next(shown for word, shown in rule.choices if word in value)


RULES: dict[str, Callable[[Any, People, Rule], Any]] = {
    "text": lambda value, people, rule: scrub(value, people.named),
    "code": lambda value, people, rule: _number(value, people.named),
    "number": lambda value, people, rule: value,
    "money": lambda value, people, rule: int(value),
    "date": lambda value, people, rule: value.isoformat() if isinstance(value, date) else None,
    "flag": lambda value, people, rule: bool(value),
    "choice": lambda value, people, rule: _choice(value, rule),
    "company": lambda value, people, rule: _party(value, people),
    "person": lambda value, people, rule: scrub(mask_person(value.strip())),
    "beneficiary": lambda value, people, rule: scrub(mask_beneficiary(value.strip())),
    "people": lambda value, people, rule: [scrub(mask_person(name.strip())) for name in value],
    "workers": lambda value, people, rule: [
        {"name": scrub(mask_person(w.name.strip())), "days": w.days, "wage_fen": w.wage_fen} for w in value
    ],
    "bids": lambda value, people, rule: [
        {"name": _party(b.company_name, people), "price_fen": b.price_fen, "valid": b.valid} for b in value
    ],
}
