"""Writes the first version of a rule with its tests (`make new-rule`). Edit it, then run the tests."""

import argparse
from pathlib import Path

RULEBOOK = Path(__file__).parent / "rulebook"
TEMPLATE = """\
# 字段与对象见 docs/rulebook.md;特征定义在 services/detector/features/ / what conditions may see is defined there
id: {id}
key: {key}
title: {{zh: 待填, en: To be written}}
matters: [EN]
subject: node
grade: yellow
trigger: {{fields: [payment_fen]}}
params:
  limit_yuan: {{default: 1000, unit: 元/yuan, zh: 限额, en: limit}}
features: [case, node, fields]
condition: fields.payment_fen > limit_yuan * 100
evidence:
- label: {{zh: 付款(元), en: Payment (yuan)}}
  value: "{{fields.payment_fen|yuan}}"
explanation:
  zh: "“{{case.title}}”付款 {{fields.payment_fen|yuan}} 元。"
  en: '{{fields.payment_fen|yuan}} yuan were paid for "{{case.title}}".'
basis: [待填 / to be written]
innocent_explanations:
- {{zh: 待填, en: To be written}}
dedupe: "{{case.id}}|{{node.code}}"
tests:
- name: 应当预警 / fires
  events:
  - {{flow: EN1, node: EN1-08, at: 2026-03-01, fields: {{payment_fen: 100100}}}}
  expect: [{{grade: yellow, dedupe: "c1|EN1-08"}}]
- name: 差一点不报 / just not
  events:
  - {{flow: EN1, node: EN1-08, at: 2026-03-01, fields: {{payment_fen: 100000}}}}
"""


def scaffold(id: str, key: str, rulebook: Path = RULEBOOK) -> Path:
    """The new rule's file; raises `FileExistsError` when the number is taken."""
    if taken := sorted(rulebook.glob(f"{id}_*.yaml")):
        raise FileExistsError(f"{id} 已被占用 / is taken by {taken[0].name}")
    file = rulebook / f"{id}_{key}.yaml"
    file.write_text(TEMPLATE.format(id=id, key=key), encoding="utf-8")
    return file


def main() -> None:
    """Scaffold a rule from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("id", nargs="?", help="A001 … A999")
    parser.add_argument("key", nargs="?", help="english_name")
    options = parser.parse_args()
    id = options.id or input("编号 / number (A001 … A999): ").strip()
    key = options.key or input("英文名 / name (lower_case): ").strip()
    print(scaffold(id, key))


if __name__ == "__main__":
    main()
