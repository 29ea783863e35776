"""Draws the rulebook as a page for people."""

from collections.abc import Iterator

from services.detector.rules import Rule, Rulebook


def page(rulebook: Rulebook) -> str:
    """The page of all rules."""
    lines = [
        "# 规则库 / Rulebook",
        "",
        f"{len(rulebook.rules)} 条规则。预警待核实,不是结论。由 `make docs` 从 `services/detector/rulebook/` 生成。",
        "",
        f"{len(rulebook.rules)} rules. An alert is a question to be checked, never a finding of guilt. Drawn from"
        " `services/detector/rulebook/` by `make docs`; do not edit.",
    ]
    for rule in rulebook.rules:
        lines += ["", *_section(rule)]
    return "\n".join(lines) + "\n"


def _section(rule: Rule) -> Iterator[str]:
    spec = rule.spec
    yield f"## {spec.id} {spec.title.zh} / {spec.title.en}"
    yield ""
    yield f"- 等级 / grade: {spec.grade}" + "".join(f"; {also.grade}: `{also.when}`" for also in spec.grades)
    yield f"- 领域 / matters: {', '.join(spec.matters)}; 对象 / subject: {rule.subject.zh} / {rule.subject.en}"
    for name, param in spec.params.items():
        yield f"- `{name}` = {param.default} {param.unit} ({param.zh} / {param.en})"
    yield f"- 依据 / basis: {'; '.join(spec.basis)}"
    for innocent in spec.innocent_explanations:
        yield f"- 合理情形 / may be innocent: {innocent.zh} / {innocent.en}"
    yield f"- 例 / examples: {'; '.join(example.name for example in spec.tests)}"
    yield ""
    yield "```cel"
    yield spec.condition.strip()
    yield "```"
