"""The forms of an honest case, filled in from what is known of it and from the moment of filing."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from deploy.demo.schedule import local_day, signs_after_notice
from services.approval.flows import FormUse, Node

_DUE = {"party_members_meeting": (40, 70), "rep_meeting": (36, 50), "supervisory_committee": (12, 20)}
_COMMITTEE = (6, 9)


class Forms:
    """Fills the forms of one case. What it makes up for one form (numbers, dates) stays so in the next."""

    def __init__(self, rng: Random, known: dict[str, Any], inspectors: tuple[str, ...]) -> None:
        self._rng = rng
        self._known = known
        self._inspectors = inspectors

    def opening(self, form: Iterable[FormUse]) -> dict[str, Any]:
        """The form asked when a case is opened."""
        return {use.name: self._known[use.name] for use in form if use.name in self._known}

    def of(self, node: Node, at: datetime) -> dict[str, Any]:
        """The form of a node that is filed at a moment."""
        day = local_day(at)
        names = [use.name for use in node.form]
        filled = self._meeting(node, names)
        for name in names:
            if name not in filled and (value := self._value(name, node, day)) is not None:
                filled[name] = value
        return filled

    def _value(self, name: str, node: Node, day: date) -> Any:
        known = self._known
        if name in known:
            return known[name]
        match name:
            case "meeting_on" | "visited_on" | "banked_on":
                return day
            case "notice_from":
                return _posted(node, day)
            case "notice_to":
                return _posted(node, day) + timedelta(days=node.notice_days)
            case "contract_signed_on" | "bond_returned_on":
                return known.setdefault(name, day)
            case "invoiced_on":
                return known.setdefault(name, day)
            case "started_on":
                return self._begun(day)
            case "finished_on":
                return max(self._begun(day), day - timedelta(days=1))
            case "accepted" | "approved":
                return True
            case "objections":
                return 0
            case "risk_note":
                return "已提示履约与付款风险" if known.get("major") else None
            case "opinion":
                return "经核实,情况属实" if not node.decision else "同意"
            case "inspectors":
                return self._inspectors
            case "contract_no":
                return known.setdefault(name, f"HT{day:%Y%m%d}{self._rng.randrange(10**6):06d}")
            case "invoice_no":
                return known.setdefault(name, f"{day:%y}33{self._rng.randrange(10**16):016d}")
        return None

    def _begun(self, day: date) -> date:
        """Work begins two days after the contract, or on the day itself where there is none."""
        signed: date | None = self._known.get("contract_signed_on")
        return day if signed is None else min(day, signed + timedelta(days=2))

    def _meeting(self, node: Node, names: list[str]) -> dict[str, Any]:
        if "attendees_present" not in names:
            return {}
        due = self._rng.randint(*_DUE.get(node.role, _COMMITTEE))
        present = self._rng.randint(round(due * 0.85), due)
        against = self._rng.randint(0, round(present * 0.06))
        counted = {"attendees_due": due, "attendees_present": present, "votes_against": against}
        counted["votes_for"] = present - against
        return {name: value for name, value in counted.items() if name in names}


def _posted(node: Node, day: date) -> date:
    """The notice is posted on the day, or has run out by then where the contract is signed at the same node."""
    return day - timedelta(days=node.notice_days + 1) if signs_after_notice(node) else day
