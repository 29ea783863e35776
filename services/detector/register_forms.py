"""The sheet of each register: its columns as `columns.yaml` names them, checked against the records. Pure."""

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from services.detector.columns import Column, Kind
from services.detector.uploads import DELETED, MANY, ONE
from shared.contracts.reference import DATASETS, Record
from shared.headers import IGNORED, Expected, plain
from shared.words import Name

_FILE = Path(__file__).with_name("columns.yaml")
_PASSED_OVER = ("序号", "备注", "no.", "remark")
_NOT_IN_TEMPLATES = ("recorded_at",)
_BY_TYPE: Mapping[Any, Kind] = {bool: "yes_no", int: "integer", float: "number", date: "date", datetime: "time"}
_BY_NAME: Mapping[str, Kind] = {
    "account_no": "account_no",
    "account_nos": "account_nos",
    "phones": "phones",
    "on_behalf_of_id_nos": "id_nos",
    "oversees": "regions",
    "village_code": "region",
    "region_code": "region",
    "share": "share",
    "id": "code",
    DELETED: "yes_no",
}


@dataclass(frozen=True)
class Register:
    """A register's sheet: what it is called, and all its columns."""

    dataset: str
    model: type[Record]
    label: Name
    columns: tuple[Column, ...]

    @cached_property
    def template(self) -> tuple[Column, ...]:
        """The columns of templates and exports: amounts in yuan only, and nothing that the system sets."""
        return tuple(c for c in self.columns if c.kind != "fen" and c.name not in _NOT_IN_TEMPLATES)

    @cached_property
    def by_key(self) -> Mapping[str, Column]:
        """The columns by their name in a header."""
        return {column.key: column for column in self.columns}

    @cached_property
    def expected(self) -> Expected:
        """The headers that sheets may have."""
        titles = {plain(title): IGNORED for title in _PASSED_OVER}
        titles |= {plain(column.field): column.key for column in self.columns if column.kind != "money"}
        titles |= {plain(title): column.key for column in self.columns for title in reversed(column.titles)}
        return Expected(titles, key="id", needed={})

    def needed(self) -> Iterator[Column]:
        """The columns that a sheet must have. Where two serve one field, each row tells which it fills in."""
        fields = [column.field for column in self.template]
        return (column for column in self.template if column.required and fields.count(column.field) == 1)

    def cells(self, record: Record) -> list[str]:
        """A record as a line below the template's headers."""
        fields = [column.field for column in self.template]
        cells = []
        for column in self.template:
            value = getattr(record, column.field, None)
            other = fields.count(column.field) > 1 and not column.holds(value)
            cells.append("" if other else column.write(value))
        return cells


@cache
def registers() -> Mapping[str, Register]:
    """Every register's sheet; raises `ValueError` when a field has no column, or a column no field."""
    book = _Book.model_validate(yaml.safe_load(_FILE.read_text(encoding="utf-8")))
    if differing := sorted(set(book.registers) ^ set(DATASETS)):
        raise ValueError(f"columns.yaml: {', '.join(differing)}: each register needs its columns, and nothing else has")
    return {dataset: _register(book, dataset, model) for dataset, model in DATASETS.items()}


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    zh: str
    en: str

    @property
    def name(self) -> Name:
        return Name(self.zh, self.en)


class _Form(_Entry):
    example: str


class _Column(_Entry):
    kind: Kind | None = None
    also: tuple[str, ...] = ()
    hint: _Entry | None = None
    choices: dict[str, str] = {}
    parts: tuple[str, ...] = ()


class _Register(_Entry):
    columns: dict[str, _Column]


class _Book(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    forms: dict[Kind, _Form]
    parts: dict[str, _Entry]
    first: dict[str, _Column]
    last: dict[str, _Column]
    registers: dict[str, _Register]


def _register(book: _Book, dataset: str, model: type[Record]) -> Register:
    named = book.registers[dataset]
    columns = [
        column
        for name, entry in (book.first | named.columns | book.last).items()
        for column in _columns(book, model, name, entry)
    ]
    if missing := sorted(set(model.model_fields) - {column.field for column in columns}):
        raise ValueError(f"columns.yaml: {dataset}: {', '.join(missing)}: each field needs a column")
    return Register(dataset, model, named.name, tuple(columns))


def _columns(book: _Book, model: type[BaseModel], name: str, entry: _Column) -> Iterator[Column]:
    """A column; of an amount two, in yuan and in fen."""
    field = _field(name)
    info = model.model_fields.get(field)
    if info is None and name != DELETED:
        raise ValueError(f"columns.yaml: {name} is no field of {model.__name__}")
    kind = entry.kind or _kind(name, info)
    choices = entry.choices
    if info and kind == "choice" and set(choices) != set(typing.get_args(info.annotation)):
        raise ValueError(f"columns.yaml: {model.__name__}.{name}: the choices are {typing.get_args(info.annotation)}")
    parts = tuple(_parts(book, info, entry.parts)) if info else ()
    yield Column(
        name=name,
        field=field,
        kind=kind,
        label=entry.name,
        form=_form(book.forms[kind], entry, parts),
        example=_example(book.forms[kind], entry, parts),
        required=bool(info and info.is_required()),
        also=entry.also,
        choices=choices,
        parts=parts,
        default=None if info is None or info.is_required() else info.default,
    )
    if kind == "money":
        yield from _columns(book, model, name, entry.model_copy(update={"kind": "fen"}))


def _field(name: str) -> str:
    number = ONE.get(name) or MANY.get(name)
    return number.key if number else name


def _kind(name: str, info: FieldInfo | None) -> Kind:
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name in ONE:
        return "id_no"
    if name.endswith("_fen"):
        return "money"
    if name.endswith(("_id", "_no")):
        return "code"
    annotation = info.annotation if info else None
    options = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    for option in options:
        if typing.get_origin(option) is Literal:
            return "choice"
        if typing.get_origin(option) is tuple:
            return "texts" if typing.get_args(option)[0] is str else "rows"
        if option in _BY_TYPE:
            return _BY_TYPE[option]
    # A time is annotated with its check, which leaves an optional one in no simple shape.
    return "time" if name.endswith("_at") else "text"


def _parts(book: _Book, info: FieldInfo, names: tuple[str, ...]) -> Iterator[Column]:
    if names:
        (model, *_) = typing.get_args(info.annotation)
        for name in names:
            part = book.parts[name]
            yield from _columns(book, model, name, _Column(zh=part.zh, en=part.en))


def _form(form: _Form, entry: _Column, parts: tuple[Column, ...]) -> Name:
    zh, en = form.zh, form.en
    if entry.choices:
        zh = f"{zh} {'、'.join(entry.choices.values())}"
        en = f"{en} {', '.join(f'{word} ({value})' for value, word in entry.choices.items())}"
    if parts:
        zh = "|".join(p.label.zh if p.required else f"{p.label.zh}(可不填)" for p in parts) + ";多条用分号隔开"
        en = (
            "|".join(p.label.en if p.required else f"{p.label.en} (optional)" for p in parts) + "; entries divided by ;"
        )
    if entry.hint:
        zh, en = f"{zh}。{entry.hint.zh}", f"{en}. {entry.hint.en}"
    return Name(zh, en)


def _example(form: _Form, entry: _Column, parts: tuple[Column, ...]) -> str:
    if entry.choices:
        return next(iter(entry.choices.values()))
    return "|".join(part.example for part in parts) if parts else form.example
