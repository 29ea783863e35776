"""What is generated into docs/ is what the code says now, and covers all of it."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from deploy.docs import events, pages
from deploy.docs.channels import channels
from services.detector import rules
from shared import contracts
from shared.bus import topics
from shared.contracts.base import Contract
from shared.contracts.reference import DATASETS
from shared.db import ROOT


@pytest.fixture(scope="module")
def made() -> dict[Path, str]:
    """Each generated page as it should be."""
    return pages.made()


def test_generated_pages_are_as_their_sources(made: dict[Path, str]) -> None:
    stale = [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    assert not stale, f"{named(stale)} are stale: run make docs"


def test_no_page_outlives_its_source(made: dict[Path, str]) -> None:
    left = pages.committed() - made.keys()
    assert not left, f"{named(left)} have no source: run make docs"


def named(paths: Iterable[Path]) -> list[str]:
    """Pages as people know them."""
    return sorted(str(path.relative_to(ROOT)) for path in paths)


def test_the_rulebook_tells_every_rule(made: dict[Path, str]) -> None:
    assert all(f"## {rule.id} {rule.spec.title.zh}" in made[pages.RULEBOOK] for rule in rules.load().rules)


def test_every_topic_is_told_with_its_messages() -> None:
    told = {channel["address"] for channel in events.document()["channels"].values()}
    assert told == set(topics.configurations())


def test_every_event_of_the_contracts_is_carried_by_a_topic() -> None:
    carried = {message.model for channel in channels() for message in channel.messages}
    assert set(typed(Contract)) | set(DATASETS.values()) <= carried


def typed(model: type[Contract]) -> Iterator[type[Contract]]:
    """All models of the contracts that are events."""
    for module in pkgutil.iter_modules(contracts.__path__):
        importlib.import_module(f"{contracts.__name__}.{module.name}")
    for child in model.__subclasses__():
        yield from typed(child)
        if "TYPE" in vars(child):
            yield child
