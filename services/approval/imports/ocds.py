"""Releases of the Open Contracting Data Standard 1.1 read as rows of purchases and works, each with its own date. Pure.

What a release tells anew becomes rows of the nodes that ask for it. OCDS has no words for resolutions, notices and
acceptances, so a case that came from it holds none.
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import yaml

from services.approval.flows import Flow, Node
from services.approval.imports.records import Record, RowFault, digest_of
from services.approval.imports.rows import RowReader, WrongCell, in_our_time
from shared.contracts.power import Bid, NodeFields
from shared.sheets import MAX_FILE_BYTES, SheetRefused
from shared.texts import seen
from shared.workdays import SHANGHAI

Json = dict[str, Any]
_FILE = Path(__file__).with_suffix(".yaml")
_SIGNS = re.compile(rb'"(?:ocid|releases|compiledRelease)"\s*:')
_RECORDS = re.compile(rb'"records"\s*:\s*\[')
_CODE = re.compile(r"(\d{12})$")
_NUMBER = re.compile(r"^合同编号 (.+)$")
_MAX_TITLE = 200
_MAX_TEXT = 500
_MOST_NUMBER = 10**9
_MOST_FEN = 10**15
_MOST_WHOLE = 64 * 1024 * 1024


@cache
def _filed_under() -> tuple[Mapping[str, Mapping[str, str]], str]:
    told = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return told["flows"], told["category"]


def is_ocds(head: bytes) -> bool:
    """Whether a JSON file that begins so holds releases or records of OCDS."""
    return bool(_SIGNS.search(head) or _RECORDS.search(head))


@dataclass
class _Process:
    """What is known of a process from all its releases, and what its rows have told until now."""

    title: str = ""
    item: str = ""
    flow_name: str = ""
    category: str = ""
    method: str = ""
    opened: bool = False
    told: dict[str, Any] = field(default_factory=dict)


def read_releases(path: Path, name: str, reader: RowReader) -> Iterator[Record | RowFault]:
    """The rows of all releases of a file: a package, or one release or package a line; raises `SheetRefused`."""
    known: defaultdict[str, _Process] = defaultdict(_Process)
    dated: list[tuple[str, int]] = []
    for number, release in _releases(path):
        _get_to_know(known[str(release.get("ocid"))], release)
        dated.append((str(release.get("date") or ""), number))
    if not known:
        raise SheetRefused("没有找到 OCDS release", "There is no OCDS release in it")
    in_order = all(earlier <= later for earlier, later in itertools.pairwise(dated))
    releases = _releases(path) if in_order else iter(sorted(_releases(path), key=lambda each: _when(each[1])))
    for number, release in releases:
        yield from _Reader(name, number, release, known[str(release.get("ocid"))], reader).rows()


def _when(release: Json) -> datetime:
    """The moment of a release for sorting; those without one come first, to be told as faults."""
    try:
        return _moment(release.get("date"))
    except WrongCell:
        return datetime.min.replace(tzinfo=UTC)


def _releases(path: Path) -> Iterator[tuple[int, Json]]:
    number = 0
    for part in _parts(path):
        if "records" in part:
            raise SheetRefused("请提供 release(不是 record)", "Releases are needed, not records")
        for release in part.get("releases", [part]):
            if isinstance(release, dict):
                number += 1
                yield number, release


def _parts(path: Path) -> Iterator[Json]:
    """The lines of a file where each is a JSON object, else the whole file as one."""
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise SheetRefused(f"文件不得超过 {MAX_FILE_BYTES // 1024 // 1024} MiB", "The file is too large: split it")
    with path.open("rb") as file:
        first = file.readline().removeprefix(b"\xef\xbb\xbf")
        lines = bool(_object(first))
        file.seek(0)
        if lines:
            for number, line in enumerate(file, start=1):
                if text := line.removeprefix(b"\xef\xbb\xbf").strip():
                    part = _object(text)
                    if part is None:
                        raise SheetRefused(f"第 {number} 行不是 JSON 对象", f"Line {number} is no JSON object")
                    yield part
            return
        if size > _MOST_WHOLE:
            raise SheetRefused("请改为每行一个 release(NDJSON)", "So large a file is needed with one release a line")
        whole = _object(file.read().removeprefix(b"\xef\xbb\xbf"))
    if whole is None:
        raise SheetRefused("文件不是 JSON 对象", "The file is no JSON object")
    yield whole


def _object(text: bytes) -> Json | None:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _get_to_know(process: _Process, release: Json) -> None:
    tender = _part(release, "tender")
    items = tender.get("items")
    if isinstance(items, list) and items and isinstance(items[0], dict):
        process.item = _text(items[0].get("description")) or process.item
    titles = [tender.get("title"), *(each.get("title") for each in _list(release, "awards"))]
    process.title = process.title or next((text for title in titles if (text := _text(title))), "")
    process.flow_name = _text(tender.get("description")) or process.flow_name
    process.category = _text(tender.get("mainProcurementCategory")) or process.category
    process.method = _text(tender.get("procurementMethod")) or process.method


@dataclass
class _Reader:
    """One release as it is read."""

    file: str
    number: int
    release: Json
    process: _Process
    rows_of: RowReader

    def rows(self) -> Iterator[Record | RowFault]:
        """Its rows, or what must be mended in it, by the path in the release."""
        try:
            made = list(self._rows())
        except WrongCell as wrong:
            yield self._fault(wrong.place, wrong.zh, wrong.en, wrong.value)
            return
        yield from made
        if any("amend" in str(tag).lower() for tag in self._tags()):
            zh, en = "合同变更请作为变更案件(EN5)另行登记", "An amendment is filed as a case of its own (EN5): left out"
            yield self._fault("contracts.amendments", zh, en, grave=False)
        if any(str(tag).lower().endswith("cancellation") for tag in self._tags()):
            zh, en = (
                "流程已取消,案件未关闭,请核对后撤回",
                "It was cancelled; the case stays open: withdraw it after a check",
            )
            yield self._fault("tag", zh, en, grave=False)

    def _tags(self) -> list[Any]:
        tags = self.release.get("tag")
        return tags if isinstance(tags, list) else []

    def _fault(self, place: str, zh: str, en: str, value: str = "", *, grave: bool = True) -> RowFault:
        return RowFault(self.file, self.number, place, zh, en, value[:80], grave)

    def _rows(self) -> Iterator[Record]:
        case_no = self.rows_of.case_no(str(self.release.get("ocid") or ""))
        at = _moment(self.release.get("date"))
        village, flow = self._village(), self._flow()
        told = self._told()
        if not self.process.opened:
            opening: dict[str, Any] = {name: told[name] for name in ("item", "reason", "location") if name in told}
            if "budget_fen" in told:
                # What a process begins with is an estimate; a budget is what comes after it.
                opening["estimate_fen"] = told.pop("budget_fen")
            if self.process.item:
                opening["item"] = self.process.item
            yield self._record(village, case_no, flow, None, at, opening)
            self.process.opened = True
            self.process.told |= opening
        if told.get("ceiling_price_fen") == told.get("budget_fen", self.process.told.get("budget_fen")):
            # A tender that states no price of its own is worth what was budgeted.
            told.pop("ceiling_price_fen", None)
        by_node: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        when: dict[str, datetime] = {}
        for name, value in told.items():
            node = _node_of(flow, name)
            if node and self.process.told.get(name) != value:
                by_node[node.code][name] = value
                when[node.code] = at
                self.process.told[name] = value
        for node in flow.nodes:
            if fields := by_node.get(node.code):
                if "award_fen" in fields or "contract_fen" in fields:
                    fields |= self._supplier()
                yield self._record(village, case_no, flow, node, when[node.code], fields)
        yield from self._payments(village, case_no, flow, at)
        ended = any(each.get("status") == "terminated" for each in _list(self.release, "contracts"))
        if ended and "ended" not in self.process.told:
            self.process.told["ended"] = True
            yield self._record(village, case_no, flow, flow.nodes[-1], at, {})

    def _record(
        self, village: str, case_no: str, flow: Flow, node: Node | None, at: datetime, said: Mapping[str, Any]
    ) -> Record:
        fields = NodeFields(**said)
        title = (self.process.title or self.process.item or case_no)[:_MAX_TITLE]
        digest = digest_of(case_no, flow, node, at, ("", None), fields, ())
        return Record(self.file, self.number, village, case_no, flow, node, at, title, "", None, fields, (), digest)

    def _village(self) -> str:
        buyer = _part(self.release, "buyer") or _part(_part(self.release, "tender"), "procuringEntity")
        code = _CODE.search(str(buyer.get("id") or ""))
        if code:
            return self.rows_of.village(code[1])
        try:
            return self.rows_of.village("")
        except WrongCell:
            return self.rows_of.village(_text(buyer.get("name")))

    def _flow(self) -> Flow:
        catalogue, process = self.rows_of.catalogue, self.process
        if self.rows_of.mapping.flow:
            return catalogue.flow(self.rows_of.mapping.flow)
        for flow in catalogue.flows.values():
            if process.flow_name and flow.name.zh == process.flow_name:
                return flow
        flows, usual = _filed_under()
        code = flows.get(process.category or usual, {}).get(process.method)
        if code is None:
            raise WrongCell(
                f"采购方式 {process.method or '未填'} 无法对应流程,请在导入时指定流程",
                "No flow for this category and method: name one at the upload",
                "tender.procurementMethod",
                process.method,
            )
        return catalogue.flow(code)

    def _told(self) -> dict[str, Any]:
        """What this release says, by our fields."""
        planning, tender = _part(self.release, "planning"), _part(self.release, "tender")
        budget = _part(planning, "budget")
        contract = next(iter(reversed(_list(self.release, "contracts"))), {})
        award = next(iter(reversed(_list(self.release, "awards"))), {})
        period = _part(contract, "period")
        item: Json = next(iter(_list(tender, "items")), {})
        numbered = _NUMBER.match(_text(contract.get("description")))
        said = {
            "reason": _text(planning.get("rationale")),
            "budget_fen": _fen(budget.get("amount"), "planning.budget.amount"),
            "funding_source": _text(budget.get("description")),
            "selection_method": _text(tender.get("procurementMethodDetails")),
            "ceiling_price_fen": _fen(tender.get("value"), "tender.value"),
            "quantity": _number(item.get("quantity")),
            "unit": _text(_part(item, "unit").get("name")),
            "bids": tuple(self._bids()) or None,
            "award_fen": _fen(award.get("value"), "awards.value"),
            "contract_fen": _fen(contract.get("value"), "contracts.value"),
            "contract_no": numbered[1] if numbered else "",
            "contract_signed_on": _day(contract.get("dateSigned"), "contracts.dateSigned"),
            "contract_days": None if (days := _number(period.get("durationInDays"))) is None else int(days),
            "started_on": _day(period.get("startDate"), "contracts.period.startDate"),
            "finished_on": _day(period.get("endDate"), "contracts.period.endDate"),
        }
        return {name: value for name, value in said.items() if value not in (None, "")}

    def _bids(self) -> Iterator[Bid]:
        for bid in _list(_part(self.release, "bids"), "details"):
            bidder = next(iter(_list(bid, "tenderers")), {})
            price = _fen(bid.get("value"), "bids.details.value")
            if price is None or bid.get("status") == "withdrawn":
                continue
            name, id_ = _text(bidder.get("name")), _text(bidder.get("id"))[:100]
            if not name:
                raise WrongCell("报价没有单位名称", "A bid has no bidder", "bids.details.tenderers", id_)
            valid = bid.get("status") != "disqualified"
            yield Bid(company_id=self._registered(id_), company_name=name, price_fen=price, valid=valid)

    def _supplier(self) -> dict[str, str]:
        deals = [*_list(self.release, "awards")]
        supplier = next((each for deal in reversed(deals) for each in _list(deal, "suppliers")), None)
        if supplier is None:
            return {}
        named = {"supplier_name": _text(supplier.get("name"))}
        party_id = _text(supplier.get("id"))
        registered = self._registered(party_id)
        return named | ({"supplier_id": registered} if registered != party_id else {})

    def _registered(self, party_id: str) -> str:
        """A party's registered number where its release tells it, else the id that it has there."""
        for party in _list(self.release, "parties"):
            if str(party.get("id")) == party_id and (number := _text(_part(party, "identifier").get("id"))):
                return number.upper()
        return party_id

    def _payments(self, village: str, case_no: str, flow: Flow, at: datetime) -> Iterator[Record]:
        node = _node_of(flow, "payment_fen")
        for contract in _list(self.release, "contracts"):
            for paid in _list(_part(contract, "implementation"), "transactions"):
                amount = _fen(paid.get("value"), "contracts.implementation.transactions.value")
                key, said = f"paid|{paid.get('id')}", amount
                if node is None or amount is None or self.process.told.get(key) == said:
                    continue
                self.process.told[key] = said
                moment = _moment(paid.get("date")) if paid.get("date") else at
                payee = _text(_part(paid, "payee").get("name"))
                fields = {"payment_fen": amount} | ({"payee_name": payee} if payee else {})
                yield self._record(village, case_no, flow, node, moment, fields)


