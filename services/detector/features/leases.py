"""A village's leases: how much of an asset is let at once, who holds many at what rent, and which run out."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from services.detector.distil import Fact
from services.detector.features.entries import Entry, entries, ledger_occasion
from services.detector.features.matches import in_force
from services.detector.registers import Need
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from services.detector.vocabulary import days_between, midnight
from shared.contracts.reference import Asset
from shared.contracts.reference import Lease as Registered
from shared.formats import yuan


@dataclass(frozen=True)
class _Lease:
    entry: Entry
    asset_id: str
    kind: str
    lessee: str
    lessee_name: str
    first: date
    last: date
    rent_fen: int
    quantity: float | None
    unit: str

    @property
    def unit_rent_fen(self) -> float | None:
        return self.rent_fen / self.quantity if self.quantity else None


def needs_of_leases(village: str, facts: Iterable[Fact]) -> set[Need]:
    """The village's assets, and what the register of leases says of those that were let."""
    let = {fact.data["fields"].get("asset_id") for fact in facts} - {None}
    registered = {Need(Registered.DATASET, "asset_id", asset_id) for asset_id in let}
    return registered | {Need(Asset.DATASET, "village_code", village)}


def _leases(view: View) -> list[_Lease]:
    """The leases that were signed, by the day they begin."""
    found = (_lease(entry) for entry in entries(view))
    return sorted((lease for lease in found if lease), key=lambda lease: (lease.first, lease.entry.case_id))


def _lease(entry: Entry) -> _Lease | None:
    told = entry.told
    if not all(told.get(name) for name in ("contract_signed_on", "lease_from", "lease_to", "asset_id")):
        return None
    return _Lease(
        entry=entry,
        asset_id=told["asset_id"],
        kind=told.get("category", ""),
        lessee=told.get("supplier_id") or told.get("supplier_name", ""),
        lessee_name=told.get("supplier_name") or told.get("supplier_id", ""),
        first=date.fromisoformat(told["lease_from"]),
        last=date.fromisoformat(told["lease_to"]),
        rent_fen=told.get("annual_rent_fen", 0),
        quantity=told.get("quantity"),
        unit=told.get("unit", ""),
    )


@dataclass(frozen=True)
class AssetUse:
    """An asset as registered and as let: the most that leases take of it at once, in its unit."""

    asset_id: str
    name: str
    registered: bool
    register_known: bool
    registered_quantity: float | None
    let_quantity: float
    unit: str
    leases: int


def _asset_occasions(view: View, params: Params) -> Iterator[Occasion]:
    assets = view.reference.all(Asset, "village_code", view.key.split(":", 1)[1])
    by_asset: dict[str, list[_Lease]] = defaultdict(list)
    for lease in view.once(_Lease, partial(_leases, view)):
        by_asset[lease.asset_id].append(lease)
    for asset_id, leases in sorted(by_asset.items()):
        records = [asset for asset in assets if asset.id == asset_id]
        asset = next((one for one in records if in_force(one, leases[-1].first)), None)
        unit = asset.unit or "" if asset else leases[-1].unit
        most, at_once = _most([lease for lease in leases if lease.unit == unit])
        shown = at_once or leases
        use = AssetUse(
            asset_id=asset_id,
            name=asset.name if asset else str(leases[-1].entry.told.get("asset_name", asset_id)),
            registered=asset is not None,
            register_known=bool(assets),
            registered_quantity=asset.quantity if asset else None,
            let_quantity=most,
            unit=unit,
            leases=len(shown),
        )
        lines = [f"{lease.first}~{lease.last} {lease.quantity or 0:g} {lease.unit}" for lease in shown]
        yield ledger_occasion([lease.entry for lease in shown], lines=lines, features={"asset": at_hand(use)})


def _most(leases: Sequence[_Lease]) -> tuple[float, list[_Lease]]:
    """The largest sum of quantities let on one day, and the leases that make it up."""
    running: list[_Lease] = []
    most: tuple[float, list[_Lease]] = (0.0, [])
    for lease in leases:
        running = [other for other in running if other.last >= lease.first] + [lease]
        total = sum(other.quantity or 0.0 for other in running)
        if total > most[0]:
            most = (total, list(running))
    return most


ASSET_USE = Subject(
    "asset_use",
    "每宗资产的登记与出租数量",
    "each asset as registered and as let",
    frozenset({"leases"}),
    {"asset": AssetUse},
    _asset_occasions,
)


@dataclass(frozen=True)
class LeaseEnd:
    """The last lease of an asset. `days_left` is 0 on its last day and negative afterwards.

    `renewing` while another letting or a renewal of the asset is on its way.
    """

    asset_id: str
    asset: str
    lessee: str
    ends_at: datetime
    days_left: int
    renewing: bool


