"""Drafts of honest cases of every flow: amounts within the flow's limits, real competition, everything in its order."""

import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from deploy.demo import bidding, details, leasing
from deploy.demo.cases import Draft, Step
from deploy.demo.companies import Company
from deploy.demo.county import County
from deploy.demo.forms import Forms
from deploy.demo.leasing import Letting
from deploy.demo.people import Person
from deploy.demo.schedule import local_day, schedule
from deploy.demo.words import WORDS
from services.approval import flows
from services.approval.flows import Flow
from shared import regions
from shared.contracts.power import Worker
from shared.contracts.reference import Asset
from shared.identity import account_key, birth_year

CASES = uuid.UUID("5d1f3c1c-5f0e-5a57-9a30-7d4c0f4b2a10")
_YUAN = 100
# What a case of each flow usually costs, in yuan: clear of the limits on both sides.
_AMOUNTS = {
    "PR1": (200, 4_200),
    "PR2": (6_000, 80_000),
    "PR3": (110_000, 380_000),
    "PR4": (3_000, 40_000),
    "EN1": (8_000, 42_000),
    "EN2": (60_000, 255_000),
    "EN3": (330_000, 1_900_000),
    "EN4": (4_300_000, 9_000_000),
    "EN5": (300, 2_500),
    "EN6": (10_000, 120_000),
    "AS1": (12_000, 180_000),
    "AS2": (12_000, 180_000),
    "AS3": (20_000, 400_000),
    "AS4": (200, 4_000),
    "LA1": (500, 6_000),
    "LA2": (9_000, 30_000),
    "LA3": (300, 3_000),
    "RE1": (700, 1_100),
    "RE2": (1_000, 8_000),
    "RE3": (2_000, 20_000),
}
# Days to do the works in: what the flow allows until acceptance.
_CONTRACT_DAYS = {"EN1": 40, "EN2": 75, "EN3": 200, "EN4": 240}
_SHORT_CONTRACT = 30
_NOTHING = (0, 0)
# One contract of so many is a major matter, which the town seals too.
_MAJOR = 3
_DAY_WAGE_FEN = 160 * _YUAN
_SELECTION = {
    "PR1": "直接采购",
    "PR2": "询价比价",
    "PR4": "应急采购",
    "EN1": "比价确定",
    "EN2": "竞包",
    "EN6": "应急指定",
}
TRADES = {"PR": "goods", "EN": "works", "AS": "tenants"}
LEASING = ("AS1", "AS2")
_PAID_MONTHLY = ("LA1", "LA3")
_MOST_DAYS_OF_A_MONTH = 26.0
_RUN_BY_AGENTS = ("EN2", "EN3", "EN4", "PR3", "AS1", "AS2")
_OPEN_TENDER = "公开招标"
_OPEN_AUCTION = "公开竞价"

# A case's title and what is known of it from the beginning, by the names of the fields.
Titled = tuple[str, dict[str, Any]]


@dataclass
class Chosen:
    """What may be chosen beforehand of a case; whatever is not is drawn."""

    kind: str | None = None
    place: str | None = None
    amount_yuan: int | None = None
    winner: Company | None = None
    bidders: list[Company] | None = None
    agent: Company | None = None
    beneficiary: Person | None = None
    workers: list[Person] | None = None
    related_case_no: str | None = None
    contract: Mapping[str, Any] | None = None
    asset: Asset | None = None
    letting: Letting | None = None
    late: Mapping[str, int] = field(default_factory=dict)


