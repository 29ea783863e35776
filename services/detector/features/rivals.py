"""Rivals of one tender hand in hand: one project manager in two bids, a loser who turns up as subcontractor."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from services.detector.distil import Fact
from services.detector.features.case import Case, history, occasion, the_case
from services.detector.features.matches import day_of, holders_of, in_force
from services.detector.names import same_company_name
from services.detector.registers import Need, Reference
from services.detector.subjects import Occasion, Params, Subject, View
from shared.contracts.power import Bid
from shared.contracts.reference import Company, Employment


@dataclass(frozen=True)
class Manager:
    """A project manager named by a bidder who belongs to another one as well.

    `insured_by` names the rival that insured him on the day of the bids; else two rivals named him.
    """

    key: str
    name: str
    companies: tuple[str, ...]
    insured_by: str


def needs_of_managers(facts: Sequence[Fact]) -> set[Need]:
    """Who insures the project managers named in offers."""
    bids = (bid for fact in facts for bid in fact.data.get("fields", {}).get("bids", ()))
    return {Need("employments", "person_key", bid["manager_key"]) for bid in bids if bid.get("manager_key")}


def _manager_occasions(view: View, params: Params) -> Iterator[Occasion]:
    bids = history(view).bids
    named: dict[str, list[Bid]] = defaultdict(list)
    for bid in bids.values():
        if bid.manager_key:
            named[bid.manager_key].append(bid)
    if not named:
        return
    opened = history(view).first_with("bids")
    for key, offers in sorted(named.items()):
        day = day_of(opened.occurred_at) if opened else day_of(view.now)
        insurers = {
            tie.company_id
            for tie in view.reference.all(Employment, "person_key", key)
            if in_force(tie, day) and tie.kind != "dispatched"
        }
        offering = {bid.company_id for bid in offers}
        elsewhere = sorted((insurers & bids.keys()) - offering)
        if len(offers) > 1 or (elsewhere and not insurers & offering):
            manager = Manager(
                key=key,
                name=offers[0].manager_name or "",
                companies=tuple(bids[id].company_name for id in sorted({*offering, *elsewhere})),
                insured_by="、".join(bids[id].company_name for id in elsewhere) if len(offers) == 1 else "",
            )
            yield occasion(view, features={"manager": partial(_manager, manager)}, fact=opened)


def _manager(manager: Manager) -> Manager:
    return manager


MANAGER = Subject(
    "manager",
    "投标文件中的项目负责人",
    "the project managers named in the offers of a case",
    frozenset({"case"}),
    {"case": Case, "manager": Manager},
    _manager_occasions,
)


@dataclass(frozen=True)
class Helper:
    """A losing bidder who gets a part of the works after all. `way` says how: as a subcontractor, or paid directly.

    `share_pct` is that part of the contract, where it is known; `certain` is matched by a number, not by a name.
    """

    loser_id: str
    loser: str
    winner: str
    way: str
    way_en: str
    certain: bool
    matched: str
    amount_fen: int
    share_pct: float


def needs_of_helpers(facts: Sequence[Fact], reference: Reference) -> set[Need]:
    """The subcontractor, and whom he belongs to."""
    named = {fact.data.get("fields", {}).get("subcontractor_id") for fact in facts} - {None}
    return {Need("companies", "id", id) for id in named}


def _helper_occasions(view: View, params: Params) -> Iterator[Occasion]:
    so_far, case = history(view), the_case(view)
    losers = {id: bid for id, bid in so_far.bids.items() if id != case.supplier_id}
    if not losers or not case.supplier_id:
        return
    fact = so_far.first_with("subcontractor_id", "subcontractor_name")
    found: dict[str, Helper] = {}
    if fact:
        id, name = so_far.latest("subcontractor_id") or "", so_far.latest("subcontractor_name") or ""
        amount = so_far.latest("subcontract_fen") or 0
        for loser_id, bid in losers.items():
            matched, certain = _same_firm(id, name, loser_id, bid, view.reference)
            if matched:
                found[loser_id] = _helper(bid, case, ("分包", "subcontractor"), matched, amount, certain=certain)
    paid = so_far.first_with("payee_account_key")
    account = so_far.latest("payee_account_key")
    for loser_id, bid in losers.items() if account not in _accounts(case.supplier_id, view) else ():
        if account and account in _accounts(loser_id, view) and loser_id not in found:
            matched = "收款账户为其账户 / the account paid is its own"
            found[loser_id] = _helper(bid, case, ("收款", "payee"), matched, case.paid_fen, certain=True)
    for _, helper in sorted(found.items()):
        yield occasion(view, features={"helper": partial(_known, helper)}, fact=fact or paid)


def _accounts(id: str, view: View) -> set[str]:
    """Accounts that a bidder has on the register, or paid its bond from."""
    company, bid = view.reference.one(Company, id), history(view).bids.get(id)
    bond = (bid.bond_account_key,) if bid and bid.bond_account_key else ()
    return {*(company.account_keys if company else ()), *bond}


def _helper(bid: Bid, case: Case, way: tuple[str, str], matched: str, amount: int, *, certain: bool) -> Helper:
    worth = case.contract_fen or case.award_fen or 0
    return Helper(
        loser_id=bid.company_id,
        loser=bid.company_name,
        winner=case.supplier_name or case.supplier_id,
        way=way[0],
        way_en=way[1],
        certain=certain,
        matched=matched,
        amount_fen=amount,
        share_pct=100 * amount / worth if worth else 0.0,
    )


def _known(helper: Helper) -> Helper:
    return helper


def _same_firm(id: str, name: str, loser_id: str, bid: Bid, reference: Reference) -> tuple[str, bool]:
    """By what the subcontractor is the losing bidder, or a firm of the same people; empty when he isn't."""
    if id == loser_id:
        return "统一社会信用代码相同 / same credit code", True
    if id:
        ours, theirs = reference.one(Company, id), reference.one(Company, loser_id)
        if ours and theirs:
            held = {person for person, _, _, _ in holders_of(theirs) if person}
            common = sorted({name for person, name, _, _ in holders_of(ours) if person in held})
            return (f"同一人任职或持股:{'、'.join(common)} / one person behind both", True) if common else ("", False)
        return "", False
    likeness = same_company_name(name, bid.company_name)
    return (likeness.said, False) if likeness.verdict != "other" else ("", False)


HELPER = Subject(
    "helper",
    "中标后又参与同一工程的落标人",
    "a losing bidder who gets a part of the works after all",
    frozenset({"case"}),
    {"case": Case, "helper": Helper},
    _helper_occasions,
)
