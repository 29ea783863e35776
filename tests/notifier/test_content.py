"""What leaves by a channel that is not cleared for more: no name, number, amount or explanation of an alert."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier.channels import content
from services.notifier.channels.kinds import channels
from services.notifier.schemas import AlertCard
from services.notifier.standing import arrive
from shared.contracts.alerts import Bilingual, Evidence
from tests.notifier.samples import NOW, about, alert

HOME = "https://yunjing.test"
NAMES = st.text("赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨", min_size=2, max_size=4)
NUMBERS = st.from_regex(r"[1-9]\d{10,17}", fullmatch=True)


def card_of(**changed: Any) -> dict[str, Any]:
    change = arrive(None, alert(**changed), NOW)
    assert change
    return AlertCard.of(change.standing, NOW).model_dump(mode="json")


def said(kind: str, card: dict[str, Any], clearance: Any) -> str:
    notice = content.for_person(kind, card, clearance, HOME)
    system = json.dumps(content.for_system(card, clearance), ensure_ascii=False)
    return "\n".join([notice.title, notice.text, notice.line, notice.link, system])


@settings(deadline=None)
@given(name=NAMES, number=NUMBERS, kind=st.sampled_from(["raised", "aggravated", "escalated", "moved", "reopened"]))
def test_an_uncleared_channel_names_nobody(name: str, number: str, kind: str) -> None:
    words = f"{name}的账户{number}"
    card = card_of(
        explanation=Bilingual(zh=words, en=words),
        evidence=(Evidence(label=Bilingual(zh=name, en=name), value=number, source=number, occurred_at=NOW),),
        about=(about("village", "330421107201", number),),
        case_nos=(f"CG-{number}",),
        dedupe_key=f"{name}|{number}",
        innocent_explanations=(Bilingual(zh=words, en=words),),
    )
    told = said(kind, card, "plain")
    assert name not in told
    assert number not in told.replace(card["alert_id"], "")
    for needed in ("红色预警", "疑似化整为零", card["village"]["name"], card["matter"]["zh"], HOME):
        assert needed in told


def test_a_cleared_channel_carries_the_explanation_and_the_cases() -> None:
    told = said("raised", card_of(), "explained")
    assert "同一供应商三次采购合计超过限额" in told
    assert "CG-2026-001" in told
    assert "52000" not in told


@pytest.mark.parametrize("kind", sorted(channels().kinds))
def test_no_kind_is_cleared_for_more_by_itself(kind: str) -> None:
    assert channels().kinds[kind].clearance == "plain"