# Told with the tender, or with whatever comes nearest to it in a flow that has no tender of its own.
_ALONG = {"quantity": "selection_method", "unit": "selection_method", "reason": "", "contract_no": "contract_fen"}


def _node_of(flow: Flow, name: str) -> Node | None:
    """The first node that asks for a field."""
    asked = _ALONG.get(name, name)
    return next((node for node in flow.nodes if asked in {use.name for use in node.form}), None)


def _part(of: Json, name: str) -> Json:
    part = of.get(name)
    return part if isinstance(part, dict) else {}


def _list(of: Json, name: str) -> list[Json]:
    parts = of.get(name)
    return [each for each in parts if isinstance(each, dict)] if isinstance(parts, list) else []


def _text(value: Any) -> str:
    """A text as its reader sees it; "" for anything else."""
    return seen(value).strip()[:_MAX_TEXT] if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    """A number of a size that makes sense; None for anything else."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MOST_NUMBER
    return float(value) if usable else None


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value or ""))
    except ValueError as error:
        raise WrongCell("release 须有日期", "A release needs its date", "date", str(value or "")) from error
    return in_our_time(lambda: (moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)).astimezone(UTC))


def _day(value: Any, place: str) -> date | None:
    if value in (None, ""):
        return None
    try:
        moment = datetime.fromisoformat(str(value))
        return (moment.astimezone(SHANGHAI) if moment.tzinfo else moment).date()
    except (ValueError, OverflowError) as error:
        raise WrongCell("日期应为 ISO 8601", "A date of ISO 8601 is needed", place, str(value)) from error


def _fen(value: Any, place: str) -> int | None:
    if not isinstance(value, dict) or value.get("amount") is None:
        return None
    if value.get("currency", "CNY") != "CNY":
        raise WrongCell("只接受人民币 CNY", "Only CNY is taken", f"{place}.currency", str(value["currency"]))
    try:
        fen = Decimal(str(value["amount"])) * 100
        whole = fen == fen.to_integral_value() and 0 <= fen <= _MOST_FEN
    except InvalidOperation as error:
        raise WrongCell("金额应为数字", "A number is needed", f"{place}.amount", str(value["amount"])) from error
    if not whole:
        raise WrongCell(
            "金额最多两位小数,不为负", "Two decimals at most, not negative", f"{place}.amount", str(value["amount"])
        )
    return int(fen)
