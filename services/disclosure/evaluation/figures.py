"""Figures that are handed in: read, checked whole or refused, and laid out by village and quarter. Pure."""

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.disclosure.evaluation.cards import BONUS, VETO
from services.disclosure.evaluation.indicators import Plan
from services.disclosure.evaluation.quarters import Quarter
from shared import regions
from shared.problems import FieldError

MOST = 20_000


@dataclass(frozen=True)
class Figure:
    """One figure of one village."""

    village: str
    name: str
    value: float


def names(plan: Plan) -> dict[str, str]:
    """What may be handed in, with its Chinese name."""
    found = {name: one.zh for name, one in plan.inputs.items()} | {BONUS: plan.bonus.zh}
    return found | {VETO + name: one.zh for name, one in plan.veto.items.items()}


def read(text: str) -> tuple[list[Figure], list[FieldError]]:
    """Lines of `village,name,value` as CSV; a heading is passed over."""
    found, faults = [], []
    for number, line in enumerate(csv.reader(io.StringIO(text.lstrip("\ufeff"))), 1):
        cells = [cell.strip() for cell in line]
        if not any(cells) or (number == 1 and not cells[0][:1].isdigit()):
            continue
        try:
            village, name, value = cells
            found.append(Figure(village, name, float(value)))
        except ValueError:
            faults.append(
                FieldError(f"figures.{number}", "每行应为:村代码,项目,数值", "A line is: village code, name, value")
            )
    return found, faults


def faults(figures: Sequence[Figure], county: str, plan: Plan) -> list[FieldError]:
    """What is wrong with figures of a county, each by its place."""
    wrong: list[FieldError] = []
    known, seen = names(plan), set[tuple[str, str]]()
    for place, one in enumerate(figures):
        if (problem := _fault(one, county, known, plan)) is None and (one.village, one.name) in seen:
            problem = ("同一村同一项目重复", "Told twice for this village")
        seen.add((one.village, one.name))
        if problem:
            wrong.append(FieldError(f"figures.{place}", *problem))
    told = {(one.village, one.name): one.value for one in figures}
    for place, one in enumerate(figures):
        most = plan.at_most.get(one.name)
        if most and (whole := told.get((one.village, most))) is not None and one.value > whole:
            wrong.append(FieldError(f"figures.{place}", f"不应大于{known[most]}", f"More than {most}"))
    if not figures:
        wrong.append(FieldError("figures", "至少一项", "At least one figure is needed"))
    return wrong


def _fault(one: Figure, county: str, known: Mapping[str, str], plan: Plan) -> tuple[str, str] | None:
    code = one.village
    if len(code) != 12 or not code.isascii() or not code.isdigit() or regions.level_of(code) != "village":
        return "应为 12 位村代码", "A village's code of 12 digits is needed"
    if regions.county_of(code) != county:
        return "不是本县的村", "Not a village of this county"
    if one.name not in known:
        return f"没有这个项目:可用 {'、'.join(known)}", "No such figure"
    if not math.isfinite(one.value) or not 0 <= one.value <= 1e12:
        return "应为不小于 0 的数", "A number not below 0 is needed"
    if one.name == BONUS:
        return None if one.value <= plan.bonus.most else (f"最多 {plan.bonus.most:g} 分", "Too many points")
    if one.name.startswith(VETO):
        return None if one.value in (0, 1) else ("应为 1(有)或 0(无)", "1 (yes) or 0 (no)")
    if plan.inputs[one.name].kind == "count" and one.value != int(one.value):
        return "应为整数", "A whole number is needed"
    return None


def told(
    batches: Iterable[tuple[Quarter, Sequence[Figure]]], quarter: Quarter, plan: Plan
) -> dict[str, dict[Quarter, dict[str, float]]]:
    """Approved figures by village and quarter, a later batch over an earlier; what `lasts` holds until told anew."""
    found: dict[str, dict[Quarter, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for of_quarter, figures in batches:
        for one in figures:
            found[one.village][of_quarter][one.name] = one.value
    for by_quarter in found.values():
        lasting: dict[str, float] = {}
        first = min(by_quarter)
        for each in first.until(quarter):
            lasting |= {n: v for n, v in by_quarter.get(each, {}).items() if n in plan.inputs and plan.inputs[n].lasts}
            if lasting or each in by_quarter:
                by_quarter[each] = lasting | by_quarter.get(each, {})
    return {village: {each: dict(one) for each, one in some.items()} for village, some in found.items()}
