"""What the open data and the pages say about villages and their cases.

No person is named whom a form named; whom only a free text speaks of is struck out best effort (`people.yaml`).
"""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from services.disclosure.cases import Case, State
from services.disclosure.free_text import cut
from services.disclosure.masking import Masks
from services.disclosure.sums import sums_of
from services.disclosure.vocabulary import UNNAMED_NODE, Vocabulary
from shared import regions
from shared.contracts.power import Matter
from shared.words import Name


class Answer(BaseModel):
    """What all answers share."""

    model_config = ConfigDict(frozen=True)


class Named(Answer):
    """A code with its names."""

    code: str
    zh: str
    en: str

    @classmethod
    def of(cls, code: str, name: Name) -> Self:
        """The code beside its names."""
        return cls(code=code, zh=name.zh, en=name.en)

    @classmethod
    def region(cls, code: str) -> Self:
        """A town or village; its code stands for the name of one that the county's list lacks."""
        try:
            found = regions.region(code)
        except KeyError:
            return cls(code=code, zh=code, en=code)
        return cls(code=code, zh=found.zh, en=found.en)


class Bilingual(Answer):
    """One phrase in both languages."""

    zh: str
    en: str

    @classmethod
    def of(cls, name: Name) -> Self:
        """A name as an answer."""
        return cls(zh=name.zh, en=name.en)


class CaseLinks(Answer):
    """Where a case is found."""

    data: str
    page: str

    @classmethod
    def of(cls, case_id: str) -> Self:
        """The links of a case."""
        return cls(data=f"/v1/cases/{case_id}", page=f"/cases/{case_id}")


class CaseCard(Answer):
    """One case in a list. It waits at `node`; its flow has `node_count` nodes, of which `passed` lie behind it.

    From `public_until` on it is not public any more and is to be deleted by whoever has copied it; none: for good.
    """

    case_id: str
    case_no: str
    title: Bilingual
    matter: Named
    state: Named
    node: Named | None
    passed: int
    node_count: int
    due_at: datetime | None
    opened_at: datetime
    updated_at: datetime
    public_until: datetime | None = None
    decided_fen: int | None = Field(None, description="合同价或成交价,分 / the contract or the award, in fen")
    paid_fen: int | None = Field(None, description="已付,分 / paid, in fen")
    received_fen: int | None = Field(None, description="已收,分 / received, in fen")
    links: CaseLinks

    @classmethod
    def of(cls, case: Case, masks: Masks, words: Vocabulary) -> Self:
        """The card of a case as it stands."""
        return cls(**card_values(case, words), **sum_values(case, masks, words), public_until=case.public_until(masks))


class NoticeCard(Answer):
    """What is on public notice until `ends_at`."""

    case_id: str
    case_no: str
    title: Bilingual
    matter: Named
    node: Named
    ends_at: datetime
    links: CaseLinks


class Counts(Answer):
    """How many cases are in which state."""

    running: int = 0
    closed: int = 0
    withdrawn: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.running + self.closed + self.withdrawn

    def moved(self, before: State | None, after: State | None) -> Self:
        """The counts after one case went from a state to another; none: not counted."""
        counts = self.model_dump()
        if before:
            counts[before] -= 1
        if after:
            counts[after] += 1
        return type(self)(**counts)


class MatterCounts(Counts):
    """The cases of one of the six matters."""

    matter: Named


class QuarterMoney(Answer):
    """What the cases of one matter decided, paid and received in one quarter of Shanghai's calendar, in fen."""

    quarter: str = Field(description="如 2026Q1 / such as 2026Q1")
    matter: Named
    decided_fen: int = 0
    paid_fen: int = 0
    received_fen: int = 0


class AlertCount(Answer):
    """Alerts raised in a year that is over and not withdrawn in it, in groups: whoever files something today changes
    nothing in it, and a single alert can't be told from it.
    """

    year: int
    at_least: int = Field(description="不少于此数,0 表示少于一组 / no fewer than this; 0 when fewer than one group")
    zh: str
    en: str

    @classmethod
    def of(cls, year: int, count: int, group: int) -> Self:
        """A count as it may be published."""
        floor = count - count % group
        if not floor:
            return cls(year=year, at_least=0, zh=f"少于 {group} 件", en=f"fewer than {group}")
        return cls(year=year, at_least=floor, zh=f"{floor} 件以上", en=f"{floor} or more")


