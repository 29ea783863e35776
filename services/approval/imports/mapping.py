"""How a county's own sheets are to be read: its headers, units and words put in ours. Pure."""

import re
import unicodedata
from collections.abc import Mapping as Map
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from rapidfuzz import fuzz, process

from services.approval.flows import Catalogue
from services.approval.imports.columns import FIELDS, OF_NODE, by_title, is_target
from shared.headers import IGNORED, plain
from shared.problems import FieldError, InvalidInput

Unit = Literal["yuan", "wan", "qian", "fen"]
_UNIT = re.compile(r"[((\[【]\s*(?:单位[::]?)?\s*(万元|千元|分|万|元)\s*[))\]】]\s*$")
_UNITS: Map[str, Unit] = {"万元": "wan", "万": "wan", "千元": "qian", "分": "fen", "元": "yuan"}
_ABOVE = re.compile(r"单位\s*[::]\s*(?:人民币)?\s*(万元|千元|元|分)")
_NODE = re.compile(r"([a-z]{2}\d-\d{2})[::·.]*(.+)")
_NEAR = 50
_MOST_NEAR = 3
Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Word = Annotated[str, StringConstraints(max_length=200)]


class SheetRule(BaseModel):
    """What holds for all rows of one sheet: its flow and node where it has no such columns, or that it is left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flow: Annotated[str, StringConstraints(max_length=8)] = ""
    node: Annotated[str, StringConstraints(max_length=12)] = ""
    skip: bool = False


class Mapping(BaseModel):
    """How sheets are read. Headers are compared without width, case and blanks (`plain`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: Annotated[dict[Title, Word], Field(max_length=300, description="列名 -> 填入何处 / header -> target")] = {}
    units: Annotated[dict[Title, Unit], Field(max_length=300, description="列名 -> 金额单位 / header -> unit")] = {}
    values: Annotated[
        dict[Word, dict[Word, Word]],
        Field(max_length=200, description="填入何处 -> 县里的说法 -> 本系统的说法 / target -> their word -> ours"),
    ] = {}
    sheets: Annotated[
        dict[Title, SheetRule], Field(max_length=200, description="工作表名 -> 规则 / sheet -> rule")
    ] = {}
    flow: Annotated[str, StringConstraints(max_length=8), Field(description="没有流程列时 / where no column says")] = ""
    node: Annotated[str, StringConstraints(max_length=12), Field(description="没有节点列时 / where no column says")] = (
        ""
    )

    def target(self, title: str, matter: str = "") -> str:
        """What a column fills in: as mapped, else by its own name; "" when unknown."""
        mapped = _by_plain(self.columns).get(plain(title))
        return mapped if mapped is not None else _named(without_unit(title), matter)

    def unit(self, title: str, of_sheet: Unit) -> Unit:
        """In which unit a column of money is: as mapped, else as its header says, else as the sheet does."""
        mapped: Unit | None = _by_plain(self.units).get(plain(title))
        if mapped:
            return mapped
        said = _UNIT.search(_narrow(title))
        return _UNITS[said[1]] if said else of_sheet

    def word(self, target: str, text: str) -> str:
        """Our word for a county's."""
        return self.values.get(target, {}).get(text, text) if self.values else text

    def check(self, catalogue: Catalogue) -> None:
        """Refuse what names no column, flow or node of ours; raises `InvalidInput` with each place."""
        nodes = frozenset(node.code for flow in catalogue.flows.values() for node in flow.nodes)
        wrong = [
            FieldError(f"{part}.{name}", f"没有 {target} 这一列", f"There is no column {target}")
            for part, named in (("columns", self.columns), ("values", {name: name for name in self.values}))
            for name, target in named.items()
            if not is_target(target, nodes)
        ]
        rules = {f"sheets.{name}.": rule for name, rule in self.sheets.items()}
        rules[""] = SheetRule(flow=self.flow, node=self.node)
        for path, rule in rules.items():
            if rule.flow and rule.flow not in catalogue.flows:
                wrong.append(FieldError(f"{path}flow", f"没有流程 {rule.flow}", f"There is no flow {rule.flow}"))
            if rule.node and rule.node not in nodes:
                wrong.append(FieldError(f"{path}node", f"没有节点 {rule.node}", f"There is no node {rule.node}"))
        if wrong:
            raise InvalidInput("请按提示修改", "Please mend the named fields", wrong)


def unit_above(text: str) -> Unit | None:
    """The unit of money that a line above a header states."""
    said = _ABOVE.search(_narrow(text))
    return _UNITS[said[1]] if said else None


def near(title: str, matter: str = "") -> list[str]:
    """Targets whose names are like a header's, the nearest first."""
    known = by_title(matter)
    wanted = plain(without_unit(title))
    found = process.extract(wanted, list(known), scorer=fuzz.ratio, limit=12, score_cutoff=_NEAR)
    likely = dict.fromkeys(known[name] for name, _, _ in found)
    return [target for target in likely if target != IGNORED][:_MOST_NEAR]


def _named(title: str, matter: str) -> str:
    """The target of a header by its own name, also behind the code of a node: `PR3-11 合同金额`."""
    if found := by_title(matter).get(plain(title)):
        return found
    split = _NODE.fullmatch(plain(title))
    rest = by_title(matter).get(split[2], "") if split else ""
    return f"{split[1].upper()}:{rest}" if split and (rest in OF_NODE or rest.startswith(FIELDS)) else ""


def without_unit(title: str) -> str:
    """A header without the unit of money it states."""
    return _UNIT.sub("", _narrow(title))


def _narrow(title: str) -> str:
    return unicodedata.normalize("NFKC", title)


def _by_plain(titles: Map[str, Any]) -> dict[str, Any]:
    return {plain(title): value for title, value in titles.items()} if titles else {}
