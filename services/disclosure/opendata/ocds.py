"""Purchases and works in the Open Contracting Data Standard 1.1: releases, their record, packages. Pure.

A case is one contracting process; each of its events that tells anything new is a release, a resolved change of its
contract (a case of its own) an amendment. Amounts are yuan, exact to the fen; times are Shanghai's.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from services.disclosure.cases import Case
from services.disclosure.free_text import cut
from services.disclosure.masking import Masks
from services.disclosure.opendata.contracting import (
    CHANGE,
    Award,
    Bid,
    Change,
    Contract,
    Paper,
    Party,
    Process,
    Step,
    steps,
)
from services.disclosure.opendata.publication import Publication
from services.disclosure.vocabulary import Vocabulary
from shared import regions
from shared.workdays import SHANGHAI

FILE = Path(__file__).with_suffix(".yaml")
Json = dict[str, Any]
Part = Literal["planning", "tender", "awards", "contracts", "implementation"]
_SECTIONS = ("planning", "tender", "bids", "awards", "contracts")
_AWARD_STATUS = {"active": "active", "ended": "active", "cancelled": "cancelled"}
_CONTRACT_STATUS = {"active": "active", "ended": "terminated", "cancelled": "cancelled"}


@dataclass(frozen=True)
class Mapped:
    """The loaded `ocds.yaml`."""

    extensions: tuple[str, ...]
    matters: frozenset[str]
    methods: Mapping[str, str]
    categories: Mapping[str, str]
    papers: Mapping[str, Mapping[Part, str]]


@cache
def mapped() -> Mapped:
    """The mapping in force."""
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return Mapped(
        extensions=tuple(raw["extensions"]),
        matters=frozenset(raw["matters"]),
        methods=raw["methods"],
        categories=raw["categories"],
        papers=raw["papers"],
    )


def is_process(case: Case) -> bool:
    """Whether a case is a contracting process of its own."""
    return case.matter in mapped().matters and case.flow != CHANGE


def ocid(case_id: str, publication: Publication) -> str:
    """The open contracting id of a case."""
    return f"{publication.ocid_prefix}-{case_id}"


def case_id(ocid: str, publication: Publication) -> str | None:
    """The case of an open contracting id; none when it bears another prefix."""
    prefix = f"{publication.ocid_prefix}-"
    return ocid.removeprefix(prefix) if ocid.startswith(prefix) else None


@dataclass(frozen=True)
class Publisher:
    """What the packages need beside cases: the words, the terms, and where this service answers."""

    masks: Masks
    words: Vocabulary
    terms: Publication
    url: str

    def releases(self, case: Case, changes: Sequence[Change]) -> list[Json]:
        """A release for each event that tells something new, in the order of time, with what is new in it."""
        return self.both(case, changes)[0]

    def record(self, case: Case, changes: Sequence[Change]) -> Json | None:
        """The process as it stands, with links to its releases; none before anything is told."""
        return self.both(case, changes)[1]

    def both(self, case: Case, changes: Sequence[Change]) -> tuple[list[Json], Json | None]:
        """Releases and record, made in one go."""
        told = list(self._told(case, changes))
        if not told:
            return [], None
        process, (last, whole) = ocid(case.case_id, self.terms), told[-1]
        releases = [release for release, _ in told]
        links = [
            {"url": f"{self.releases_url(process)}#{each['id']}", "date": each["date"], "tag": each["tag"]}
            for each in releases
        ]
        compiled = last | whole | {"id": f"{process}-{last['date']}", "tag": ["compiled"]}
        return releases, {"ocid": process, "releases": links, "compiledRelease": compiled}

    def releases_url(self, process: str) -> str:
        """Where all releases of a process are."""
        return f"{self.url}/v1/ocds/processes/{process}/releases"

    def release_package(self, uri: str, releases: Sequence[Json], **links: str) -> Json:
        """Releases with who publishes them and how."""
        return self.package(uri, (each["date"] for each in releases), **links) | {"releases": list(releases)}

    def record_package(self, uri: str, records: Sequence[Json], **links: str) -> Json:
        """Records with who publishes them and how."""
        dates = (record["compiledRelease"]["date"] for record in records)
        return self.package(uri, dates, **links) | {"records": list(records)}

    def package(self, uri: str, dates: Iterable[str], **links: str) -> Json:
        """A package without its content, dated by the latest of it."""
        head: Json = {
            "uri": uri,
            "version": "1.1",
            "extensions": list(mapped().extensions),
            "publishedDate": max(dates, default=_NOTHING_YET),
            "publisher": {"name": self.terms.publisher.zh, "uri": self.url},
            "license": self.terms.licence.url,
            "publicationPolicy": f"{self.url}/data",
        }
        return head | ({"links": links} if links else {})

    def _told(self, case: Case, changes: Sequence[Change]) -> Iterator[tuple[Json, Json]]:
        """Each release, and beside it all that is known by then."""
        before: Json = {}
        for step in steps(case, changes, self.masks):
            whole = _Whole(case, step.process, self).json()
            if tags := _tags(before, whole):
                news = {name: whole[name] for name in _SECTIONS if whole.get(name) != before.get(name)}
                yield self._release(case, step, tags, whole["parties"], news), whole
                before = whole

    def _release(self, case: Case, step: Step, tags: list[str], parties: list[Json], news: Json) -> Json:
        return {
            "ocid": ocid(case.case_id, self.terms),
            "id": step.id,
            "date": moment(step.at),
            "tag": tags,
            "initiationType": "tender",
            "language": "zh",
            "parties": parties,
            "buyer": _village(case),
        } | news


_NOTHING_YET = "1970-01-01T08:00:00+08:00"


@dataclass(frozen=True)
class _Whole:
    """All sections of a process at a moment."""

    case: Case
    process: Process
    publisher: Publisher

    def json(self) -> Json:
        found: Json = {"parties": list(self._parties()), "buyer": _village(self.case)}
        if planning := self._planning():
            found["planning"] = planning
        if self.process.tendered_at or self.process.cancelled:
            found["tender"] = self._tender()
        if self.process.bids:
            found["bids"] = {"details": list(self._bids())}
        if awards := list(self._awards()):
            found["awards"] = awards
        if self.process.contracts:
            found["contracts"] = [self._contract(each) for each in self.process.contracts]
        return found

    def _planning(self) -> Json:
        known = self.process
        amount = known.estimate_fen if known.budget_fen is None else known.budget_fen
        budget = _some(description=_text(known.funding), amount=_value(amount))
        return _some(rationale=_text(known.reason), budget=budget, documents=self._documents("planning"))

    def _tender(self) -> Json:
        known, flow = self.process, self.publisher.words.flow(self.case.flow, self.case.flow_version)
        bidders = [self._reference(bid.bidder) for bid in known.bids if bid.standing != "withdrawn"]
        status = "cancelled" if known.cancelled else "complete" if known.award or known.contract else "active"
        item = _some(id="1", description=_text(known.item), quantity=known.quantity, unit=_some(name=known.unit))
        return _some(
            id=self.case.case_id,
            title=cut(self.case.title) if self.case.title else flow.zh,
            description=flow.zh,
            status=status,
            procuringEntity=_village(self.case),
            items=[item] if known.item else None,
            value=_value(known.budget_fen if known.ceiling_fen is None else known.ceiling_fen),
            procurementMethod=mapped().methods.get(self.case.flow),
            procurementMethodDetails=_text(known.method),
            mainProcurementCategory=mapped().categories.get(self.case.matter),
            numberOfTenderers=len(bidders) or None,
            tenderers=_by_id(bidders),
            documents=self._documents("tender"),
        )

    def _bids(self) -> Iterator[Json]:
        seen: dict[str, int] = {}
        for bid in self.process.bids:
            number = seen[bid.bidder.name] = seen.get(bid.bidder.name, 0) + 1
            yield self._bid(bid, number)

    def _bid(self, bid: Bid, number: int) -> Json:
        return _some(
            id=f"{self._party_id(bid.bidder)}-{number}",
            date=self.process.bids_at and moment(self.process.bids_at),
            status=bid.standing,
            tenderers=[self._reference(bid.bidder)],
            value=_value(bid.price_fen),
        )

    def _awards(self) -> Iterator[Json]:
        for award in self.process.awards:
            yield self._award(award, f"{self.case.case_id}-award-{award.number}", self._documents("awards", award))
        for contract in self.process.contracts:
            if contract.award is None:
                deal = Award(0, contract.node, contract.at, contract.supplier, contract.first_fen, contract.standing)
                yield self._award(deal, self._award_id(contract), None)

    def _award(self, award: Award, id: str, documents: list[Json] | None) -> Json:
        return _some(
            id=id,
            title=_text(self.case.title or self.process.item),
            status=_AWARD_STATUS[award.standing],
            date=moment(award.at),
            value=_value(award.amount_fen),
            suppliers=[self._reference(award.supplier)] if award.supplier else None,
            documents=documents,
        )

    def _award_id(self, contract: Contract) -> str:
        kind = f"award-{contract.award}" if contract.award else f"contract-{contract.number}-award"
        return f"{self.case.case_id}-{kind}"

    def _contract(self, contract: Contract) -> Json:
        latest = contract is self.process.contracts[-1]
        implementation = _some(
            transactions=list(self._transactions()) if latest else None,
            documents=self._documents("implementation", contract),
        )
        ends = contract.finished_on if contract.standing == "ended" else None
        return _some(
            id=f"{self.case.case_id}-contract-{contract.number}",
            awardID=self._award_id(contract),
            title=_text(self.case.title or self.process.item),
            description=_number_of(contract),
            status=_CONTRACT_STATUS[contract.standing],
            period=_some(startDate=_day(contract.started_on), endDate=_day(ends), durationInDays=contract.days or None),
            value=_value(contract.amount_fen),
            dateSigned=_day(contract.signed_on),
            documents=self._documents("contracts", contract),
            implementation=implementation,
            amendments=[self._amendment(each) for each in contract.changes],
        )

    def _transactions(self) -> Iterator[Json]:
        for payment in self.process.payments:
            other = self._reference(payment.other) if payment.other else None
            village = _village(self.case)
            yield _some(
                id=f"{self.case.case_id}-{payment.node}",
                source=f"{self.publisher.url}/v1/cases/{self.case.case_id}",
                date=moment(payment.at),
                value=_value(payment.amount_fen),
                payer=other if payment.received else village,
                payee=village if payment.received else other,
            )

    def _amendment(self, change: Change) -> Json:
        return _some(
            id=change.case_id,
            date=moment(change.at),
            rationale=_text(change.reason),
            description=f"合同金额变更 {change.amount_fen / 100:+.2f} 元",
            releaseID=f"{change.case_id}-{change.sequence}",
        )

    def _documents(self, part: Part, of: Award | Contract | None = None) -> list[Json]:
        return [self._document(paper, part) for paper in self.process.papers if self._place(paper) == (part, of)]

    def _place(self, paper: Paper) -> tuple[Part, Award | Contract | None]:
        """The first part among those for its kind that there was when it was filed."""
        award = _there(self.process.awards, paper.at)
        contract = _there(self.process.contracts, paper.at)
        reached: dict[Part, Award | Contract | None] = {"awards": award, "contracts": contract}
        reached["implementation"] = contract
        for part in mapped().papers.get(paper.kind, {}):
            if part == "tender" and self.process.tendered_at and self.process.tendered_at <= paper.at:
                return part, None
            if reached.get(part):
                return part, reached[part]
        return "planning", None

    def _document(self, paper: Paper, part: Part) -> Json:
        name = self.publisher.words.papers.get(paper.kind)
        return _some(
            id=paper.sha256,
            documentType=mapped().papers.get(paper.kind, {}).get(part),
            title=name.zh if name else paper.kind,
            description=f"SHA-256 {paper.sha256}",
            datePublished=moment(paper.at),
            language="zh",
        )

    def _parties(self) -> Iterator[Json]:
        roles = self._roles()
        town = regions.name(self.case.town_code)
        yield _village(self.case) | {
            "roles": ["buyer", "procuringEntity", "payer"],
            "address": {"locality": town, "region": regions.name(regions.COUNTY), "countryName": "中国"},
        }
        for party, played in roles.items():
            yield self._reference(party) | {"roles": sorted(played)}

    def _roles(self) -> dict[Party, set[str]]:
        found: dict[Party, set[str]] = {}
        for bid in self.process.bids:
            found.setdefault(bid.bidder, set()).add("tenderer")
        deals = [each.supplier for each in self.process.awards] + [each.supplier for each in self.process.contracts]
        for supplier in filter(None, deals):
            found.setdefault(supplier, set()).add("supplier")
        for payment in self.process.payments:
            if payment.other:
                found.setdefault(payment.other, set()).add("payer" if payment.received else "payee")
        return found

    def _reference(self, party: Party) -> Json:
        return {"id": self._party_id(party), "name": cut(party.name)}

    def _party_id(self, party: Party) -> str:
        """Of a firm the same in all processes; of a person, of whom only the mask is known, in this one alone."""
        digest = hashlib.sha256(party.name.encode()).hexdigest()[:16]
        return f"{self.case.case_id}-person-{digest}" if party.is_person else f"org-{digest}"


def moment(at: datetime) -> str:
    """A time as OCDS writes it."""
    return at.astimezone(SHANGHAI).isoformat(timespec="seconds")


def yuan(fen: int) -> float:
    """Fen as the JSON number of yuan: its shortest form has the very digits, up to 10^13 yuan."""
    return fen / 100


def _value(fen: int | None) -> Json | None:
    return None if fen is None else {"amount": yuan(fen), "currency": "CNY"}


def _day(day: date | None) -> str | None:
    return datetime.combine(day, time(), SHANGHAI).isoformat() if day else None


def _number_of(contract: Contract) -> str:
    if not contract.written:
        return "未签订书面合同,凭成交与付款记录"
    # What the mask has struck out of a number leaves no number.
    return f"合同编号 {contract.no}" if contract.no and "*" not in contract.no else "书面合同"


def _village(case: Case) -> Json:
    return {"id": f"CN-{case.village_code}", "name": regions.name(case.village_code)}


def _text(text: str | None) -> str | None:
    return cut(text).strip() or None if text else None


def _there(made: Sequence[Any], at: datetime) -> Any:
    """The last award or contract that there was at a time."""
    return next((each for each in reversed(made) if each.at <= at), None)


def _by_id(references: Iterable[Json]) -> list[Json]:
    return list({each["id"]: each for each in references}.values())


def _some(**values: Any) -> Json:
    """An object without the fields that are empty."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def _tags(before: Json, now: Json) -> list[str]:
    """What is new, in the words of the code list of releases; none when nothing is."""
    tags: list[str] = []
    if not before:
        tags.append("planning")
    elif now.get("planning") != before.get("planning"):
        tags.append("planningUpdate")
    tags += _tender_tags(before, now)
    old = {each["id"]: each for each in before.get("awards", ())}
    for award in now.get("awards", ()):
        if award["id"] not in old:
            tags.append("award")
        elif award != old[award["id"]]:
            tags.append("awardCancellation" if _turned(old[award["id"]], award, "cancelled") else "awardUpdate")
    old = {each["id"]: each for each in before.get("contracts", ())}
    for contract in now.get("contracts", ()):
        tags += _contract_tags(old.get(contract["id"]), contract)
    return list(dict.fromkeys(tags))


def _tender_tags(before: Json, now: Json) -> Iterator[str]:
    old, tender = before.get("tender"), now.get("tender")
    if tender and not old:
        yield "tender"
    if tender and _turned(old or {}, tender, "cancelled"):
        yield "tenderCancellation"
    elif old and (tender != old or now.get("bids") != before.get("bids")):
        yield "tenderUpdate"


def _contract_tags(old: Json | None, now: Json) -> Iterator[str]:
    if old is None:
        yield "contract"
    elif old.get("amendments") != now.get("amendments"):
        yield "contractAmendment"
    elif _turned(old, now, "terminated"):
        yield "contractTermination"
    elif {**old, "implementation": None} != {**now, "implementation": None}:
        yield "contractUpdate"
    done, was = now.get("implementation"), (old or {}).get("implementation")
    if done and done != was:
        yield "implementationUpdate" if was else "implementation"


def _turned(old: Json, now: Json, status: str) -> bool:
    return now["status"] == status and old.get("status") != status
