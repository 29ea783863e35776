"""What the REST API of imports takes and gives."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.approval.imports.jobs import Job, State, Wish
from services.approval.imports.mapping import Mapping, Unit
from services.approval.imports.mappings import Named
from services.approval.imports.records import RowFault
from shared.contracts.base import RegionCode

MAPPING_NAME = r"^[\w\-][\w .\-]{0,58}[\w\-]$|^[\w\-]$"
MappingName = Annotated[str, StringConstraints(pattern=MAPPING_NAME)]


class FaultOut(BaseModel):
    """A place to mend; or with `grave` false, what was left out or is there twice. `line` 0 is the whole sheet."""

    sheet: str
    line: int
    column: str
    value: str = Field(description="单元格内容,证件号、账号已遮盖 / what the cell holds, numbers masked")
    zh: str
    en: str
    grave: bool

    @classmethod
    def of(cls, fault: RowFault) -> Self:
        """A fault as it is answered."""
        return cls(
            sheet=fault.sheet,
            line=fault.line,
            column=fault.column,
            value=fault.value,
            zh=fault.zh,
            en=fault.en,
            grave=fault.grave,
        )


class FaultPage(BaseModel):
    """Faults in the order they were found; `next` is the `after` of the next page."""

    faults: list[FaultOut]
    next: int | None


class ColumnOut(BaseModel):
    """A column of a sheet: what it fills in, or what it may (`proposals`) where nobody knows."""

    title: str
    place: str
    target: str = Field(description="空:尚未对应 / empty: not mapped yet", examples=["fields.award_fen"])
    ignored: bool
    zh: str
    en: str
    unit: Unit
    proposals: list[str]


class SheetOut(BaseModel):
    """A sheet as it was laid out."""

    name: str
    line: int
    flow: str
    node: str
    skipped: bool
    missing: list[str]
    columns: list[ColumnOut]


class JobOut(BaseModel):
    """An import: how far it is, and what it came to until now.

    `reading` -> `checking` -> `checked` (it waits for a word) -> `taking` -> `done`; or `cancelled`, or `refused`.
    """

    job_id: UUID
    region_code: str
    file_name: str
    sha256: str
    size: int
    mapping: Mapping
    mapping_name: str | None
    wish: Wish
    state: State
    sheets: list[SheetOut]
    rows: int = Field(description="可读的行 / good rows read")
    faults: int = Field(description="需要修改之处 / places to mend")
    notices: int = Field(description="只作提示 / only told of")
    unmapped: int = Field(description="未对应的列等 / headers to map first")
    worked: int = Field(description="已检查或已写入的行 / rows checked, or taken over")
    cases_opened: int
    nodes_recorded: int
    rows_repeated: int = Field(description="以前已导入的行 / rows taken over before")
    refused_zh: str
    refused_en: str
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """A job as it is answered."""
        return cls.model_validate(job, from_attributes=True)


class JobsOut(BaseModel):
    """The newest imports."""

    jobs: list[JobOut]


class TakeRequest(BaseModel):
    """Take an import over: whole, or its good rows."""

    model_config = ConfigDict(extra="forbid")

    good_rows_only: bool = False


class MappingRequest(BaseModel):
    """A mapping to keep under a name, for the sheets of a region."""

    model_config = ConfigDict(extra="forbid")

    name: MappingName
    region_code: RegionCode
    mapping: Mapping


class MappingOut(BaseModel):
    """One version of a mapping."""

    name: str
    version: int
    region_code: str
    mapping: Mapping
    created_at: datetime

    @classmethod
    def of(cls, named: Named) -> Self:
        """A mapping as it is answered."""
        return cls.model_validate(named, from_attributes=True)


class MappingsOut(BaseModel):
    """The latest version of each mapping."""

    mappings: list[MappingOut]
