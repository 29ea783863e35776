"""What assets of each kind bring, and how a village lets them, one lease after the other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from deploy.demo.companies import Company
from deploy.demo.period import Period
from deploy.demo.schedule import local_day
from deploy.demo.words import WORDS
from shared.contracts.reference import Asset, Lease

TERM = timedelta(days=3 * 365)
# The first leases bring a little less than the kind is worth, and each later one a little more than the last.
_FIRST, _RISE, _SPREAD = (0.82, 0.88), (1.01, 1.03), 0.03
# A case is opened so many days before its lease begins; a lease is on the register so long before that.
_OPENED_BEFORE = (timedelta(days=130), timedelta(days=340))
_REGISTERED_BEFORE = timedelta(days=100)
_YUAN = 100


def unit(kind: str) -> str:
    """By what an asset of a kind is let."""
    return str(WORDS["rents"][kind][0])


def unit_yuan(kind: str) -> int:
    """What a unit of it brings a year, in yuan."""
    return int(WORDS["rents"][kind][1])


def fair_rent_fen(asset: Asset) -> int:
    """What an asset is worth a year, in fen."""
    return round((asset.quantity or 1) * unit_yuan(asset.kind) * 100)


@dataclass(frozen=True)
class Letting:
    """An asset let to a firm, as the register of leases has it."""

    asset: Asset
    tenant: Company
    lease: Lease


class Lettings:
    """The leases of every asset, one after the other, each to somebody who had nothing of the village before."""

    def __init__(
        self, villages: Mapping[str, Sequence[Asset]], tenants: Sequence[Company], period: Period, rng: Random
    ) -> None:
        self._last_registered = period.last_day + _REGISTERED_BEFORE
        self._of_village = {
            village: list(_lettings(assets, tenants, period.first_day, period.last_day + _OPENED_BEFORE[1], rng))
            for village, assets in villages.items()
        }
        self._waiting = {village: list(lettings) for village, lettings in self._of_village.items()}

    def registered(self) -> Iterator[Lease]:
        """The leases that have begun by the end, or are signed ahead."""
        for lettings in self._of_village.values():
            yield from (one.lease for one in lettings if one.lease.valid_from <= self._last_registered)

    def take(self, village: str, opened_at: datetime) -> Letting | None:
        """The letting of a village that a case opened now leads to; None where none is soon to begin."""
        least, most = (local_day(opened_at) + ahead for ahead in _OPENED_BEFORE)
        waiting = self._waiting[village]
        soon = next((one for one in waiting if least <= one.lease.valid_from <= most), None)
        if soon:
            waiting.remove(soon)
        return soon


def _lettings(
    assets: Sequence[Asset], tenants: Sequence[Company], since: date, until: date, rng: Random
) -> Iterator[Letting]:
    at_most = len(assets) * ((until - since) // TERM + 2)
    newcomers = iter(rng.sample(tenants, at_most))
    for asset in assets:
        begins, level = since - timedelta(days=rng.randrange(TERM.days)), rng.uniform(*_FIRST)
        while begins < until:
            tenant = next(newcomers)
            yield Letting(asset, tenant, lease(asset, tenant, begins, level))
            begins, level = begins + TERM, level * rng.uniform(*_RISE)


def relet(asset: Asset, tenants: Sequence[Company], begins: date, until: date, rng: Random) -> Iterator[Lease]:
    """What the register has of an asset that goes on being let after its lease has ended."""
    while begins <= until + _REGISTERED_BEFORE:
        yield lease(asset, rng.choice(tenants), begins, rng.uniform(1 - _SPREAD, 1 + _SPREAD))
        begins += TERM


def lease(asset: Asset, tenant: Company, begins: date, share: float) -> Lease:
    """A lease of an asset on the register, at a share of what it is worth."""
    return Lease(
        id=f"lease-{asset.id}-{begins:%Y%m%d}",
        valid_from=begins,
        valid_to=begins + TERM,
        village_code=asset.village_code,
        asset_id=asset.id,
        asset_kind=asset.kind,
        lessee_id=tenant.id,
        lessee_name=tenant.name,
        annual_rent_fen=round(fair_rent_fen(asset) * share / _YUAN) * _YUAN,
        quantity=asset.quantity or 1,
        unit=asset.unit or "",
    )
