"""The demo county as its registers know it: officials and where they oversee, their kin, companies, assets, relief."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from deploy.demo import leasing, plans, pricing
from deploy.demo.companies import Companies, Company
from deploy.demo.dangers import Dangers
from deploy.demo.people import People, Person
from deploy.demo.period import THESE_YEARS, Period
from deploy.demo.words import WORDS
from shared import regions
from shared.contracts.reference import (
    Appeal,
    Asset,
    Blacklist,
    Death,
    Household,
    Kinship,
    Member,
    Receipt,
    Record,
    Relief,
    Staff,
)
from shared.regions import Region

# Whoever holds a role of the flows, and what the post is called.
VILLAGE_POSTS = {
    "village_head": "村党支部书记、村民委员会主任",
    "party_branch": "村党支部副书记",
    "two_committees": "村民委员会委员",
    "supervisory_committee": "村务监督委员会主任",
    "handler": "村文书",
    "reporting_clerk": "村报账员",
    "seal_keeper": "村印章保管员",
}
TOWN_POSTS = {
    "town_agri_office": "镇三资管理办公室主任",
    "town_works_office": "镇村建办主任",
    "town_trade_station": "镇公共资源交易站站长",
    "town_leader": "镇分管领导",
    "town_civil_affairs": "镇社会事务办主任",
}
COUNTY_POSTS = {
    "county_civil_affairs": "县民政局科长",
    "county_trade_centre": "县公共资源交易中心科长",
    "county_authority": "县主管部门科长",
}
_VILLAGES_OF_A_RESIDENT = 3
_RELIEVED_OF_A_VILLAGE = 3
_AGENTS = 16
_OLDEST_FIRM, _YOUNGEST_FIRM = timedelta(days=3 * 365), timedelta(days=5 * 365)


@dataclass
class Place:
    """A village, town or the county with its officials by role."""

    region: Region
    posts: dict[str, Person]
    assets: list[Asset] = field(default_factory=list)

    @property
    def code(self) -> str:
        """Its 12-digit code."""
        return self.region.code


class County:
    """Everybody and everything that the registers hold. The `market` of a trade has nobody of public office in it.

    All of them are there throughout the `period`.
    """

    def __init__(
        self, rng: Random, secret: str, *, market: int = 60, assets: int = 12, period: Period = THESE_YEARS
    ) -> None:
        self._rng = rng
        self.period = period
        self.people = People(rng, secret, period)
        self._makers = Companies(rng, secret, (period.long_before - _OLDEST_FIRM, period.first_day - _YOUNGEST_FIRM))
        self.secret = secret
        self.companies: list[Company] = []
        self.dangers = Dangers()
        self._extra: list[Record] = []
        self.county = Place(regions.region(regions.COUNTY), self._posts(COUNTY_POSTS))
        self.towns = {town.code: Place(town, self._posts(TOWN_POSTS)) for town in regions.towns()}
        self.villages = {
            village.code: Place(village, self._posts(VILLAGE_POSTS), self._assets(village, assets))
            for village in regions.villages()
        }
        self.market = {trade: [self.company(trade) for _ in range(market)] for trade in WORDS["trades"]}
        self.agents = self.market["agents"][:_AGENTS]
        self._employ()
        self._relieve()

    def company(self, trade: str, owner: Person | None = None, *, name: str | None = None) -> Company:
        """A new company on the register; its owner is somebody new unless given."""
        made = self._makers.company(trade, owner or self.people.person(), self.people.person(), name=name)
        self.companies.append(made)
        return made

    def asset(
        self, village: str, kind: str, vacated_on: date | None = None, *, quantity: float = 1.0, unit: str = "处"
    ) -> Asset:
        """A new asset of a village that no case draws by chance."""
        place = self.villages[village]
        number = sum(isinstance(record, Asset) and record.village_code == village for record in self._extra)
        made = Asset(
            id=f"{village}-B{number:03d}",
            name=f"{place.region.zh}{kind}{number + 1}号",
            village_code=village,
            kind=kind,
            book_value_fen=20_000_000,
            quantity=quantity,
            unit=unit,
            vacated_on=vacated_on,
        )
        self._extra.append(made)
        return made

    def appeal(self, case_no: str, village: str, filed_at: datetime, **more: Any) -> None:
        """Put a resident's complaint about a case on record, accepted on the hour unless told otherwise."""
        told = {"accepted_at": filed_at + timedelta(hours=1)} | more
        record = Appeal(
            id=f"appeal-{case_no}", village_code=village, case_no=case_no, kind="complaint", filed_at=filed_at, **told
        )
        self._extra.append(record)

    def refound(self, company: Company, day: date) -> None:
        """Let the register say that a company was founded on another day."""
        self._amend(company, replace(company, registered_on=day))

    def rehouse(self, company: Company, address: str) -> None:
        """Let the register say that a company sits elsewhere."""
        self._amend(company, replace(company, address=address))

    def rescope(self, company: Company, scope: str) -> None:
        """Let the register say that a company may do other things."""
        self._amend(company, replace(company, scope=scope))

    def _amend(self, company: Company, amended: Company) -> None:
        at = next(at for at, known in enumerate(self.companies) if known.id == company.id)
        self.companies[at] = amended

    def register(self, record: Record) -> None:
        """Put a further record on its register."""
        self._extra.append(record)

    def official(self, code: str, role: str) -> Person:
        """Who fills a role of the flows for a village: his own, his town's or the county's."""
        village, town = self.villages[code], self.towns[regions.town_of(code)]
        for place in (village, town, self.county):
            if role in place.posts:
                return place.posts[role]
        return village.posts["handler"]

    def employ(self, person: Person, position: str, place: Region, oversees: tuple[str, ...], payroll: bool) -> None:
        """Put a person on the staff register."""
        self._extra.append(
            Staff(
                id=f"staff-{person.key[:16]}-{place.code}",
                valid_from=self.period.long_before,
                person_key=person.key,
                name=person.name,
                position=position,
                level=place.level,
                on_payroll=payroll,
                region_code=place.code,
                oversees=oversees,
            )
        )

    def relate(self, person: Person, relative: Person, relation: str) -> None:
        """Put two persons on the register of kin."""
        self._extra.append(
            Kinship(
                id=f"kin-{person.key[:12]}-{relative.key[:12]}",
                person_key=person.key,
                relative_key=relative.key,
                relation=relation,
            )
        )

    def keep_house(self, village: str, persons: Sequence[Person], until: date | None = None) -> None:
        """Put persons on the register of households as one; they part on a day if told so."""
        members = tuple(Member(person_key=person.key, name=person.name) for person in persons)
        self._extra.append(
            Household(
                id=f"home-{persons[0].key[:16]}",
                valid_from=self.period.long_before,
                valid_to=until,
                village_code=village,
                members=members,
            )
        )

    def bury(self, person: Person, died_on: date) -> None:
        """Put a person on the register of deaths."""
        self._extra.append(
            Death(id=f"death-{person.key[:16]}", person_key=person.key, name=person.name, died_on=died_on)
        )

    def bar(self, company: Company, since: date, reason: str, until: date | None = None) -> None:
        """Put a company on the blacklist."""
        self._extra.append(
            Blacklist(
                id=f"bar-{company.id}",
                valid_from=since,
                valid_to=until,
                subject_id=company.id,
                name=company.name,
                reason=reason,
            )
        )

    def budget(self, village: str, line: str, yuan: int, year: int, *, words: tuple[str, ...]) -> None:
        """Put a further line into a village's budget."""
        self._extra.append(plans.line(village, line, yuan, year, words=words))

    def receipt(self, village: str, number: str, payer: str, fen: int, day: date, **more: Any) -> None:
        """Put a receipt that a village gave on the register; all of it was banked on the day unless told otherwise."""
        told = {"banked_fen": fen, "banked_on": day} | more
        self._extra.append(
            Receipt(
                id=f"{village}-{number}",
                village_code=village,
                receipt_no=number,
                payer=payer,
                amount_fen=fen,
                issued_on=day,
                **told,
            )
        )

    def records(self) -> Iterator[Record]:
        """All records of all registers."""
        yield from plans.resolved(self.villages, self.period)
        yield from pricing.library(self.period.long_before)
        for company in self.companies:
            yield company.record()
        for village in self.villages.values():
            yield from village.assets
        yield from self.dangers.records()
        yield from self._extra

    def _posts(self, roles: dict[str, str]) -> dict[str, Person]:
        return {role: self.people.person() for role in roles}

    def _employ(self) -> None:
        for village in self.villages.values():
            self._employ_all(village, VILLAGE_POSTS, (village.code,))
            for role in ("village_head", "reporting_clerk"):
                self.relate(village.posts[role], self.people.person(), "配偶")
        for code, town in self.towns.items():
            under = tuple(village.code for village in regions.villages(code))
            self._employ_all(town, TOWN_POSTS, under)
            for first in range(0, len(under), _VILLAGES_OF_A_RESIDENT):
                resident = under[first : first + _VILLAGES_OF_A_RESIDENT]
                self.employ(self.people.person(), "驻村干部", town.region, resident, payroll=True)
        self._employ_all(self.county, COUNTY_POSTS, ())

    def _employ_all(self, place: Place, positions: dict[str, str], oversees: tuple[str, ...]) -> None:
        for role, person in place.posts.items():
            self.employ(person, positions[role], place.region, oversees, payroll=place.region.level != "village")

    def _relieve(self) -> None:
        for village in self.villages.values():
            for _ in range(_RELIEVED_OF_A_VILLAGE):
                person = self.people.person()
                self._extra.append(
                    Relief(
                        id=f"relief-{person.key[:16]}",
                        valid_from=self.period.long_before,
                        person_key=person.key,
                        name=person.name,
                        kind="最低生活保障",
                        village_code=village.code,
                    )
                )

    def _assets(self, village: Region, count: int) -> list[Asset]:
        return [
            Asset(
                id=f"{village.code}-A{number:03d}",
                name=f"{village.zh}{self._rng.choice(WORDS['places'])}{kind}{number}号",
                village_code=village.code,
                kind=kind,
                book_value_fen=self._rng.randint(5, 200) * 1_000_000,
                quantity=float(round(self._rng.uniform(15_000, 150_000) / leasing.unit_yuan(kind))),
                unit=leasing.unit(kind),
            )
            for number, kind in enumerate(self._rng.choices(WORDS["assets"], k=count), start=1)
        ]
