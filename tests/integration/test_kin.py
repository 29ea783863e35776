"""The kin of whom an alert is about come and go with the register of kinship; and it names its parties."""

from collections.abc import Awaitable, Callable

import pytest

from shared.bus.envelope import Envelope
from shared.contracts import reference
from shared.db import Database
from tests.integration.test_detector import (
    COMPANY,
    OFFICIAL,
    WIFE,
    award,
    company,
    deleted,
    detector,
    forget,
    kinship,
    meaning,
    of_the_company,
    official,
    record,
    take,
)

pytestmark = pytest.mark.without_broker
FATHER, STRANGER = "f" * 32, "e" * 32


@pytest.fixture
async def db(database: Callable[[str], Awaitable[Database]]) -> Database:
    return await database("detector")


def tie(id: str, one: str, other: str, relation: str) -> Envelope:
    return record(reference.Kinship(id=id, person_key=one, relative_key=other, relation=relation))


async def test_kin_to_two_steps_are_told_with_the_alert_and_change_with_the_register(db: Database) -> None:
    one = detector()
    await take(db, one, [company(), official(), award(1)])
    (alert,) = (await of_the_company(db)).values()
    assert "kin" not in alert["body"]["about"][0]
    assert [party["key"] for party in alert["body"]["parties"]] == [COMPANY, OFFICIAL]
    ties = [kinship(), tie("k2", FATHER, WIFE, "女儿"), tie("k3", FATHER, STRANGER, "兄弟")]
    await take(db, one, ties)
    (alert,) = (await of_the_company(db)).values()
    assert alert["body"]["about"][0]["kin"] == sorted([WIFE, FATHER])
    assert alert["revision"] == 2
    await take(db, one, [deleted("kinship", "k2")])
    (alert,) = (await of_the_company(db)).values()
    assert alert["body"]["about"][0]["kin"] == [WIFE]


async def test_kin_are_the_same_in_whatever_order_all_became_known(db: Database) -> None:
    events = [company(), official(), kinship(), award(1), award(2)]
    await take(db, detector(), events)
    expected = meaning(await of_the_company(db))
    for turned in (events[::-1], [*events[3:], *events[:3]]):
        await forget(db)
        await take(db, detector(), turned, 1)
        assert meaning(await of_the_company(db)) == expected
