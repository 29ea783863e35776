"""The towns and villages of an invented city, in the form of `shared/regions.yaml`."""

from pathlib import Path
from typing import Any

import yaml

TOWNS, VILLAGES = 72, 840
_FIRST_TOWN = 101


def write(folder: Path) -> Path:
    """Write the file of regions; returns where. The villages are spread evenly over the towns."""
    shares = [VILLAGES // TOWNS + (number < VILLAGES % TOWNS) for number in range(TOWNS)]
    city: dict[str, Any] = {"code": "330421000000", "zh": "测速市", "en": "Bench City"}
    city["towns"] = [
        {
            "code": f"330421{_FIRST_TOWN + number}000",
            "zh": f"第{number + 1}镇",
            "en": f"Town {number + 1}",
            "villages": [
                f"第{number + 1}镇{village + 1}村 Village{number + 1}-{village + 1}" for village in range(share)
            ],
        }
        for number, share in enumerate(shares)
    ]
    file = folder / "regions.yaml"
    file.write_text(yaml.safe_dump(city, allow_unicode=True), encoding="utf-8")
    return file
