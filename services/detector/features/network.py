"""Bidders among themselves: what the offers of one case share, how their prices lie, and who bids with whom."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import combinations, pairwise

from services.detector.distil import Fact
from services.detector.features.case import Case, History, history, occasion, the_case, whole_form
from services.detector.features.spans import dense
from services.detector.names import same_address
from services.detector.registers import Need, Reference
from services.detector.subjects import Occasion, Params, Subject, View
from shared.contracts.alerts import Bilingual, Evidence
from shared.contracts.power import Bid, NodeFields
from shared.contracts.reference import Company, Kinship


@dataclass(frozen=True)
class Shared:
    """A trace or person that two or more bidders have in common; `share_pct` is the smaller stake of a person.

    `value` is a keyed hash, but for an address and the words for a telephone. `near` is only much like the same.
    """

    value: str
    companies: tuple[str, ...]
    share_pct: float = 100.0
    near: bool = False


@dataclass(frozen=True)
class Bidding:
    """The offers of one case. `cv` is the coefficient of variation, steps are relative to the lowest price."""

    bidders: int
    valid: int
    awarded: bool
    prices_fen: tuple[int, ...]
    phones: tuple[Shared, ...]
    ips: tuple[Shared, ...]
    devices: tuple[Shared, ...]
    bond_accounts: tuple[Shared, ...]
    addresses: tuple[Shared, ...]
    persons: tuple[Shared, ...]
    spouses: tuple[Shared, ...]
    cv: float
    equal_prices: bool
    arithmetic_off_pct: float | None
    geometric_off_pct: float | None
    fixed_step_pct: float | None
    round_losers: bool
    lowest_fen: int | None
    winner_price_fen: int | None
    winner_is_lowest: bool


def needs_of_bidder(id: str, reference: Reference) -> set[Need]:
    """The company and the spouse of who runs it."""
    needs = {Need("companies", "id", id)}
    company = reference.one(Company, id)
    if company and company.legal_person_key:
        person = company.legal_person_key
        needs |= {Need("kinship", "person_key", person), Need("kinship", "relative_key", person)}
    return needs


def bidding(view: View) -> Bidding:
    """What the offers of the view's case have in common."""
    so_far = history(view)
    bids = so_far.bids
    valid = [bid for bid in bids.values() if bid.valid]
    registered = {id: company for id in bids if (company := view.reference.one(Company, id))}
    prices = sorted(bid.price_fen for bid in valid)
    winner = bids.get(the_case(view).supplier_id)
    losers = [bid.price_fen for bid in valid if bid is not winner]
    return Bidding(
        bidders=len(bids),
        valid=len(valid),
        awarded=bool(the_case(view).supplier_id or the_case(view).award_fen),
        prices_fen=tuple(prices),
        phones=_phones(bids, registered),
        ips=_shared(bids, ((bid.company_id, bid.ip_key) for bid in bids.values())),
        devices=_shared(bids, ((bid.company_id, bid.device_key) for bid in bids.values())),
        bond_accounts=_shared(bids, ((bid.company_id, bid.bond_account_key) for bid in bids.values())),
        addresses=_addresses(bids, registered),
        persons=_common(bids, registered),
        spouses=_spouses(bids, registered, view.reference),
        cv=statistics.stdev(prices) / statistics.mean(prices) if len(prices) > 1 and prices[0] > 0 else 0.0,
        equal_prices=len(set(prices)) < len(prices),
        arithmetic_off_pct=_off_series(prices),
        geometric_off_pct=_off_ratio(prices),
        fixed_step_pct=_fixed_step(prices),
        round_losers=len(losers) > 1 and all(price % 1_000_000 == 0 for price in losers),
        lowest_fen=prices[0] if prices else None,
        winner_price_fen=winner.price_fen if winner else None,
        winner_is_lowest=bool(winner and prices and winner.price_fen == prices[0]),
    )


