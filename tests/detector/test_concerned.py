"""The parties that a finding is about, as far as its evidence shows them."""

from dataclasses import dataclass

from services.detector.concerned import parties_of
from shared.contracts.alerts import About, Bilingual, Evidence

FIRM, PERSON, OFFICIAL = "91330421MA2CKFAKE1", "a" * 32, "b" * 32
SAID = Bilingual(zh="嘉善示例建设有限公司承接了 3 个项目", en="it won three")
ABOUT = About(person_key=OFFICIAL, name="赵六", level="village", region_code="330421107201")


@dataclass(frozen=True)
class Winner:
    company_id: str = FIRM
    company: str = "嘉善示例建设有限公司"
    agent_id: str = FIRM.replace("1", "2")
    agent: str = "某代理公司"
    person_key: str = PERSON
    name: str = "张三"


@dataclass(frozen=True)
class Account:
    key: str = "c" * 32


def test_companies_are_those_it_tells_of_and_persons_are_named_only_where_it_names_them() -> None:
    found = {(one.kind, one.key): one.name for one in parties_of([Winner(), Account()], [ABOUT], (), SAID)}
    assert found == {
        ("company", FIRM): "嘉善示例建设有限公司",
        ("person", PERSON): "",
        ("person", OFFICIAL): "",
        ("account", "c" * 32): "",
    }


def test_a_name_in_the_evidence_is_a_name_shown() -> None:
    shown = [Evidence(label=SAID, value="张三 与 赵六")]
    found = {one.key: one.name for one in parties_of([Winner()], [ABOUT], shown, SAID)}
    assert (found[PERSON], found[OFFICIAL]) == ("张三", "赵六")
