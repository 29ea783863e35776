"""What the detector's REST interface answers."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.detector.rules import Rule
from shared.contracts.alerts import About, Bilingual, Evidence, Grade
from shared.contracts.power import Matter

Format = Literal["csv", "xlsx", "json", "record"]


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Accepted(_View):
    """What was taken; it takes effect once it has come back from the bus, in moments."""

    dataset: str
    accepted: int


class RowFaultView(_View):
    """A place to mend: sheet, line and column as the file shows them, and the value, numbers of persons masked."""

    sheet: str
    line: int
    column: str
    value: str
    zh: str
    en: str


class UploadReport(Accepted):
    """What became of an upload: of its `rows`, `accepted` are good, as many `changed`, `deleted` or stood `unchanged`.

    Nothing was taken unless `applied`. Of the faults the first are named; `faults_found` counts all.
    """

    upload_id: UUID
    sha256: str
    format: Format
    rows: int
    changed: int
    deleted: int
    unchanged: int
    refused: int
    applied: bool
    faults_found: int
    faults: list[RowFaultView]


class UploadView(_View):
    """An upload on record: who, when, which file, and what became of it."""

    id: UUID
    dataset: str
    format: Format
    sha256: str
    bytes: int
    at: datetime
    name: str
    region_code: str
    rows: int
    changed: int
    deleted: int
    unchanged: int
    refused: int
    applied: bool


class UploadPage(_View):
    """Uploads, the latest first; ask again with `after=next` while there is one."""

    uploads: list[UploadView]
    next: str | None


class RecordPage(_View):
    """Records of a register by id; ask again with `after=next` while there is one."""

    records: list[dict[str, Any]]
    next: str | None


class WouldRaise(_View):
    """One finding that the intended step would bring about."""

    alert_id: str
    rule_id: str
    rule_version: str
    title: Bilingual
    grade: Grade
    matter: Matter
    node: str | None
    explanation: Bilingual
    evidence: tuple[Evidence, ...]
    basis: tuple[str, ...]
    innocent_explanations: tuple[Bilingual, ...]
    about: tuple[About, ...]


class Evaluation(_View):
    """What the intended step would raise, the gravest first; empty when nothing speaks against it."""

    findings: list[WouldRaise]


class ParamView(_View):
    """A parameter of a rule: its value in force and the rulebook's own."""

    value: bool | int | float | str | list[str] | list[int]
    default: bool | int | float | str | list[str] | list[int]
    unit: str
    meaning: Bilingual


class RuleView(_View):
    """A rule as it is in force: what it looks at, when it fires, on what basis, and what may explain it away."""

    id: str
    key: str
    version: str
    title: Bilingual
    matters: tuple[Matter, ...]
    grade: Grade
    subject: str
    condition: str
    params: dict[str, ParamView]
    explanation: Bilingual
    basis: tuple[str, ...]
    innocent_explanations: tuple[Bilingual, ...]

    @classmethod
    def of(cls, rule: Rule) -> "RuleView":
        """A rule of the rulebook."""
        spec = rule.spec
        params = {
            name: ParamView(
                value=rule.params[name],
                default=param.default,
                unit=param.unit,
                meaning=Bilingual(zh=param.zh, en=param.en),
            )
            for name, param in spec.params.items()
        }
        return cls(
            **{name: getattr(spec, name) for name in cls.model_fields if name != "params"},
            params=params,
        )


class FaultView(_View):
    """A rule that failed on some keys: how often, on how many, and what was last said."""

    rule_id: str
    times: int
    keys: int
    last_at: datetime
    message: str
