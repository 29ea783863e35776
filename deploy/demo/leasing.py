"""What assets of each kind bring, and the leases that the register of leases holds of them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from random import Random

from deploy.demo.companies import Company
from deploy.demo.words import WORDS
from shared.contracts.reference import Asset, Lease

_LASTS = timedelta(days=700)
_BEFORE = timedelta(days=600)
# The first leases bring a little less than the kind is worth, and each later one a little more than the last.
_FIRST, _RISE, _MOST, _SPREAD = 0.85, 1.04, 1.0, 0.03


def unit(kind: str) -> str:
    """By what an asset of a kind is let."""
    return str(WORDS["rents"][kind][0])


def unit_yuan(kind: str) -> int:
    """What a unit of it brings a year, in yuan."""
    return int(WORDS["rents"][kind][1])


def fair_rent_fen(asset: Asset) -> int:
    """What an asset is worth a year, in fen."""
    return round((asset.quantity or 1) * unit_yuan(asset.kind) * 100)


def leases(
    assets: Iterable[Asset], tenants: Sequence[Company], since: date, until: date, rng: Random
) -> Iterator[Lease]:
    """A lease of every asset after the other, to somebody else each time."""
    for asset in assets:
        begins, level = since - _BEFORE + timedelta(days=rng.randint(0, 300)), _FIRST
        while begins < until:
            tenant = rng.choice(tenants)
            yield Lease(
                id=f"lease-{asset.id}-{begins:%Y%m%d}",
                valid_from=begins,
                valid_to=begins + _LASTS,
                village_code=asset.village_code,
                asset_id=asset.id,
                asset_kind=asset.kind,
                lessee_id=tenant.id,
                lessee_name=tenant.name,
                annual_rent_fen=round(fair_rent_fen(asset) * level * rng.uniform(1 - _SPREAD, 1 + _SPREAD)),
                quantity=asset.quantity or 1,
                unit=asset.unit or "",
            )
            begins, level = begins + _LASTS, min(level * _RISE, _MOST)
