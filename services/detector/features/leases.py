"""A village's leases: how much of an asset is let at once, who holds many at what rent, and which run out."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from services.detector.features.entries import Entry, entries, ledger_occasion
from services.detector.features.matches import in_force
from services.detector.names import plain, same_company_name
from services.detector.registers import Need
from services.detector.subjects import Occasion, Params, Subject, View, at_hand
from services.detector.vocabulary import days_between, midnight
from shared.contracts.alerts import Bilingual, Evidence
from shared.contracts.reference import Asset
from shared.contracts.reference import Lease as Registered
from shared.formats import yuan


@dataclass(frozen=True)
class _Lease:
    """A lease as its case tells of it, or as the register alone does: then it has no `entry` but a `source`."""

    entry: Entry | None
    source: str
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


def needs_of_leases(village: str) -> set[Need]:
    """The village's assets, and its leases by the register."""
    return {Need(Asset.DATASET, "village_code", village), Need(Registered.DATASET, "village_code", village)}


def _leases(view: View) -> list[_Lease]:
    """The leases that were signed in cases, by the day they begin."""
    found = (_lease(entry) for entry in entries(view))
    return sorted((lease for lease in found if lease), key=_begins)


def _all_leases(view: View) -> list[_Lease]:
    """The same, and those that only the register tells of."""
    signed: list[_Lease] = view.once(_Lease, partial(_leases, view))
    of_asset: dict[str, list[_Lease]] = defaultdict(list)
    for lease in signed:
        of_asset[lease.asset_id].append(lease)
    told = [_registered(record) for record in view.reference.all(Registered, "village_code", _village(view))]
    unsigned = [lease for lease in told if not any(_one_lease(lease, other) for other in of_asset[lease.asset_id])]
    return sorted([*signed, *unsigned], key=_begins)


def _village(view: View) -> str:
    return view.key.split(":", 1)[1]


def _begins(lease: _Lease) -> tuple[date, str]:
    return lease.first, lease.entry.case_id if lease.entry else lease.source


