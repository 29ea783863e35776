"""What the API takes: fields by their names only, numbers of persons turned into keys at the door."""

import pytest
from fastapi import Request
from pydantic import ValidationError

from services.approval.errors import FieldsUnsound
from services.approval.schemas import FiledFields
from shared.identity import person_key, phone_key
from shared.lengths import LengthRequired, UploadTooLarge, check_length

SECRET = "identity-secret-of-the-tests"
ID_NO = "11010519491231002X"


def test_a_misspelt_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        FiledFields.model_validate({"itme": "纸"})


def test_an_id_number_is_kept_as_its_key() -> None:
    worker = {"person_key": ID_NO, "name": "张三", "days": 2, "wage_fen": 30000}
    filed = FiledFields.model_validate({"hire_person_key": ID_NO, "workers": [worker]}).keyed(SECRET)
    assert filed.hire_person_key == person_key(ID_NO, SECRET)
    assert filed.workers[0].person_key == person_key(ID_NO, SECRET)
    assert ID_NO not in filed.model_dump_json()


def test_a_key_stays_as_it_is() -> None:
    key = person_key(ID_NO, SECRET)
    assert FiledFields(hire_person_key=key).keyed(SECRET).hire_person_key == key


BID: dict[str, object] = {"company_id": "91330421MA2", "company_name": "某公司", "price_fen": 100_00}


def test_the_traces_of_a_bid_are_kept_as_keys_whatever_way_they_are_written() -> None:
    one = {"contact_phone_key": "139-0000-0001", "ip_key": "10.1.1.1", "device_key": "00-1a-2b"}
    other = {"contact_phone_key": "+86 139 0000 0001", "ip_key": "::ffff:10.1.1.1", "device_key": "00:1A:2B"}
    filed = FiledFields.model_validate({"bids": [BID | one, BID | other]}).keyed(SECRET)
    assert filed.bids[0] == filed.bids[1]
    assert filed.bids[0].contact_phone_key == phone_key("13900000001", SECRET)
    assert filed.bids[0].contact_phone_tail == "001"
    assert FiledFields.model_validate({"bids": [filed.bids[0].model_dump()]}).keyed(SECRET).bids == filed.bids[:1]


def test_a_bid_with_a_misspelt_trace_is_refused() -> None:
    with pytest.raises(ValidationError):
        FiledFields.model_validate({"bids": [BID | {"contact_phone": "13900000001"}]})


@pytest.mark.parametrize(
    "filed",
    [
        {"item": "x\x00"},
        {"item": "x\x1b[2J"},
        {"item": "付款\u202e元001"},
        {"inspectors": ["张\u2066三"]},
        {"bids": [BID | {"company_name": "x\x07"}]},
        {"bids": [BID | {"contact_phone_key": "无"}]},
        {"bids": [BID | {"contact_phone_key": "0" * 32, "contact_phone_tail": "13900000001"}]},
        {"reason": "长" * 5000},
        {"hire_person_key": "123"},
    ],
)
def test_unsound_texts_are_named(filed: dict[str, object]) -> None:
    with pytest.raises(FieldsUnsound) as refused:
        FiledFields.model_validate(filed).keyed(SECRET)
    assert [error.field for error in refused.value.errors] == [f"fields.{next(iter(filed))}"]


def test_lines_and_tabs_are_sound() -> None:
    assert FiledFields(reason="一\n二\t三").keyed(SECRET).reason == "一\n二\t三"


def post(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": raw})


def test_an_upload_states_a_length_within_the_limit() -> None:
    check_length(post(content_length="10"), 10)
    with pytest.raises(UploadTooLarge):
        check_length(post(content_length="11"), 10)
    with pytest.raises(LengthRequired):
        check_length(post(), 10)
