"""What open data there is: for people (the page /data) and, as a DCAT catalogue, for machines. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.disclosure.opendata.publication import Publication
from services.disclosure.opendata.tables import Table, tables
from services.disclosure.schemas import Bilingual
from shared import regions

Json = dict[str, Any]
_IANA = "https://www.iana.org/assignments/media-types/"
_CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
OCDS = Bilingual(zh="采购与工程(OCDS 1.1)", en="Purchases and works (OCDS 1.1)")
_OCDS_ABOUT = Bilingual(
    zh="每个采购与工程案件一条记录,按发起年份分文件,符合开放合同数据标准 1.1",
    en="One record a purchase or works, a file a year of opening, in the Open Contracting Data Standard 1.1",
)
_INTERFACES = {"cases": "/v1/cases", "policies": "/v1/policies"}
SHAPES = {"csv": "CSV", "xlsx": "XLSX", "gz": "JSON (gzip)"}


@dataclass(frozen=True)
class Download:
    """A file that there is."""

    name: str
    media_type: str
    size: int
    rows: int
    made_at: datetime

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/data/files/{self.name}"

    @property
    def shape(self) -> str:
        """What it is called by its ending."""
        return SHAPES[self.name.rpartition(".")[2]]


@dataclass(frozen=True)
class Dataset:
    """One dataset: its table, when it is one, the files that it comes as, and where the interface has it."""

    name: str
    label: Bilingual
    about: Bilingual
    table: Table | None
    files: tuple[Download, ...]
    interface: str | None

    @property
    def made_at(self) -> datetime | None:
        """When it last changed."""
        return max((file.made_at for file in self.files), default=None)


def datasets(files: Sequence[Download]) -> tuple[Dataset, ...]:
    """All datasets with the files that are made."""
    flat = (
        Dataset(
            name=table.name,
            label=table.label,
            about=table.row,
            table=table,
            files=tuple(file for file in files if file.name.split(".")[0] == table.name),
            interface=_INTERFACES.get(table.name),
        )
        for table in tables().by_name.values()
    )
    records = tuple(file for file in files if file.name.startswith("ocds-"))
    return (*flat, Dataset("ocds", OCDS, _OCDS_ABOUT, None, records, "/v1/ocds/records"))


def document(files: Sequence[Download], url: str, terms: Publication) -> Json:
    """The catalogue as JSON-LD."""
    county = regions.region(regions.COUNTY)
    title = Bilingual(zh=f"{county.zh}村级权力公开数据", en=f"Open data on village power of {county.en}")
    return {
        "@context": _CONTEXT,
        "@id": f"{url}/data/catalog.jsonld",
        "@type": "dcat:Catalog",
        **_described(title),
        "dct:language": ["zh", "en"],
        "dct:license": {"@id": terms.licence.url},
        "dct:publisher": _publisher(url, terms),
        "foaf:homepage": {"@id": f"{url}/data"},
        "dct:spatial": {"@type": "dct:Location", "dct:identifier": regions.COUNTY},
        "dcat:dataset": [_dataset(each, url, terms) for each in datasets(files)],
        "dcat:service": {
            "@id": f"{url}/v1",
            "@type": "dcat:DataService",
            **_described(Bilingual(zh="公开接口", en="Open interface")),
            "dcat:endpointURL": {"@id": f"{url}/v1"},
            "dcat:endpointDescription": {"@id": f"{url}/openapi.json"},
            "dct:license": {"@id": terms.licence.url},
        },
    }


def _dataset(dataset: Dataset, url: str, terms: Publication) -> Json:
    found: Json = {
        "@id": f"{url}/data#{dataset.name}",
        "@type": "dcat:Dataset",
        **_described(dataset.label),
        "dct:description": _both(dataset.about),
        "dct:identifier": dataset.name,
        "dct:license": {"@id": terms.licence.url},
        "dct:publisher": {"@id": url},
        "dcat:landingPage": {"@id": f"{url}/data#{dataset.name}"},
        "dct:accrualPeriodicity": {"@id": "http://purl.org/cld/freq/continuous"},
        "dcat:distribution": list(_distributions(dataset, url, terms)),
    }
    if dataset.made_at:
        found["dct:modified"] = _time(dataset.made_at)
    if dataset.name == "ocds":
        found["dct:conformsTo"] = {"@id": "https://standard.open-contracting.org/1.1/"}
    return found


def _distributions(dataset: Dataset, url: str, terms: Publication) -> Iterator[Json]:
    for file in dataset.files:
        packed = file.media_type == "application/gzip"
        kind = "application/json" if packed else file.media_type.partition(";")[0]
        yield {
            "@id": f"{url}{file.path}",
            "@type": "dcat:Distribution",
            "dct:title": file.name,
            "dcat:downloadURL": {"@id": f"{url}{file.path}"},
            "dcat:accessURL": {"@id": f"{url}/data#{dataset.name}"},
            "dcat:mediaType": {"@id": f"{_IANA}{kind}"},
            **({"dcat:compressFormat": {"@id": f"{_IANA}application/gzip"}} if packed else {}),
            "dcat:byteSize": {"@value": str(file.size), "@type": "xsd:nonNegativeInteger"},
            "dct:modified": _time(file.made_at),
            "dct:license": {"@id": terms.licence.url},
        }
    if dataset.interface:
        yield {
            "@id": f"{url}{dataset.interface}",
            "@type": "dcat:Distribution",
            "dct:title": "JSON",
            "dcat:accessURL": {"@id": f"{url}{dataset.interface}"},
            "dcat:accessService": {"@id": f"{url}/v1"},
            "dcat:mediaType": {"@id": f"{_IANA}application/json"},
            "dct:license": {"@id": terms.licence.url},
        }


def _publisher(url: str, terms: Publication) -> Json:
    return {"@id": url, "@type": "foaf:Organization", "foaf:name": _both(terms.publisher)}


def _described(label: Bilingual) -> Json:
    return {"dct:title": _both(label)}


def _both(words: Bilingual) -> list[Json]:
    return [{"@value": words.zh, "@language": "zh"}, {"@value": words.en, "@language": "en"}]


def _time(at: datetime) -> Json:
    return {"@value": at.isoformat(timespec="seconds"), "@type": "xsd:dateTime"}