def _lease(entry: Entry) -> _Lease | None:
    told = entry.told
    if not all(told.get(name) for name in ("contract_signed_on", "lease_from", "lease_to", "asset_id")):
        return None
    return _Lease(
        entry=entry,
        source="",
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


def _registered(record: Registered) -> _Lease:
    return _Lease(
        entry=None,
        source=f"leases/{record.id}",
        asset_id=record.asset_id,
        kind=record.asset_kind,
        lessee=record.lessee_id or record.lessee_name,
        lessee_name=record.lessee_name or record.lessee_id,
        first=record.valid_from,
        last=record.valid_to - timedelta(days=1) if record.valid_to else date.max,
        rent_fen=record.annual_rent_fen,
        quantity=record.quantity,
        unit=record.unit,
    )


def _one_lease(one: _Lease, other: _Lease) -> bool:
    """Whether two leases of an asset are one: to one lessee, at one time."""
    if not _overlap(one, other):
        return False
    return one.lessee == other.lessee or same_company_name(one.lessee_name, other.lessee_name).verdict == "same"


def _overlap(one: _Lease, other: _Lease) -> bool:
    return one.first <= other.last and other.first <= one.last


def _cases_of(leases: Iterable[_Lease]) -> list[Entry]:
    return [lease.entry for lease in leases if lease.entry]


def _by_register(leases: Iterable[_Lease], said: Callable[[_Lease], str]) -> tuple[Evidence, ...]:
    """Leases without a case, as evidence."""
    return tuple(
        Evidence(
            label=Bilingual(zh="租赁登记", en="Register of leases"),
            value=f"{lease.lessee_name} {said(lease)}",
            source=lease.source,
            occurred_at=midnight(lease.first),
        )
        for lease in leases
        if not lease.entry
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
    assets = view.reference.all(Asset, "village_code", _village(view))
    by_asset: dict[str, list[_Lease]] = defaultdict(list)
    for lease in view.once((_Lease, "all"), partial(_all_leases, view)):
        by_asset[lease.asset_id].append(lease)
    for asset_id, leases in sorted(by_asset.items()):
        if signed := [lease for lease in leases if lease.entry]:
            yield _asset_occasion(asset_id, leases, signed, assets)


def _asset_occasion(
    asset_id: str, leases: Sequence[_Lease], signed: Sequence[_Lease], assets: Sequence[Asset]
) -> Occasion:
    records = [asset for asset in assets if asset.id == asset_id]
    asset = next((one for one in records if in_force(one, signed[-1].first)), None)
    unit = asset.unit or "" if asset else signed[-1].unit
    most, at_once = _most([lease for lease in leases if lease.unit == unit])
    shown = at_once or signed
    use = AssetUse(
        asset_id=asset_id,
        name=asset.name if asset else str(_cases_of(signed)[-1].told.get("asset_name", asset_id)),
        registered=asset is not None,
        register_known=bool(assets),
        registered_quantity=asset.quantity if asset else None,
        let_quantity=most,
        unit=unit,
        leases=len(shown),
    )
    return ledger_occasion(
        _cases_of(shown),
        lines=[_term(lease) for lease in shown if lease.entry],
        further=_by_register(shown, _term),
        features={"asset": at_hand(use)},
    )


def _term(lease: _Lease) -> str:
    return f"{lease.first}~{lease.last} {lease.quantity or 0:g} {lease.unit}"


def _most(leases: Sequence[_Lease]) -> tuple[float, list[_Lease]]:
    """The largest sum of quantities let on one day, and the leases that make it up, one of them by a case."""
    running: list[_Lease] = []
    most: tuple[float, list[_Lease]] = (0.0, [])
    for lease in leases:
        running = [other for other in running if other.last >= lease.first] + [lease]
        total = sum(other.quantity or 0.0 for other in running)
        if total > most[0] and _cases_of(running):
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
    assets = view.reference.all(Asset, "village_code", _village(view))
    registered: dict[str, list[Registered]] = defaultdict(list)
    for record in view.reference.all(Registered, "village_code", _village(view)):
        registered[record.asset_id].append(record)
    last = {lease.asset_id: lease for lease in sorted(view.once(_Lease, partial(_leases, view)), key=_last_day)}
    unsigned = _unsigned(entries(view))
    for asset_id, lease in sorted(last.items()):
        asset = next((one for one in assets if one.id == asset_id), None)
        entry = lease.entry
        if entry is None or any(_later(other, lease) for other in registered[asset_id]):
            continue
        if asset and (not in_force(asset, lease.last) or (asset.vacated_on and asset.vacated_on >= lease.first)):
            continue
        ends_at = midnight(lease.last + timedelta(days=1))
        end = LeaseEnd(
            asset_id=asset_id,
            asset=asset.name if asset else str(entry.told.get("asset_name", asset_id)),
            lessee=lease.lessee_name,
            ends_at=ends_at,
            days_left=days_between(view.now, midnight(lease.last)),
            renewing=asset_id in unsigned and unsigned[asset_id] > entry.at,
        )
        told_at = entry.told_at
        yield ledger_occasion(
            [entry],
            lines=[f"{lease.first}~{lease.last}"],
            features={"lease_end": at_hand(end)},
            occurred_at=max(told_at, ends_at) if end.days_left < 0 else told_at,
        )


def _later(other: Registered, lease: _Lease) -> bool:
    """Whether the register of leases has the asset let beyond the end of this lease."""
    return other.valid_to is None or other.valid_to > lease.last + timedelta(days=1)


def _last_day(lease: _Lease) -> tuple[date, str]:
    return lease.last, _begins(lease)[1]


def _unsigned(some: Iterable[Entry]) -> dict[str, datetime]:
    """When the latest letting of each asset began that isn't signed yet."""
    begun = (entry for entry in some if entry.told.get("asset_id") and not entry.told.get("contract_signed_on"))
    return {entry.told["asset_id"]: entry.at for entry in sorted(begun, key=lambda entry: entry.at)}


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
    leases: list[_Lease] = view.once((_Lease, "all"), partial(_all_leases, view))
    by_kind: dict[tuple[str, str], list[_Lease]] = defaultdict(list)
    for lease in leases:
        by_kind[lease.kind, lease.unit].append(lease)
    for lessee, own in sorted(_by_lessee(leases).items()):
        held = _at_once(own)
        if len({lease.asset_id for lease in held}) < int(params["min_assets"]):
            continue
        least = int(params["min_peers"])
        ratios = [ratio for lease in held if (ratio := _ratio(lease, own, by_kind, least)) is not None]
        holding = Holding(
            scope=view.key,
            lessee_id=lessee,
            lessee=held[-1].lessee_name,
            assets=len({lease.asset_id for lease in held}),
            priced=len(ratios),
            rent_ratio=round(statistics.mean(ratios), 3) if ratios else 1.0,
            sum_fen=sum(lease.rent_fen for lease in held),
        )
        yield ledger_occasion(
            _cases_of(held),
            lines=[_price(lease) for lease in held if lease.entry],
            further=_by_register(held, _price),
            features={"holding": at_hand(holding)},
        )


def _by_lessee(leases: Iterable[_Lease]) -> dict[str, list[_Lease]]:
    """Leases by who has them: by his number, or by that of one who is called the same."""
    leases = list(leases)
    numbers = {plain(lease.lessee_name): lease.lessee for lease in leases if lease.lessee != lease.lessee_name}
    found: dict[str, list[_Lease]] = defaultdict(list)
    for lease in leases:
        if lease.lessee:
            named = lease.lessee == lease.lessee_name
            found[numbers.get(plain(lease.lessee_name), lease.lessee) if named else lease.lessee].append(lease)
    return found


def _price(lease: _Lease) -> str:
    return f"{yuan(lease.rent_fen)}/年 · {lease.quantity or 0:g} {lease.unit}"


def _at_once(leases: Sequence[_Lease]) -> list[_Lease]:
    """The most assets that are held on one day, one of them by a case."""
    running: list[_Lease] = []
    most: list[_Lease] = []
    for lease in leases:
        running = [other for other in running if other.last >= lease.first] + [lease]
        more = len({other.asset_id for other in running}) > len({other.asset_id for other in most})
        if more and _cases_of(running):
            most = list(running)
    return most


def _ratio(
    lease: _Lease, his: Sequence[_Lease], by_kind: dict[tuple[str, str], list[_Lease]], least: int
) -> float | None:
    """The lease's unit rent over the median of other lessees' of its kind, unit and time; None with too few of them."""
    peers = [other for other in by_kind[lease.kind, lease.unit] if not any(other is own for own in his)]
    rents = [other.unit_rent_fen for other in peers if other.unit_rent_fen and _overlap(lease, other)]
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
