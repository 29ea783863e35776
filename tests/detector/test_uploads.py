"""Rows of registers: numbers become keyed hashes, faults are named by row and field."""

import pytest

from services.detector.uploads import MOST_NAMED, Row, Unreadable, read_changes, read_record, region_of, rows_of
from shared.contracts.reference import BankAccount, Company, Employment, Household, Kinship, Record, Staff, Vehicle
from shared.identity import account_key, person_key, phone_key

SECRET = "identity-secret-of-the-tests"
ID_NO = "11010519491231002X"


def test_id_numbers_become_keyed_hashes_and_are_not_kept() -> None:
    record, faults = read_record(
        Kinship, {"id": "k1", "id_no": ID_NO, "relative_key": "b" * 32, "relation": "配偶"}, secret=SECRET
    )
    assert faults == []
    assert isinstance(record, Kinship)
    assert record.person_key == person_key(ID_NO, SECRET)
    assert ID_NO not in record.model_dump_json()


def test_the_persons_and_accounts_of_a_company_are_keyed_too() -> None:
    row = {
        "id": "91330421MA0000001X",
        "name": "嘉善示例建设有限公司",
        "legal_person_id_no": ID_NO,
        "legal_person_name": "张三",
        "shareholders": [{"id_no": ID_NO, "name": "张三", "share": 0.6}],
        "account_nos": ["6222 0000 1111"],
        "phones": ["+86 573 8401 2345", "0573-84012345"],
    }
    record, faults = read_record(Company, row, secret=SECRET)
    assert faults == []
    assert isinstance(record, Company)
    assert record.shareholders[0].person_key == record.legal_person_key == person_key(ID_NO, SECRET)
    assert record.account_keys == (account_key("622200001111", SECRET),)
    assert record.phone_keys == (phone_key("057384012345", SECRET),) * 2
    assert "8401" not in record.model_dump_json()


def test_owners_holders_lessees_and_their_accounts_are_keyed() -> None:
    person, account = person_key(ID_NO, SECRET), account_key("622200001111", SECRET)
    held: dict[str, object] = {
        "account_no": "6222 0000 1111",
        "holder_id_no": ID_NO,
        "holder_name": "张三",
        "on_behalf_of_id_nos": [ID_NO],
    }
    rows: dict[type[Record], dict[str, object]] = {
        Vehicle: {"owner_id_no": ID_NO, "owner_name": "张三", "kind": "小型轿车"},
        BankAccount: held,
        Household: {"village_code": "330421107201", "members": [{"id_no": ID_NO, "name": "张三"}]},
        Employment: {"id_no": ID_NO, "name": "张三", "company_id": "S1", "company_name": "甲"},
    }
    read = {model: read_record(model, {"id": "r1"} | row, secret=SECRET) for model, row in rows.items()}
    assert [faults for _, faults in read.values()] == [[], [], [], []]
    told = {model: record.model_dump() for model, (record, _) in read.items() if record}
    assert told[Vehicle]["owner_key"] == told[Employment]["person_key"] == person
    assert told[Household]["members"][0]["person_key"] == person
    assert (told[BankAccount]["account_key"], told[BankAccount]["holder_key"]) == (account, person)
    assert told[BankAccount]["on_behalf_of"] == (person,)


@pytest.mark.parametrize(
    ("field", "value"),
    [("account_no", "无"), ("holder_id_no", "330421"), ("on_behalf_of_id_nos", [ID_NO, "x"])],
)
def test_a_wrong_number_of_an_account_names_its_field(field: str, value: object) -> None:
    row = {"id": "a1", "account_key": "k", "holder_key": "h", "holder_name": "张三", field: value}
    record, faults = read_record(BankAccount, row, secret=SECRET)
    assert record is None
    assert field in [fault.field for fault in faults]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"id": "s1", "id_no": "330421"}, "id_no"),
        ({"id": "s1", "person_key": "k", "salary": 1}, "salary"),
        ({"id": "s1", "person_key": "k", "phones": ["无"]}, "phones"),
        ({"id": ID_NO, "person_key": "k"}, "id"),
        ({"id": "s1"}, "person_key"),
    ],
)
def test_a_fault_names_its_field(row: dict[str, object], field: str) -> None:
    whole = {"name": "李四", "position": "村主任", "level": "village", "region_code": "330421107201"} | row
    record, faults = read_record(Staff, whole, secret=SECRET)
    assert record is None
    assert field in [fault.field for fault in faults]


def test_faults_of_many_rows_name_row_and_field_and_leave_the_good_ones() -> None:
    good: dict[str, object] = {"id": "k1", "person_key": "a", "relative_key": "b", "relation": "配偶"}
    told = [good, good | {"relation": 3}, good, good | {"id": "k2"}]
    rows = [Row(line, row) for line, row in enumerate(told, 1)]
    reading = read_changes(Kinship, rows, secret=SECRET)
    assert [fault.place for fault in reading.faults] == ["rows.2.relation", "rows.3.id"]
    assert [change.id for change in reading.changes] == ["k1", "k2"]
    assert (reading.rows, reading.refused, reading.faults_found) == (4, 2, 2)


def test_only_the_first_faults_are_named_and_all_are_counted() -> None:
    rows = [Row(line, {"id": f"k{line}"}) for line in range(1, 101)]
    reading = read_changes(Kinship, rows, secret=SECRET)
    assert (len(reading.faults), reading.faults_found, reading.refused) == (MOST_NAMED, 300, 100)


def test_a_row_may_delete_its_record() -> None:
    rows = [Row(1, {"id": "k1", "deleted": True}), Row(2, {"deleted": True}), Row(3, {"id": "k3", "deleted": "no"})]
    reading = read_changes(Kinship, rows, secret=SECRET)
    assert [(change.id, change.record) for change in reading.changes] == [("k1", None)]
    assert [fault.place for fault in reading.faults] == ["rows.2.id", "rows.3.deleted"]


@pytest.mark.parametrize("id", ["", " k1", "k\u202e1", "k" * 201, ID_NO])
def test_what_no_record_may_go_by_is_refused(id: str) -> None:
    row = {"id": id, "person_key": "a", "relative_key": "b", "relation": "配偶"}
    record, faults = read_record(Kinship, row, secret=SECRET)
    assert record is None
    assert {fault.field for fault in faults} == {"id"}


def test_rows_come_as_an_array_or_a_line_each() -> None:
    told = [(1, {"id": "1"}), (2, {"id": "2"})]
    for body in (b'[{"id":"1"},{"id":"2"}]', b'{"id":"1"}\n\n{"id":"2"}\n'):
        assert [(row.line, row.values) for row in rows_of(body)] == told


@pytest.mark.parametrize("body", [b'{"id":"1"}\n{"id":', b'{"id":"1"}\n3', b'[{"id":"1"}, 3]'])
def test_what_is_no_object_is_named_by_its_line(body: bytes) -> None:
    with pytest.raises(Unreadable) as refused:
        rows_of(body)
    assert refused.value.line == 2


def test_a_record_without_a_region_is_the_countys() -> None:
    assert region_of({"village_code": "330421107201"}, "330421000000") == "330421107201"
    assert region_of({"name": "x"}, "330421000000") == "330421000000"