def _phones(bids: Mapping[str, Bid], registered: Mapping[str, Company]) -> tuple[Shared, ...]:
    """Telephones of two bidders, in their offers or in the register, by their last digits where an offer tells them."""
    offered = [(id, bid.contact_phone_key) for id, bid in bids.items()]
    filed = [(id, key) for id, company in registered.items() for key in company.phone_keys]
    tails = {bid.contact_phone_key: bid.contact_phone_tail for bid in bids.values() if bid.contact_phone_tail}
    return tuple(
        replace(found, value=f"****{tails[found.value]}" if found.value in tails else _REGISTERED_PHONE)
        for found in _shared(bids, [*offered, *filed])
    )


_REGISTERED_PHONE = "登记电话 / registered phone"


def _holders(company: Company) -> Iterator[tuple[str, float]]:
    """Everyone behind a company, with his share in percent; who runs it counts for all of it."""
    yield company.legal_person_key, 100.0
    yield from ((manager.person_key, 100.0) for manager in company.managers)
    yield from ((holder.person_key, _percent(holder.share)) for holder in company.shareholders)


def _common(bids: Mapping[str, Bid], registered: Mapping[str, Company]) -> tuple[Shared, ...]:
    """Persons behind two bidders, with the second largest of their stakes."""
    stakes: dict[str, dict[str, float]] = defaultdict(dict)
    for id, company in registered.items():
        for person, share in _holders(company):
            if person:
                stakes[person][id] = max(share, stakes[person].get(id, 0.0))
    return tuple(
        Shared(person, tuple(bids[id].company_name for id in sorted(held)), sorted(held.values())[-2])
        for person, held in sorted(stakes.items())
        if len(held) > 1
    )


def _percent(share: float) -> float:
    """Registers write a half as 0.5 or as 50."""
    return share * 100 if share <= 1 else share


def _shared(bids: Mapping[str, Bid], traces: Iterable[tuple[str, str | None]]) -> tuple[Shared, ...]:
    owners: dict[str, set[str]] = defaultdict(set)
    for company, trace in traces:
        if trace:
            owners[trace].add(company)
    return tuple(
        Shared(trace, tuple(bids[id].company_name for id in sorted(companies)))
        for trace, companies in sorted(owners.items())
        if len(companies) > 1
    )


def _spouses(bids: Mapping[str, Bid], registered: Mapping[str, Company], reference: Reference) -> tuple[Shared, ...]:
    """Two bidders run by husband and wife."""
    runs = {company.legal_person_key: id for id, company in sorted(registered.items())}
    found = set()
    for person, id in runs.items():
        for tie in (*reference.all(Kinship, "person_key", person), *reference.all(Kinship, "relative_key", person)):
            spouse = tie.relative_key if tie.person_key == person else tie.person_key
            other = runs.get(spouse)
            if tie.relation in SPOUSE and other and other != id:
                found.add(tuple(sorted((id, other))))
    return tuple(Shared("夫妻 / spouses", tuple(bids[id].company_name for id in ids)) for ids in sorted(found))


SPOUSE = frozenset({"spouse", "husband", "wife", "配偶", "夫妻", "丈夫", "妻子", "夫", "妻"})


def _addresses(bids: Mapping[str, Bid], registered: Mapping[str, Company]) -> tuple[Shared, ...]:
    """Two bidders at one address, or at nearly one."""
    told = [(id, company.address) for id, company in sorted(registered.items()) if company.address]
    found = ((one, other, same_address(one[1], other[1])) for one, other in combinations(told, 2))
    return tuple(
        Shared(
            value=f"{address}" if likeness.verdict == "same" else f"{address} / {near}({likeness.said})",
            companies=(bids[id].company_name, bids[other].company_name),
            near=likeness.verdict == "near",
        )
        for (id, address), (other, near), likeness in found
        if likeness.verdict != "other"
    )


def _off_series(prices: Sequence[int]) -> float | None:
    """How far the steps between sorted prices are from equal, in percent of the mean step; None under 3 prices."""
    steps = [high - low for low, high in pairwise(prices)]
    return _spread(steps)


def _off_ratio(prices: Sequence[int]) -> float | None:
    """The same for the ratios between sorted prices: 1.05, 1.05, ... is 0."""
    if any(price <= 0 for price in prices):
        return None
    return _spread([high / low - 1 for low, high in pairwise(prices)])


def _spread(steps: Sequence[float]) -> float | None:
    if len(steps) < 2 or not all(step > 0 for step in steps):
        return None
    mean = sum(steps) / len(steps)
    return 100 * max(abs(step - mean) for step in steps) / mean


