"""A contract number as it was stamped, as its case knows it, and as the village's ledger of contracts has it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.detector.distil import Fact
from services.detector.names import Likeness, same_company_name
from services.detector.registers import Need
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from services.detector.vocabulary import days_between
from shared.contracts.alerts import Bilingual, Evidence
from shared.contracts.reference import CollectiveContract

_SEALS = "SE"


@dataclass(frozen=True)
class Stamped:
    """A contract that a seal was asked for. `known` means that a case or the ledger has it.

    `party` and `amount_fen` are the seal request's own words, `known_party` and `known_fen` those of case and ledger.
    """

    number: str
    village: str
    stamped_at: datetime
    waited_days: int
    known: bool
    in_ledger: bool
    party: str
    known_party: str
    party_differs: bool
    party_alike: str
    amount_fen: int | None
    known_fen: int | None


def needs_of_contract(key: str) -> set[Need]:
    """The ledger's entry."""
    return {Need("contracts", "contract_no", key)}


def _contract_occasions(view: View, params: Params) -> Iterator[Occasion]:
    seals = [fact for fact in view.facts if fact.data["matter"] == _SEALS]
    if not seals:
        return
    others = [fact for fact in view.facts if fact.data["matter"] != _SEALS]
    ledger = view.reference.all(CollectiveContract, "contract_no", view.key.split(":", 1)[1])
    party, amount = _told(seals)
    known_party, known_fen = _told(others)
    known_party = known_party or (ledger[0].party_name if ledger else "")
    known_fen = known_fen if known_fen is not None else (ledger[0].amount_fen if ledger else None)
    likeness = same_company_name(party, known_party) if party and known_party else Likeness("same", 1.0)
    first, last = seals[0], seals[-1]
    stamped = Stamped(
        number=first.data["fields"]["contract_no"],
        village=first.village_code,
        stamped_at=first.occurred_at,
        waited_days=days_between(first.occurred_at, view.now),
        known=bool(others or ledger),
        in_ledger=bool(ledger),
        party=party,
        known_party=known_party,
        party_differs=likeness.verdict != "same",
        party_alike=likeness.said if likeness.verdict == "near" else "",
        amount_fen=amount,
        known_fen=known_fen,
    )
    yield Occasion(
        features={"stamped": at_hand(stamped)},
        given=frozenset(),
        matter=_SEALS,
        village_code=first.village_code,
        town_code=first.data["town_code"],
        cases=tuple({fact.data["case_id"]: (fact.data["case_id"], fact.data["case_no"]) for fact in seals}.values()),
        occurred_at=last.occurred_at,
        node=last.data.get("node"),
        settled=stamped.known,
        trail=lambda: _filed(others),
    )


def _told(facts: Sequence[Fact]) -> tuple[str, int | None]:
    """Party and amount as last told: a year's rent of a lease, the price of any other contract."""
    party, amount = "", None
    for fact in facts:
        told = fact.data["fields"]
        party = told.get("supplier_name", party)
        amount = told.get("annual_rent_fen", told.get("contract_fen", amount))
    return party, amount


def _filed(facts: Sequence[Fact]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            label=Bilingual(zh="对应案件", en="Its case"),
            value=f"{fact.data['case_no']} {fact.data['title']}",
            source=fact.event_id,
            occurred_at=fact.occurred_at,
        )
        for fact in facts
    )


STAMPED = Subject(
    "stamped",
    "每份申请用章的合同",
    "each contract that a seal was asked for",
    frozenset({"contract"}),
    {"stamped": Stamped},
    _contract_occasions,
)
