"""What a message says, by what its channel is cleared for: pure.

Everything that is named here may leave the house; nothing else does. Names, numbers, amounts and evidence are behind
the link, for those who sign in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.notifier.channels.kinds import Clearance
from services.notifier.vocabulary import vocabulary

_PLAIN = ("alert_id", "revision", "rule_id", "title", "grade", "matter", "village", "town", "state", "escalated")
_TIMES = ("acknowledge_by", "due_by", "overdue", "in_review", "finished", "raised_at", "updated_at", "loudness")
_EXPLAINED = ("explanation", "case_nos", "occurred_at")


@dataclass(frozen=True)
class Notice:
    """A message to a person: a line, its whole text, the same in one line for a text message, and where it leads."""

    title: str
    text: str
    line: str
    link: str


def for_system(body: Mapping[str, Any], clearance: Clearance) -> dict[str, Any]:
    """A stream event's body as a system may get it; who is cleared for no more reads the rest by REST, signed in."""
    names = (*_PLAIN, *_TIMES, *(_EXPLAINED if clearance == "explained" else ()))
    return {name: body[name] for name in names if name in body}


def for_person(kind: str, card: Mapping[str, Any], clearance: Clearance, home: str) -> Notice:
    """An event of the stream as a person gets it; `kind` is what happened, `home` where the pages are."""
    link = f"{home}/alerts/{card['alert_id']}"
    grade, matter, title, place = card["grade"], card["matter"], card["title"], _place(card)
    what = vocabulary().kinds.get(kind)
    heading = f"【{grade['zh']}】{title['zh']}"
    lines = [
        heading,
        f"事项 {matter['zh']} · 地点 {place}" + (f" · {what.zh}" if what and kind != "raised" else ""),
        *_explained(card, clearance),
        f"登录云睛查看并签收:{link}",
        f"{grade['en']}: {title['en']}. Sign in to read and acknowledge it.",
    ]
    return Notice(heading, "\n".join(lines), f"云睛{heading},{matter['zh']},{place}。登录查看 {link}", link)


def digest(body: Mapping[str, Any]) -> Notice:
    """Several alerts in one message, which counts them and names none: cleared for every channel."""
    told, inbox = body["text"], str(body["inbox"])
    lines = [told["zh"], inbox, told["en"], *(f"· {link}" for link in body.get("links", ()))]
    return Notice("【云睛】预警汇总 Digest", "\n".join(lines), f"云睛{told['zh']} {inbox}", inbox)


def reminder(body: Mapping[str, Any], home: str) -> Notice:
    """A term of an inquiry or proposal that ran out: its number and page, cleared for every channel."""
    told, link = body["text"], f"{home}{body['page']}"
    text = f"{told['zh']}:{link}\n{told['en']}."
    return Notice("【云睛】逾期提醒 Overdue", text, f"云睛{told['zh']} {link}", link)


def code(digits: str, minutes: int, home: str) -> Notice:
    """The code that proves an address."""
    line = f"云睛验证码 {digits},{minutes} 分钟内有效。不是您本人操作请忽略。"
    text = f"{line}\nYour Yunjing code is {digits}, valid for {minutes} minutes. Ignore it if you didn't ask."
    return Notice("【云睛】验证码 Code", text, line, f"{home}/channels")


def test(home: str) -> Notice:
    """What the button “send a test” sends."""
    line = "云睛测试消息:这个接收方式可以收到预警提醒。"
    return Notice(
        "【云睛】测试 Test", f"{line}\nA test from Yunjing: notices reach you here.", line, f"{home}/channels"
    )


def _place(card: Mapping[str, Any]) -> str:
    return f"{card['town']['name']} {card['village']['name']}"


def _explained(card: Mapping[str, Any], clearance: Clearance) -> list[str]:
    if clearance != "explained":
        return []
    cases = "、".join(card.get("case_nos") or ())
    return [card["explanation"]["zh"], *([f"案件 {cases}"] if cases else [])]
