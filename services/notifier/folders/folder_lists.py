"""Which inquiries or proposals a list shows, and how what happened to one is told: alike for both."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from services.notifier.schemas import Named
from services.notifier.vocabulary import vocabulary
from shared.contracts.alerts import Bilingual


def known_state(state: str | None, states: Collection[str]) -> str | None:
    """The state that a filter asks for: one of `states`, `going_on`, `finished` or any; else `ValueError`."""
    if state not in {None, "going_on", "finished", *states}:
        raise ValueError(f"没有“{state}”这一状态 / there is no state “{state}”")
    return state


def shown(state: str, states: Collection[str]) -> tuple[str, dict[str, Any]]:
    """The tab of a page's list, `going_on` for one that isn't there, and what its filter says of state and term."""
    if state not in {"all", "going_on", "finished", "overdue", *states}:
        state = "going_on"
    wanted = {"all": None, "overdue": "going_on"}.get(state, state)
    return state, {"state": wanted, "overdue": True if state == "overdue" else None}


class FolderEntry(BaseModel):
    """One thing that happened to an inquiry or a proposal."""

    at: datetime
    kind: Named
    state_from: Named
    state_to: Named
    by_name: str
    by_role: Named
    note: str


def told(row: Any, kinds: Mapping[str, Bilingual], states: Mapping[Any, Bilingual]) -> dict[str, Any]:
    """What an entry says, as it is kept."""
    return {
        "at": row["at"],
        "kind": Named.of(row["kind"], kinds[row["kind"]]),
        "state_from": Named.of(row["state_from"], states[row["state_from"]]),
        "state_to": Named.of(row["state_to"], states[row["state_to"]]),
        "by_name": row["by_name"],
        "by_role": Named.of(row["by_role"], vocabulary().role(row["by_role"])),
        "note": row["note"],
    }
