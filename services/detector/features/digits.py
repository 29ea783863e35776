"""The digits of a village's payments of a year: round sums, and first digits against Benford's law."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log10

from services.detector.distil import Fact
from services.detector.features.agents import at_least
from services.detector.features.spans import year_of
from services.detector.key_facts import CaseFacts
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from shared.contracts.alerts import Bilingual, Evidence

_ROUND_FEN = 10_000
_BENFORD = {digit: log10(1 + 1 / digit) for digit in range(1, 10)}
# Benford's law holds for sums of several magnitudes, not for those of one tariff.
_MAGNITUDES = 100
_MOST_LISTED = 30


@dataclass(frozen=True)
class Digits:
    """Payments of a village, a matter and a year. `*_chance` is the probability of so much or more by luck.

    `mad` is the mean absolute deviation of first digits from Benford's law; `wide` means that the sums span it.
    """

    village: str
    matter: str
    year: str
    payments: int
    round: int
    round_pct: float
    round_chance: float
    mad: float
    benford_chance: float
    wide: bool


def _digits_occasions(view: View, params: Params) -> Iterator[Occasion]:
    years: dict[int, list[Fact]] = defaultdict(list)
    for case in view.facts.cases:
        for year, fact in case.once(Digits, _paid):
            years[year].append(fact)
    for year, facts in sorted(years.items()):
        if len(facts) >= int(params["min_obs"]):
            in_turn = sorted(facts, key=lambda fact: (fact.occurred_at, fact.event_id))
            yield _occasion(in_turn, year, float(params["round_pct"]))


def _paid(case: CaseFacts) -> list[tuple[int, Fact]]:
    """The first payment of each sum in a case, with its year."""
    paid: dict[int, Fact] = {}
    for fact in case.facts:
        sum_fen = fact.data["fields"].get("payment_fen", 0)
        if sum_fen > 0:
            paid.setdefault(sum_fen, fact)
    return [(year_of(fact.occurred_at), fact) for fact in paid.values()]


def _occasion(facts: Sequence[Fact], year: int, round_pct: float) -> Occasion:
    sums = [int(fact.data["fields"]["payment_fen"]) for fact in facts]
    even = [fact for fact in facts if fact.data["fields"]["payment_fen"] % _ROUND_FEN == 0]
    mad, chance = _benford(sums)
    last = facts[-1]
    shown = [fact.data for fact in even or facts[:_MOST_LISTED]]
    digits = Digits(
        village=last.village_code,
        matter=last.data["matter"],
        year=str(year),
        payments=len(sums),
        round=len(even),
        round_pct=100 * len(even) / len(sums),
        round_chance=at_least(len(even), len(sums), round_pct / 100),
        mad=mad,
        benford_chance=chance,
        wide=max(sums) >= _MAGNITUDES * min(sums),
    )
    return Occasion(
        features={"digits": at_hand(digits)},
        given=frozenset(),
        matter=last.data["matter"],
        village_code=last.village_code,
        town_code=last.data["town_code"],
        cases=tuple({told["case_id"]: (told["case_id"], told["case_no"]) for told in shown}.values()),
        occurred_at=last.occurred_at,
        trail=lambda: _listed(even),
    )


def _benford(sums: Sequence[int]) -> tuple[float, float]:
    """Mean absolute deviation of first digits, and the chance of so large a chi-square (8 degrees of freedom)."""
    counted = Counter(int(str(sum_fen)[0]) for sum_fen in sums)
    total = len(sums)
    mad = sum(abs(counted[digit] / total - share) for digit, share in _BENFORD.items()) / len(_BENFORD)
    square = sum((counted[digit] - total * share) ** 2 / (total * share) for digit, share in _BENFORD.items())
    half = square / 2
    return mad, exp(-half) * (1 + half + half**2 / 2 + half**3 / 6)


def _listed(facts: Sequence[Fact]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            label=Bilingual(zh="整额支付", en="Round payment"),
            value=f"{fact.data['case_no']} {fact.data['fields']['payment_fen'] / 100:,.2f} 元",
            source=fact.event_id,
            occurred_at=fact.occurred_at,
        )
        for fact in facts[:_MOST_LISTED]
    )


DIGITS = Subject(
    "digits",
    "每村每年的采购、工程付款",
    "a village's payments for purchases or works of a year",
    frozenset({"village"}),
    {"digits": Digits},
    _digits_occasions,
    {"min_obs": int, "round_pct": float},
)
