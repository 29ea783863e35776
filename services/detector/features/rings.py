"""Who wins and who loses when the same firms meet again: winners by turns, and firms that bid only to lose."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import comb, factorial, prod

from services.detector.distil import Fact
from services.detector.features.matches import holders_of
from services.detector.registers import Need
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from shared.contracts.alerts import Bilingual, Evidence
from shared.contracts.reference import Company

_LARGEST_RING = 5
_FEWEST_TO_ASK = 4


@dataclass(frozen=True)
class Rotation:
    """A ring of firms that share their wins: all cases where the two of the key bid were won by these.

    `chance` is the probability that equal rivals leave so many cases to so few, as evenly or by such strict turns, by
    luck; `villages_apart` means that each firm wins in villages of its own. `related` names a person or
    contact that two firms of the ring have in common.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    wins: int
    each: tuple[int, ...]
    evenness: float
    cyclic: bool
    villages_apart: bool
    chance: float
    related: str


def needs_of_ring(facts: Sequence[Fact]) -> set[Need]:
    """The firms of a ring, once they have met often enough to be one."""
    winners = {_winner(fact) for fact in facts}
    met = len({fact.data["case_id"] for fact in facts})
    if met < _FEWEST_TO_ASK or len(winners) > _LARGEST_RING:
        return set()
    return {Need("companies", "id", id) for id in winners}


def _winner(fact: Fact) -> str:
    return str(fact.data.get("supplier_id") or fact.data["lowest"])


def _rotation_occasions(view: View, params: Params) -> Iterator[Occasion]:
    cases: dict[str, Fact] = {fact.data["case_id"]: fact for fact in view.facts}
    facts = sorted(cases.values(), key=lambda fact: (fact.occurred_at, fact.data["case_id"]))
    sequence = [_winner(fact) for fact in facts]
    wins = Counter(sequence)
    ring = tuple(sorted(wins))
    # Of all pairs of a ring the first one speaks for it.
    if not 2 <= len(ring) <= _LARGEST_RING or view.key != f"bidders:{ring[0]}+{ring[1]}" or min(wins.values()) < 2:
        return
    names = {id: name for fact in facts for id, name in zip(_pair(view.key), fact.data["names"], strict=True)}
    registered = {id: company.name for id in ring if (company := view.reference.one(Company, id))}
    places = [{fact.village_code for fact in facts if _winner(fact) == id} for id in ring]
    size = len(ring)
    rotation = Rotation(
        ids=ring,
        names=tuple(names.get(id) or registered.get(id, id) for id in ring),
        wins=len(sequence),
        each=tuple(wins[id] for id in ring),
        evenness=min(wins.values()) / max(wins.values()),
        cyclic=len(set(sequence[:size])) == size and sequence == [sequence[at % size] for at in range(len(sequence))],
        villages_apart=sum(len(place) for place in places) == len(set().union(*places)) > 1,
        chance=_chance(sequence, wins, [max(int(fact.data["bidders"]), size) for fact in facts]),
        related=_related([company for id in ring if (company := view.reference.one(Company, id))]),
    )
    yield Occasion(
        features={"rotation": at_hand(rotation)},
        given=frozenset({"bids"}),
        matter=facts[0].data["matter"],
        village_code=facts[0].village_code,
        town_code=facts[0].data["town_code"],
        cases=tuple((fact.data["case_id"], fact.data["case_no"]) for fact in facts),
        occurred_at=facts[-1].occurred_at,
        trail=partial(_won, facts, rotation),
    )


def _pair(key: str) -> tuple[str, str]:
    one, other = key.split(":", 1)[1].split("+", 1)
    return one, other


def _chance(sequence: Sequence[str], wins: Counter[str], bidders: Sequence[int]) -> float:
    """That all cases fall to these firms, of all sets of as many bidders, and are shared so evenly or by turns.

    The smaller of the two probabilities counts double, since two patterns are looked for.
    """
    size, total = len(wins), len(sequence)
    turns = sequence == [sequence[at % size] for at in range(total)]
    by_turns = factorial(size) / float(size) ** total if turns else 1.0
    kept = comb(max(bidders), size) * prod(size / invited for invited in bidders)
    shared = 2 * min(by_turns, _as_even(size, total, max(wins.values()) - min(wins.values())))
    return float(min(1.0, kept) * min(1.0, shared))


