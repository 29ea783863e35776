"""A lease's rent beside those of comparable leases of the town, and beside what the same asset brought before."""

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

from services.detector.distil import Fact
from services.detector.features.case import Case, History, history, occasion, the_case
from services.detector.features.matches import day_of
from services.detector.names import same_company_name
from services.detector.registers import Need, Reference, comparable
from services.detector.subjects import Occasion, Params, Subject, View
from shared.contracts.alerts import Bilingual, Evidence
from shared.contracts.reference import Asset, Lease
from shared.regions import town_of

_FLOWS = ("AS1", "AS2")
_YEAR = 365
# Half to twice the size is one band.
_BAND = 2.0


@dataclass(frozen=True)
class Rent:
    """Rent of a unit a year. `ratio` is to the median of `comparables`; `error_pct` the median's standard error.

    `flat_years` is how long the same asset has brought no more than this; `incumbent` has it already.
    """

    rent_fen: int
    unit_fen: float
    unit: str
    comparables: int
    median_fen: float | None
    ratio: float | None
    error_pct: float | None
    flat_years: int
    incumbent: bool
    lessee: str


def needs_of_rent(facts: Sequence[Fact], reference: Reference) -> set[Need]:
    """The asset, its leases, and leases like it."""
    if not facts or facts[0].data["flow"] not in _FLOWS:
        return set()
    needs = set()
    town = facts[0].data["town_code"]
    kinds = {fact.data["fields"]["category"] for fact in facts if fact.data.get("fields", {}).get("category")}
    for asset in {fact.data.get("fields", {}).get("asset_id") for fact in facts} - {None}:
        needs |= {Need("assets", "id", asset), Need("leases", "asset_id", asset)}
        kinds |= {found.kind for found in (reference.one(Asset, asset),) if found}
    units = {fact.data["fields"]["unit"] for fact in facts if fact.data.get("fields", {}).get("unit")}
    return needs | {Need("leases", "comparable", comparable(town, kind, unit)) for kind in kinds for unit in units}


def alike(so_far: History, reference: Reference, months: int) -> list[Lease]:
    """Other leases of the town, of the kind and size of the case's asset, begun within months before the case."""
    asset, unit, size = (so_far.latest(name) for name in ("asset_id", "unit", "quantity"))
    found = reference.one(Asset, asset) if asset else None
    kind = so_far.latest("category") or (found.kind if found else None)
    if not (kind and unit and size):
        return []
    day = day_of(so_far.facts[0].occurred_at)
    town = town_of(so_far.first.data["village_code"])
    return [
        lease
        for lease in reference.all(Lease, "comparable", comparable(town, kind, unit))
        if day - timedelta(days=months * 30) <= lease.valid_from <= day
        and lease.asset_id != asset
        and lease.quantity > 0
        and size / _BAND <= lease.quantity <= size * _BAND
    ]


def rent_of(view: View, months: int) -> Rent | None:
    """The rent that the view's case has come to, or None while it has none that can be compared."""
    return view.once((Rent, months), partial(_rent, history(view), view.reference, months))  # type: ignore[no-any-return]


def _rent(so_far: History, reference: Reference, months: int) -> Rent | None:
    rent, size = so_far.latest("annual_rent_fen") or so_far.latest("award_fen"), so_far.latest("quantity")
    if so_far.first.data["flow"] not in _FLOWS or not rent or not size:
        return None
    peers = [lease.annual_rent_fen / lease.quantity for lease in alike(so_far, reference, months)]
    median = statistics.median(peers) if peers else None
    lessee = so_far.latest("supplier_name") or ""
    before = _before(so_far, reference, day_of(so_far.facts[0].occurred_at))
    return Rent(
        rent_fen=rent,
        unit_fen=rent / size,
        unit=so_far.latest("unit") or "",
        comparables=len(peers),
        median_fen=median,
        ratio=rent / size / median if median else None,
        error_pct=_error_pct(peers),
        flat_years=_flat_years(before, rent, so_far),
        incumbent=any(_one_lessee(lease, so_far) for lease in before),
        lessee=lessee,
    )


def _error_pct(peers: Sequence[float]) -> float | None:
    """The standard error of the median of a sample, about 1.25 of the mean's, in percent of the median."""
    if len(peers) < 2:
        return None
    spread: float = statistics.stdev(peers) / statistics.median(peers)
    return 100 * 1.2533 * spread / math.sqrt(len(peers))


def _before(so_far: History, reference: Reference, day: date) -> list[Lease]:
    asset = so_far.latest("asset_id")
    found = reference.all(Lease, "asset_id", asset) if asset else ()
    return sorted((lease for lease in found if lease.valid_from <= day), key=lambda lease: lease.valid_from)


def _flat_years(before: Sequence[Lease], rent: int, so_far: History) -> int:
    """Full years from the first of the last leases that all brought no less, to the day that this one begins."""
    begins = so_far.latest("lease_from")
    day = date.fromisoformat(begins) if begins else day_of(so_far.facts[-1].occurred_at)
    since = day
    for lease in reversed(before):
        if lease.annual_rent_fen < rent:
            break
        since = lease.valid_from
    return (day - since).days // _YEAR


def _one_lessee(lease: Lease, so_far: History) -> bool:
    person, company, name = (so_far.latest(told) for told in ("lessee_key", "supplier_id", "supplier_name"))
    if lease.lessee_key and person:
        return bool(lease.lessee_key == person)
    if lease.lessee_id and company:
        return bool(lease.lessee_id == company)
    return same_company_name(lease.lessee_name, name or "").verdict == "same"


def _rent_occasions(view: View, params: Params) -> Iterator[Occasion]:
    months = int(params["months"])
    rent = rent_of(view, months) if not the_case(view).withdrawn else None
    if rent is not None:
        found = rent
        yield occasion(view, features={"rent": lambda: found}, trail=partial(_listed, history(view), view, months))


def _listed(so_far: History, view: View, months: int) -> tuple[Evidence, ...]:
    leases: Iterable[Lease] = sorted(alike(so_far, view.reference, months), key=lambda lease: lease.id)
    return tuple(
        Evidence(
            label=Bilingual(zh="可比租约", en="Comparable"),
            value=f"{lease.asset_id} {lease.valid_from} {_unit_yuan(lease):,.2f} 元/{lease.unit}",
            source=lease.id,
        )
        for lease in leases
    )


def _unit_yuan(lease: Lease) -> float:
    return lease.annual_rent_fen / lease.quantity / 100


RENT = Subject(
    "rent",
    "租赁事项的租金",
    "the rent of a lease",
    frozenset({"case"}),
    {"case": Case, "rent": Rent},
    _rent_occasions,
    {"months": int},
)