class Drafter:
    """Drafts cases of one county, each with its own id and number, all drawn from one seed."""

    def __init__(self, county: County, seed: int, rng: Random) -> None:
        self.county = county
        self._seed = seed
        self._rng = rng
        self._catalogue = flows.load()
        self._numbers: Counter[tuple[str, str, int]] = Counter()
        self._made = 0

    def draft(self, code: str, village: str, opened_at: datetime, chosen: Chosen | None = None) -> Draft:
        """An honest case of a flow, opened at a moment."""
        chosen = chosen or Chosen()
        flow = self._catalogue.flow(code)
        times = schedule(flow, opened_at, self._rng, chosen.late)
        bidders = chosen.bidders or self._bidders(flow, chosen.winner)
        title, known = self._known(flow, village, chosen, bidders, opened_at)
        known |= self._competition(flow, known, bidders, times)
        known |= details.of(flow, known) | self._agency(flow, chosen)
        asked = tuple(node for node in flow.nodes if node.when is None or node.when.holds(known.get(node.when.field)))
        if asked != flow.nodes:
            shorter = Random(f"{self._seed}|shorter|{self._made}")
            times = schedule(replace(flow, nodes=asked), opened_at, shorter, chosen.late)
        inspectors = tuple(
            self.county.official(village, role).name for role in ("supervisory_committee", "two_committees")
        )
        forms = Forms(self._rng, known, (*inspectors, self.county.people.person().name))
        self._made += 1
        return Draft(
            case_id=str(uuid.uuid5(CASES, f"{self._seed}|{self._made}")),
            case_no=self._number(village, code, opened_at),
            title=f"{regions.name(village)}{title}",
            flow=flow,
            village_code=village,
            opened_at=opened_at,
            by=self.county.official(village, "handler"),
            fields=forms.opening(flow.form),
            steps=[
                Step(
                    node=node,
                    at=times[node.code],
                    by=self.county.official(village, node.role),
                    fields=forms.of(node, times[node.code]),
                    papers=[need.kind for need in node.documents],
                )
                for node in asked
            ],
        )

    def _number(self, village: str, code: str, opened_at: datetime) -> str:
        year = local_day(opened_at).year
        self._numbers[village, code, year] += 1
        return f"{village}-{code}-{year}-{self._numbers[village, code, year]:04d}"

    def _known(self, flow: Flow, village: str, chosen: Chosen, bidders: list[Company], opened_at: datetime) -> Titled:
        low, high = _AMOUNTS.get(flow.code, _NOTHING)
        yuan = chosen.amount_yuan or self._rng.randint(low, high)
        amount = yuan * _YUAN
        place = chosen.place or self._rng.choice(WORDS["places"])
        match flow.matter:
            case "PR":
                return self._purchase(flow, chosen, amount, place, bidders)
            case "EN":
                return self._works(flow, chosen, amount, place, bidders)
            case "AS":
                return self._asset(flow, village, chosen, amount, bidders[0], opened_at)
            case "LA":
                return self._labour(flow, chosen, amount, place)
            case "RE":
                return self._relief(flow, chosen, amount)
            case _:
                return self._seal(flow, chosen)

    def _purchase(self, flow: Flow, chosen: Chosen, amount: int, place: str, bidders: list[Company]) -> Titled:
        kind = chosen.kind or self._rng.choice(WORDS["purchases"])
        known = self._deal(flow, amount, bidders)
        known |= {"item": f"{kind}采购", "category": kind, "location": place, "reason": "村级日常所需"}
        return f"{kind}采购", known | {"quantity": float(self._rng.randint(1, 40)), "unit": "批"}

    def _works(self, flow: Flow, chosen: Chosen, amount: int, place: str, bidders: list[Company]) -> Titled:
        kind = chosen.kind or self._rng.choice(WORDS["works"])
        item = f"{place}{kind}工程"
        known = {"item": item, "category": kind, "location": place, "reason": "改善村民生产生活条件"}
        known |= {"quantity": float(self._rng.randint(50, 900)), "unit": "平方米"}
        if flow.code == "EN5":
            known |= {"change_fen": amount, "related_case_no": chosen.related_case_no}
            return f"{item}变更", known
        return item, known | self._deal(flow, amount, bidders)

    def _agency(self, flow: Flow, chosen: Chosen) -> dict[str, Any]:
        """Who runs a tender or appraises an asset, drawn by lot."""
        if flow.code not in _RUN_BY_AGENTS:
            return {}
        agent = chosen.agent or self._rng.choice(self.county.agents)
        return {"agent_id": agent.id, "agent_name": agent.name, "agent_drawn": chosen.agent is None}

    def _deal(self, flow: Flow, amount: int, bidders: list[Company]) -> dict[str, Any]:
        """Money from estimate to payment, and who is paid."""
        winner = bidders[0]
        competes = len(bidders) > 1
        award = round(amount * self._rng.uniform(0.87, 0.95) / _YUAN) * _YUAN if competes else amount
        settled = round(award * self._rng.uniform(0.975, 0.998)) if flow.matter == "EN" else award
        return {
            "estimate_fen": amount,
            "budget_fen": amount,
            "ceiling_price_fen": amount,
            "funding_source": self._rng.choice(("村集体经济收入", "上级补助资金", "村级组织运转经费")),
            "selection_method": _SELECTION.get(flow.code, _OPEN_TENDER),
            "award_fen": award,
            "contract_fen": award,
            "contract_days": _CONTRACT_DAYS.get(flow.code, _SHORT_CONTRACT) + self._rng.randint(0, 20),
            "settlement_fen": settled,
            "payment_fen": settled,
            "invoice_fen": settled,
            "supplier_id": winner.id,
            "supplier_name": winner.name,
            "payee_name": winner.name,
            "payee_account_key": winner.account,
        }

    def _bidders(self, flow: Flow, winner: Company | None) -> list[Company]:
        """The winner and competitors of the open market, the winner first."""
        trade = TRADES.get(flow.matter)
        if trade is None:
            return []
        drawn = self._rng.sample(self.county.market[trade], self._rng.randint(3, 5) if _competes(flow) else 1)
        if winner is None:
            return drawn
        return [winner, *(company for company in drawn if company != winner)][: len(drawn)]

    def _asset(
        self, flow: Flow, village: str, chosen: Chosen, amount: int, winner: Company, opened_at: datetime
    ) -> Titled:
        lease = _lease(chosen.letting, opened_at) if flow.code in LEASING else {}
        asset = self._let(village, chosen)
        if chosen.letting:
            amount = chosen.letting.lease.annual_rent_fen
        elif lease and not chosen.amount_yuan:
            amount = round(leasing.fair_rent_fen(asset) * self._rng.uniform(0.95, 1.2) / _YUAN) * _YUAN
        reserve = round(amount * self._rng.uniform(0.84, 0.96))
        known: dict[str, Any] = {
            "asset_id": asset.id,
            "asset_name": asset.name,
            "category": asset.kind,
            "location": asset.name,
            "quantity": asset.quantity,
            "unit": asset.unit,
            "reserve_fen": reserve,
            "appraisal_fen": reserve,
            "estimate_fen": reserve,
            "selection_method": _OPEN_AUCTION,
            "supplier_id": winner.id,
            "supplier_name": winner.name,
            "award_fen": amount,
            "received_fen": amount,
            "invoice_fen": amount,
        }
        match flow.code:
            case "AS1":
                known |= {"annual_rent_fen": amount, "reason": "盘活村集体资产"} | lease
                return f"{asset.name}出租", known
            case "AS2":
                known |= {"annual_rent_fen": amount, "reason": "合同到期,承租人申请续租"} | lease
                return f"{asset.name}续租", known
            case "AS3":
                known |= {"contract_fen": amount, "reason": "资产闲置,转让增收"}
                return f"{asset.name}转让", known
            case _:
                known |= {"reason": "已损坏无法使用", "appraisal_fen": amount}
                return f"{asset.name}报废核销", known

    def _let(self, village: str, chosen: Chosen) -> Asset:
        given = chosen.letting.asset if chosen.letting else chosen.asset
        return given or self._rng.choice(self.county.villages[village].assets)

    def _labour(self, flow: Flow, chosen: Chosen, amount: int, place: str) -> Titled:
        workers = chosen.workers or [self.county.people.person() for _ in range(self._rng.randint(1, 4))]
        days = float(max(1, amount // _DAY_WAGE_FEN // len(workers)))
        if flow.code in _PAID_MONTHLY:
            days = min(days, _MOST_DAYS_OF_A_MONTH)
        sheet = tuple(
            Worker(
                person_key=person.key,
                name=person.name,
                days=days,
                wage_fen=round(days * _DAY_WAGE_FEN),
                birth_year=birth_year(person.id_no),
            )
            for person in workers
        )
        paid = sum(line.wage_fen for line in sheet)
        known: dict[str, Any] = {
            "headcount": len(sheet),
            "location": place,
            "workers": sheet,
            "payment_fen": paid,
            "estimate_fen": paid,
            "budget_fen": paid,
            "funding_source": "村集体经济收入",
            "reason": "村级公共事务需要",
        }
        if flow.code == "LA2":
            post = chosen.kind or self._rng.choice(WORDS["posts"])
            hired = workers[0]
            known |= {"position": post, "headcount": 1, "workers": sheet[:1], "payment_fen": sheet[0].wage_fen}
            known |= {"hire_name": hired.name, "hire_person_key": hired.key, "selection_method": "公开招聘"}
            return f"{post}聘用", known
        job = chosen.kind or self._rng.choice(WORDS["jobs"])
        item = f"{place}{job}" if flow.code == "LA1" else "参与村务误工补贴"
        return f"{item}用工" if flow.code == "LA1" else item, known | {"item": item, "selection_method": "用工库抽取"}

    def _relief(self, flow: Flow, chosen: Chosen, amount: int) -> Titled:
        if flow.code == "RE3":
            known = {"item": "困难群众慰问", "relief_kind": "慰问", "reason": "节日慰问", "estimate_fen": amount}
            known |= {"received_fen": amount, "headcount": self._rng.randint(8, 30), "funding_source": "社会捐赠"}
            return "困难群众慰问", known | {
                "payment_fen": amount,
                "settlement_fen": amount,
                "quantity": 1.0,
                "unit": "批",
            }
        person = chosen.beneficiary or self.county.people.person()
        kind = "最低生活保障" if flow.code == "RE1" else "临时救助"
        return f"{kind}申请", {
            "beneficiary_name": person.name,
            "beneficiary_key": person.key,
            "household_size": self._rng.randint(1, 4),
            "household_income_fen": self._rng.randint(4_000, 12_000) * _YUAN,
            "relief_kind": kind,
            "reason": self._rng.choice(WORDS["hardships"]),
            "relief_fen": amount,
            "payment_fen": amount,
            "payee_name": person.name,
            "payee_account_key": account_key(f"62170{person.id_no}", self.county.secret),
        }

    def _seal(self, flow: Flow, chosen: Chosen) -> Titled:
        purpose = chosen.kind or self._rng.choice(WORDS["certificates" if flow.code == "SE1" else "contracts"])
        known: dict[str, Any] = {
            "seal_purpose": purpose,
            "seal_kind": "村民委员会公章",
            "copies": self._rng.randint(1, 4),
            "contract_no": None,
        } | dict(chosen.contract or {})
        known["major"] = self._made % _MAJOR == 0
        known |= {"recipient": "村民本人" if flow.code == "SE1" else "合同相对方"}
        return purpose, known | ({"related_case_no": chosen.related_case_no} if chosen.related_case_no else {})

    def _competition(
        self, flow: Flow, known: dict[str, Any], bidders: list[Company], times: dict[str, datetime]
    ) -> dict[str, Any]:
        if not _competes(flow):
            return {}
        opened = next(times[node.code] for node in flow.nodes if any(use.name == "bids" for use in node.form))
        rising = flow.matter == "AS"
        return {"bids": bidding.bids(bidders, known["award_fen"], opened, self._rng, rising=rising)}


def _competes(flow: Flow) -> bool:
    """Whether a form of the flow must hold bids."""
    return any(use.name == "bids" and use.required for node in flow.nodes for use in node.form)


def _lease(letting: Letting | None, opened_at: datetime) -> dict[str, date]:
    """The lease that a case leads to: without one agreed upon, three years from half a year after its opening."""
    begins = letting.lease.valid_from if letting else local_day(opened_at) + timedelta(days=180)
    return {"lease_from": begins, "lease_to": begins + leasing.TERM - timedelta(days=1)}