def _end_occasions(view: View, params: Params) -> Iterator[Occasion]:
    assets = view.reference.all(Asset, "village_code", view.key.split(":", 1)[1])
    last = {lease.asset_id: lease for lease in sorted(view.once(_Lease, partial(_leases, view)), key=_last_day)}
    for asset_id, lease in sorted(last.items()):
        asset = next((one for one in assets if one.id == asset_id), None)
        if any(_later(other, lease) for other in view.reference.all(Registered, "asset_id", asset_id)):
            continue
        if asset and (not in_force(asset, lease.last) or (asset.vacated_on and asset.vacated_on >= lease.first)):
            continue
        ends_at = midnight(lease.last + timedelta(days=1))
        end = LeaseEnd(
            asset_id=asset_id,
            asset=asset.name if asset else str(lease.entry.told.get("asset_name", asset_id)),
            lessee=lease.lessee_name,
            ends_at=ends_at,
            days_left=days_between(view.now, midnight(lease.last)),
            renewing=any(_follows(other, lease) for other in entries(view)),
        )
        told_at = lease.entry.told_at
        yield ledger_occasion(
            [lease.entry],
            lines=[f"{lease.first}~{lease.last}"],
            features={"lease_end": at_hand(end)},
            occurred_at=max(told_at, ends_at) if end.days_left < 0 else told_at,
        )


def _later(other: Registered, lease: _Lease) -> bool:
    """Whether the register of leases has the asset let beyond the end of this lease."""
    return other.valid_to is None or other.valid_to > lease.last + timedelta(days=1)


def _last_day(lease: _Lease) -> tuple[date, str]:
    return lease.last, lease.entry.case_id


def _follows(other: Entry, lease: _Lease) -> bool:
    unsigned = other.told.get("asset_id") == lease.asset_id and not other.told.get("contract_signed_on")
    return unsigned and other.at > lease.entry.at


LEASE_END = Subject(
    "lease_end",
    "每宗资产最后一份租约的到期",
    "the end of each asset's last lease",
    frozenset({"leases"}),
    {"lease_end": LeaseEnd},
    _end_occasions,
)


@dataclass(frozen=True)
class Holding:
    """What one lessee holds at once in a village, and its rents against the median of the others' of the same kind."""

    scope: str
    lessee_id: str
    lessee: str
    assets: int
    priced: int
    rent_ratio: float
    sum_fen: int


def _holding_occasions(view: View, params: Params) -> Iterator[Occasion]:
    leases: list[_Lease] = view.once(_Lease, partial(_leases, view))
    by_lessee: dict[str, list[_Lease]] = defaultdict(list)
    by_kind: dict[tuple[str, str], list[_Lease]] = defaultdict(list)
    for lease in leases:
        by_kind[lease.kind, lease.unit].append(lease)
        if lease.lessee:
            by_lessee[lease.lessee].append(lease)
    for lessee, own in sorted(by_lessee.items()):
        held = _at_once(own)
        if len({lease.asset_id for lease in held}) < int(params["min_assets"]):
            continue
        ratios = [ratio for lease in held if (ratio := _ratio(lease, by_kind, int(params["min_peers"]))) is not None]
        holding = Holding(
            scope=view.key,
            lessee_id=lessee,
            lessee=held[-1].lessee_name,
            assets=len({lease.asset_id for lease in held}),
            priced=len(ratios),
            rent_ratio=round(statistics.mean(ratios), 3) if ratios else 1.0,
            sum_fen=sum(lease.rent_fen for lease in held),
        )
        lines = [f"{yuan(lease.rent_fen)}/年 · {lease.quantity or 0:g} {lease.unit}" for lease in held]
        yield ledger_occasion([lease.entry for lease in held], lines=lines, features={"holding": at_hand(holding)})


def _at_once(leases: Sequence[_Lease]) -> list[_Lease]:
    """The most assets that are held on one day."""
    running: list[_Lease] = []
    most: list[_Lease] = []
    for lease in leases:
        running = [other for other in running if other.last >= lease.first] + [lease]
        if len({other.asset_id for other in running}) > len({other.asset_id for other in most}):
            most = list(running)
    return most


def _ratio(lease: _Lease, by_kind: dict[tuple[str, str], list[_Lease]], least: int) -> float | None:
    """The lease's unit rent over the median of other lessees' of its kind and unit; None with too few of them."""
    peers = [other for other in by_kind[lease.kind, lease.unit] if other.lessee != lease.lessee]
    rents = [other.unit_rent_fen for other in peers if other.unit_rent_fen]
    own = lease.unit_rent_fen
    if own is None or len(rents) < least:
        return None
    return own / statistics.median(rents)


HOLDING = Subject(
    "holding",
    "每名承租人在一村同时承租的资产",
    "what each lessee holds at once in a village",
    frozenset({"leases"}),
    {"holding": Holding},
    _holding_occasions,
    {"min_assets": int, "min_peers": int},
)