@cache
def _as_even(size: int, total: int, apart: int) -> float:
    """The probability that wins among equal rivals lie no further apart than this."""

    def ways(left: int, rivals: int, low: int, high: int) -> int:
        if rivals == 0:
            return 1 if left == 0 else 0
        return sum(
            factorial(left) // (factorial(n) * factorial(left - n)) * ways(left - n, rivals - 1, low, high)
            for n in range(low, min(high, left) + 1)
        )

    counted = sum(ways(total, size, low, low + apart) for low in range(total // size + 1))
    # What lies within a narrower band was counted in two bands.
    counted -= sum(ways(total, size, low + 1, low + apart) for low in range(total // size + 1)) if apart else 0
    return min(1.0, counted / float(size) ** total)


def _related(companies: Sequence[Company]) -> str:
    """A person or telephone that two of the companies have in common."""
    owners: dict[str, set[str]] = {}
    names: dict[str, str] = {}
    for company in companies:
        for person, name, _, _ in holders_of(company):
            if person:
                owners.setdefault(person, set()).add(company.id)
                names[person] = name
        for phone in company.phone_keys:
            owners.setdefault(phone, set()).add(company.id)
            names[phone] = "登记电话 / telephone"
    return "、".join(sorted({names[trait] for trait, ids in owners.items() if len(ids) > 1}))


def _won(facts: Sequence[Fact], rotation: Rotation) -> tuple[Evidence, ...]:
    names = dict(zip(rotation.ids, rotation.names, strict=True))
    return tuple(
        Evidence(
            label=Bilingual(zh="中标", en="Won"),
            value=f"{fact.data['case_no']} {names[_winner(fact)]}",
            source=fact.event_id,
            occurred_at=fact.occurred_at,
        )
        for fact in facts
    )


ROTATION = Subject(
    "rotation",
    "同场投标、分享中标的几家单位",
    "firms that meet in tenders and share the wins",
    frozenset({"bidders"}),
    {"rotation": Rotation},
    _rotation_occasions,
)


@dataclass(frozen=True)
class Loser:
    """A firm with all its bids. `beside` won most of those it lost, `beside_share` is that share.

    `chance` is the probability that an equal rival wins no more of these tenders. `related` as of a rotation.
    """

    company_id: str
    company: str
    bids: int
    wins: int
    chance: float
    beside_id: str
    beside: str
    beside_wins: int
    beside_share: float
    related: str


def needs_of_loser(id: str, facts: Sequence[Fact]) -> set[Need]:
    """The firm and whom it stood beside, once it has lost often enough."""
    lost = Counter(fact.data["winner"] for fact in facts if fact.data["winner"] != id)
    if lost.total() < _FEWEST_TO_ASK:
        return set()
    return {Need("companies", "id", id), Need("companies", "id", _most(lost))}


def _most(lost: Counter[str]) -> str:
    return max(lost.items(), key=lambda item: (item[1], item[0]))[0]


def _loser_occasions(view: View, params: Params) -> Iterator[Occasion]:
    id = view.key.split(":", 1)[1]
    cases: dict[str, Fact] = {fact.data["case_id"]: fact for fact in view.facts}
    facts = sorted(cases.values(), key=lambda fact: (fact.occurred_at, fact.data["case_id"]))
    lost = [fact for fact in facts if fact.data["winner"] != id]
    if not lost:
        return
    counted = Counter(str(fact.data["winner"]) for fact in lost)
    beside = _most(counted)
    last = next(fact for fact in reversed(lost) if fact.data["winner"] == beside)
    chance = 1.0
    for fact in lost:
        chance *= 1 - 1 / max(fact.data["bidders"], 2)
    companies = [company for one in (id, beside) if (company := view.reference.one(Company, one))]
    loser = Loser(
        company_id=id,
        company=facts[-1].data["name"],
        bids=len(facts),
        wins=len(facts) - len(lost),
        chance=chance,
        beside_id=beside,
        beside=last.data["winner_name"] or next((c.name for c in companies if c.id == beside), beside),
        beside_wins=counted[beside],
        beside_share=counted[beside] / len(lost),
        related=_related(companies),
    )
    yield Occasion(
        features={"loser": at_hand(loser)},
        given=frozenset({"bids"}),
        matter=lost[0].data["matter"],
        village_code=lost[0].village_code,
        town_code=lost[0].data["town_code"],
        cases=tuple((fact.data["case_id"], fact.data["case_no"]) for fact in lost),
        occurred_at=facts[-1].occurred_at,
        trail=partial(_lost, lost),
    )


def _lost(facts: Sequence[Fact]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            label=Bilingual(zh="落标", en="Lost"),
            value=f"{fact.data['case_no']} {fact.data['title']} ← {fact.data['winner_name'] or fact.data['winner']}",
            source=fact.event_id,
            occurred_at=fact.occurred_at,
        )
        for fact in facts
    )


LOSER = Subject(
    "loser",
    "每家投标单位的全部投标",
    "each bidder with all its bids",
    frozenset({"bidder"}),
    {"loser": Loser},
    _loser_occasions,
)
