"""What the open data answers beside cases: lists over the whole county, with the filters that they take."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from services.disclosure.cases import State
from services.disclosure.schemas import Answer, CaseCard, Named
from services.disclosure.vocabulary import Vocabulary
from shared import regions
from shared.contracts.power import Matter
from shared.problems import FieldError, InvalidInput

Region = Annotated[str | None, Field(pattern="^[0-9]{12}$")]
_SINCE = "2026-03-01T00:00:00+08:00"


class OpenCase(CaseCard):
    """A case in the county's list. `changed_at` is when what is shown of it last changed here."""

    village: Named
    town: Named
    flow: Named
    notice_until: datetime | None
    changed_at: datetime


FIELDS = tuple(OpenCase.model_fields)


class OpenCasePage(Answer):
    """A page of cases, the least recently changed first; `next` is the cursor of the page that follows.

    With `fields` an item has only these.
    """

    items: tuple[OpenCase, ...]
    next: str | None


class ProcessFilter(BaseModel):
    """Which contracting processes are wanted."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    village: Annotated[Region, Field(description="12 位村代码 / a village's code", examples=["330421107201"])] = None
    town: Annotated[Region, Field(description="12 位镇代码 / a town's code", examples=["330421107000"])] = None
    opened_from: Annotated[
        date | None,
        Field(alias="from", description="发起日期不早于 / opened on this day or later", examples=["2026-01-01"]),
    ] = None
    opened_to: Annotated[
        date | None,
        Field(alias="to", description="发起日期不晚于 / opened on this day or before", examples=["2026-12-31"]),
    ] = None
    updated_since: Annotated[
        datetime | None,
        Field(description="公开内容在此之后有变化,须带时差 / changed since then, with its offset", examples=[_SINCE]),
    ] = None
    after: Annotated[str | None, Field(max_length=300, description="上一页的 next / `next` of the page before")] = None
    limit: Annotated[int, Field(ge=1, le=50)] = 20

    def check(self, words: Vocabulary) -> None:
        """What can't be told field by field; raises `InvalidInput` that names all that must be mended."""
        if faults := list(self.faults(words)):
            raise InvalidInput("请按提示修改", "Please mend the named fields", faults)

    def faults(self, words: Vocabulary) -> Iterator[FieldError]:
        """What must be mended."""
        if self.village and not _known(self.village, "village"):
            yield FieldError(
                "query.village", "本县没有这个村代码,见 /v1/villages", "No village's code, see /v1/villages"
            )
        if self.town and not _known(self.town, "town"):
            yield FieldError("query.town", "本县没有这个镇代码,见 /v1/villages", "No town's code, see /v1/villages")
        if self.village and self.town and regions.town_of(self.village) != self.town:
            yield FieldError("query.town", "这个村不在这个镇", "The village is not of this town")
        if self.opened_from and self.opened_to and self.opened_from > self.opened_to:
            yield FieldError("query.to", "不能早于 from", "Must not be before `from`")
        if self.updated_since and self.updated_since.tzinfo is None:
            yield FieldError(
                "query.updated_since",
                f"须带时差,如 {_SINCE}(+ 写作 %2B)",
                f"Needs its offset, as {_SINCE} (write + as %2B)",
            )

    @property
    def since(self) -> datetime | None:
        """`updated_since` in UTC."""
        return self.updated_since and self.updated_since.astimezone(UTC)


class OpenCaseFilter(ProcessFilter):
    """Which cases of the county are wanted."""

    matter: Annotated[Matter | None, Field(description="六大事项之一 / one of the six matters")] = None
    flow: Annotated[str | None, Field(max_length=10, description="流程代码 / a flow's code", examples=["EN1"])] = None
    state: Annotated[State | None, Field(description="办理状态 / running, closed or withdrawn")] = None
    on_notice: Annotated[bool, Field(description="只看正在公示的 / only what is on notice now")] = False
    fields: Annotated[
        str | None,
        Field(
            max_length=400,
            description="只要这些字段,逗号分隔 / only these fields, divided by commas",
            examples=["case_no,title,state"],
        ),
    ] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50

    @property
    def chosen(self) -> tuple[str, ...]:
        """The fields that are wanted, in the order of the answer: all when none is named."""
        named = self._named()
        return tuple(name for name in FIELDS if name in named) if named else FIELDS

    def faults(self, words: Vocabulary) -> Iterator[FieldError]:
        """What must be mended."""
        yield from super().faults(words)
        if self.flow and self.flow not in words.flows:
            flows = ", ".join(words.flows)
            yield FieldError("query.flow", f"没有这个流程,可用:{flows}", f"No such flow; there are {flows}")
        if unknown := sorted(self._named() - set(FIELDS)):
            known, wrong = ", ".join(FIELDS), ", ".join(unknown)
            yield FieldError("query.fields", f"没有字段 {wrong},可用:{known}", f"No field {wrong}; there are {known}")

    def _named(self) -> set[str]:
        return {name.strip() for name in (self.fields or "").split(",") if name.strip()}


class ReleasePackage(Answer):
    """An OCDS 1.1 release package; see https://standard.open-contracting.org/1.1/en/schema/release_package/."""

    uri: str
    version: str
    extensions: tuple[str, ...]
    publishedDate: str  # noqa: N815 the standard's own name
    publisher: dict[str, str]
    license: str
    publicationPolicy: str  # noqa: N815
    links: dict[str, str] | None = None
    releases: tuple[dict[str, Any], ...]


class RecordPackage(Answer):
    """An OCDS 1.1 record package; see https://standard.open-contracting.org/1.1/en/schema/record_package/."""

    uri: str
    version: str
    extensions: tuple[str, ...]
    publishedDate: str  # noqa: N815
    publisher: dict[str, str]
    license: str
    publicationPolicy: str  # noqa: N815
    links: dict[str, str] | None = None
    records: tuple[dict[str, Any], ...]


def _known(code: str, level: str) -> bool:
    try:
        return regions.region(code).level == level
    except KeyError:
        return False