def _fixed_step(prices: Sequence[int]) -> float | None:
    """By how many percent of the lowest all others lie apart, when that is a whole number of percent; else None."""
    if len(prices) < 3 or prices[0] <= 0:
        return None
    steps = [100 * (price / prices[0] - 1) for price in prices[1:]]
    whole = all(step > 0.5 and abs(step - round(step)) < 0.01 for step in steps)
    even = all(abs(step - (at + 1) * steps[0]) < 0.02 for at, step in enumerate(steps))
    return steps[0] if whole and even else None


def _offers(so_far: History) -> tuple[Evidence, ...]:
    names = [(fact, bid) for fact, bids in so_far.given("bids") for bid in bids]
    return tuple(
        Evidence(
            label=Bilingual(zh=f"报价:{bid['company_name']}", en=f"Offer of {bid['company_name']}"),
            value=f"{bid['price_fen'] / 100:,.2f}",
            source=fact.event_id,
            occurred_at=fact.occurred_at,
        )
        for fact, bid in names
    )


def _case_occasions(view: View, params: Params) -> Iterator[Occasion]:
    yield occasion(
        view,
        features={
            "fields": partial(view.once, NodeFields, partial(whole_form, view)),
            "bidding": partial(view.once, Bidding, partial(bidding, view)),
        },
        trail=partial(_offers, history(view)),
    )


CASE = Subject(
    "case",
    "每个案件整体",
    "each case as a whole",
    frozenset({"case"}),
    {"case": Case, "fields": NodeFields, "bidding": Bidding},
    _case_occasions,
)


@dataclass(frozen=True)
class Pair:
    """Two companies that bid in the same cases again and again within some months.

    A case whose winner its opening doesn't name counts for the lowest.
    """

    ids: tuple[str, ...]
    one: str
    other: str
    joint: int
    wins_one: int
    wins_other: int
    alternating: bool
    villages: int


def _pair_occasions(view: View, params: Params) -> Iterator[Occasion]:
    cases: dict[str, Fact] = {fact.data["case_id"]: fact for fact in view.facts}
    ordered = _often(sorted(cases.values(), key=lambda fact: (fact.occurred_at, fact.data["case_id"])), params)
    if not ordered:
        return
    first, last = ordered[0], ordered[-1]
    one, other = view.key.split(":", 1)[1].split("+", 1)
    winners = [fact.data.get("supplier_id") or fact.data["lowest"] for fact in ordered]
    between = [winner for winner in winners if winner in (one, other)]
    pair = Pair(
        ids=(one, other),
        one=last.data["names"][0],
        other=last.data["names"][1],
        joint=len(ordered),
        wins_one=between.count(one),
        wins_other=between.count(other),
        alternating=len(between) > 1 and all(a != b for a, b in pairwise(between)),
        villages=len({fact.data["village_code"] for fact in ordered}),
    )
    yield Occasion(
        features={"pair": lambda: pair},
        given=frozenset({"bids"}),
        matter=first.data["matter"],
        village_code=first.data["village_code"],
        town_code=first.data["town_code"],
        cases=tuple((fact.data["case_id"], fact.data["case_no"]) for fact in ordered),
        occurred_at=last.occurred_at,
        trail=partial(_met, ordered),
    )


def _often(facts: Sequence[Fact], params: Params) -> list[Fact]:
    """The cases that lie in windows with enough of them."""
    window, least = timedelta(days=int(params["window_months"]) * 30), int(params["min_joint"])
    found = dense(facts, at=lambda fact: fact.occurred_at, window=window, enough=lambda count, _: count >= least)
    return [fact for run in found for fact in run]


def _met(facts: Sequence[Fact]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            label=Bilingual(zh="共同投标", en="Bid together"),
            value=f"{fact.data['case_no']} {fact.data['title']}",
            source=fact.event_id,
            occurred_at=fact.occurred_at,
        )
        for fact in facts
    )


PAIR = Subject(
    "pair", "每两家同场投标单位", "each two companies that bid together", frozenset({"bidders"}),
    {"pair": Pair}, _pair_occasions, {"window_months": int, "min_joint": int},
)  # fmt: skip
