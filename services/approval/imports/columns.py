"""What a sheet of existing records may hold: the columns of `columns.yaml` and the fields of the forms. Pure.

A column's `target` says what its cells fill in: one of the own columns (`case_no`), a field of a form
(`fields.award_fen`), either of a named node where one line tells a whole case (`PR3-11:fields.contract_fen`,
`PR3-11:occurred_at`), or `IGNORED`.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from services.approval.fields import all_fields
from shared.headers import IGNORED, plain
from shared.words import Name

FIELDS = "fields."
OF_NODE = ("occurred_at", "actor_name", "actor_id_no", "papers")
_FILE = Path(__file__).with_suffix(".yaml")
_SECRET = ("id_no", "account_no", "bids", "workers", "attendance", "grants", "payouts")


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    zh: str
    en: str


class Column(_Words):
    """A column: what it is called, whether a sheet can't do without, whether its cells are shown to nobody."""

    also: tuple[str, ...] = ()
    needed: bool = False
    secret: bool = False
    hint: _Words

    @property
    def titles(self) -> tuple[str, ...]:
        """The headers it goes by."""
        return (self.zh, self.en, *self.also)


class _Columns(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    own: dict[str, Column]
    ignored: tuple[str, ...]
    usual: dict[str, dict[str, str]]


@cache
def columns() -> _Columns:
    """The loaded `columns.yaml`; raises `ValueError` for a usual header of no field."""
    found = _Columns.model_validate(yaml.safe_load(_FILE.read_text(encoding="utf-8")))
    for matter, usual in found.usual.items():
        if unknown := set(usual.values()) - set(all_fields()):
            raise ValueError(f"columns.yaml: usual.{matter}: {', '.join(sorted(unknown))} is no field")
    return found


@cache
def by_title(matter: str = "") -> Mapping[str, str]:
    """The target of each header, as `plain`; with those usual in a matter."""
    usual = {plain(title): FIELDS + name for title, name in columns().usual.get(matter, {}).items()}
    fields = {plain(title): FIELDS + field.name for field in all_fields().values() for title in field.headers}
    own = {plain(title): name for name, column in columns().own.items() for title in (*column.titles, name)}
    return {**usual, **fields, **{plain(title): IGNORED for title in columns().ignored}, **own}


def of_node(target: str) -> tuple[str, str]:
    """The node that a target names, "" for none, and the target itself."""
    node, _, rest = target.rpartition(":")
    return node, rest


def is_target(target: str, nodes: frozenset[str]) -> bool:
    """Whether a column may fill this in."""
    node, rest = of_node(target)
    if node:
        return node in nodes and (rest in OF_NODE or (rest.startswith(FIELDS) and rest in targets()))
    return rest == IGNORED or rest in targets()


@cache
def targets() -> tuple[str, ...]:
    """All that a column may fill in, own columns first."""
    return (*columns().own, *(FIELDS + name for name in all_fields()))


def called(target: str) -> Name:
    """What a target is called."""
    node, target = of_node(target)
    if node:
        named = called(target)
        return Name(f"{node} {named.zh}", f"{node} {named.en}")
    if target == IGNORED:
        return Name("不导入", "left out")
    if target.startswith(FIELDS):
        field = all_fields()[target.removeprefix(FIELDS)]
        return Name(field.zh, field.en)
    column = columns().own[target]
    return Name(column.zh, column.en)


def is_secret(target: str) -> bool:
    """Whether cells of this column may hold numbers of persons or accounts."""
    target = of_node(target)[1]
    if target.startswith(FIELDS):
        return all_fields()[target.removeprefix(FIELDS)].kind in _SECRET
    column = columns().own.get(target)
    return column is not None and column.secret


def in_words() -> str:
    """The columns of a sheet, for people who write one."""
    own = "、".join(column.zh + ("*" if column.needed else "") for column in columns().own.values())
    return f"{own};表单字段 form fields:{'、'.join(field.zh for field in all_fields().values())}"