class VillageLinks(Answer):
    """Where a village's pages and files are."""

    data: str
    page: str
    cases: str
    qr_svg: str
    qr_png: str

    @classmethod
    def of(cls, code: str) -> Self:
        """The links of a village."""
        data, page = f"/v1/villages/{code}", f"/villages/{code}"
        return cls(data=data, page=page, cases=f"{data}/cases", qr_svg=f"{data}/qr.svg", qr_png=f"{data}/qr.png")


class VillagePage(Answer):
    """One village: its cases by matter, what ends its public notice next, what moved last, last year's alerts."""

    village: Named
    town: Named
    matters: tuple[MatterCounts, ...]
    money: tuple[QuarterMoney, ...] = Field((), description="本季度 / of the quarter that runs, without relief")
    notices: tuple[NoticeCard, ...] = ()
    notice_count: int = Field(0, description="正在公示的总数 / how many are on notice, those left out here included")
    newest: tuple[CaseCard, ...] = ()
    alerts: AlertCount | None = None
    updated_at: datetime | None = None
    links: VillageLinks


class VillageEntry(Counts):
    """One village in the county's list."""

    village: Named
    links: VillageLinks


class TownEntry(Answer):
    """One town and its villages."""

    town: Named
    villages: tuple[VillageEntry, ...]


class County(Answer):
    """All villages by town."""

    county: Named
    towns: tuple[TownEntry, ...]


class CaseFilter(BaseModel):
    """Which cases of a village are wanted."""

    model_config = ConfigDict(extra="forbid")

    matter: Annotated[Matter | None, Field(description="六大事项之一 / one of the six matters")] = None
    state: Annotated[State | None, Field(description="办理状态 / running, closed or withdrawn")] = None
    on_notice: Annotated[bool, Field(description="只看正在公示的 / only what is on notice now")] = False
    q: Annotated[str | None, Field(max_length=100, description="标题或编号中的字词 / words of a title or number")] = (
        None
    )
    after: Annotated[str | None, Field(max_length=300, description="上一页的 next / the `next` of the page before")] = (
        None
    )
    limit: Annotated[int, Field(ge=1, le=100)] = 30


class CasePage(Answer):
    """A page of cases, the latest moved first. `next` is the cursor of the following page."""

    items: tuple[CaseCard, ...]
    next: str | None


def notices_of(case: Case, words: Vocabulary) -> tuple[NoticeCard, ...]:
    """The case's public notices, over or not."""
    return tuple(
        NoticeCard(
            case_id=case.case_id,
            case_no=case.case_no,
            title=_title(case, words),
            matter=Named.of(case.matter, words.matters[case.matter]),
            node=node_named(node, case, words),
            ends_at=ends_at,
            links=CaseLinks.of(case.case_id),
        )
        for node, ends_at in case.notices.items()
    )


def card_values(case: Case, words: Vocabulary) -> dict[str, Any]:
    """What every answer about a case begins with."""
    nodes = list(words.flow(case.flow, case.flow_version).nodes)
    passed = nodes.index(case.node) if case.node in nodes else len(nodes) if case.state == "closed" else 0
    return {
        "case_id": case.case_id,
        "case_no": case.case_no,
        "title": _title(case, words),
        "matter": Named.of(case.matter, words.matters[case.matter]),
        "state": Named.of(case.state, words.states[case.state]),
        "node": node_named(case.node, case, words) if case.node else None,
        "passed": passed,
        "node_count": len(nodes),
        "due_at": case.due_at,
        "opened_at": case.opened_at,
        "updated_at": case.updated_at,
        "links": CaseLinks.of(case.case_id),
    }


def sum_values(case: Case, masks: Masks, words: Vocabulary) -> dict[str, int]:
    """What the case has decided, paid and received, in fen."""
    return {name: amount.fen for name, amount in sums_of(case, masks, words).items()}


def node_named(code: str, case: Case, words: Vocabulary) -> Named:
    """A node of the case's flow, as the version that it began with calls it."""
    return Named.of(code, words.flow(case.flow, case.flow_version).nodes.get(code, UNNAMED_NODE))


def _title(case: Case, words: Vocabulary) -> Bilingual:
    flow = words.flow(case.flow, case.flow_version)
    return Bilingual(zh=cut(case.title) if case.title else flow.zh, en=flow.en)
