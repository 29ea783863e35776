"""The terms on which the county publishes its open data, from `publication.yaml`."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

from services.disclosure.schemas import Bilingual

FILE = Path(__file__).with_suffix(".yaml")
_Strict = ConfigDict(frozen=True, extra="forbid")


class Licence(Bilingual):
    """The licence of the data."""

    model_config = _Strict

    url: str


class Publication(BaseModel):
    """Who publishes what on which terms."""

    model_config = _Strict

    publisher: Bilingual
    licence: Licence
    ocid_prefix: Annotated[str, Field(pattern=r"^ocds-[a-z0-9]{6}$")]
    make_every_minutes: Annotated[int, Field(ge=1)]
    requests_per_minute: Annotated[int, Field(ge=1)]

    @property
    def make_every(self) -> timedelta:
        """The least time between two makings of the files."""
        return timedelta(minutes=self.make_every_minutes)


@cache
def publication() -> Publication:
    """The terms in force; what is missing or unknown in the file is an error at start."""
    return load(FILE)


def load(path: Path) -> Publication:
    """Read and check the terms."""
    return Publication.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
