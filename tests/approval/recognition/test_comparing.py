"""The form against the paper: agree, differ, not found; no tolerance."""

from services.approval.recognition.comparing import compare, compared_fields, differing
from services.approval.recognition.extraction import extract
from services.approval.recognition.lines import Box, Line

INVOICE = extract(
    [
        Line(text, 1, Box(100, 50 + 40 * i, 900, 80 + 40 * i), 0.98)
        for i, text in enumerate(
            [
                "发票号码:03321001",
                "开票日期:2026年3月2日",
                "销售方名称:宏达五金商店",
                "单价:¥300.00",
                "价税合计:¥3,600.00",
            ]
        )
    ]
)


def outcomes(kind: str, **fields: object) -> dict[str, str]:
    return {each.field: each.outcome for each in compare(kind, fields, INVOICE)}


def test_a_form_that_says_the_same_agrees() -> None:
    told = {
        "invoice_no": "0332-1001",
        "invoice_fen": 360000,
        "invoiced_on": "2026-03-02",
        "supplier_name": "宏达五金商店",
    }
    assert set(outcomes("invoice", **told).values()) == {"agrees"}


def test_one_fen_is_a_difference() -> None:
    assert outcomes("invoice", invoice_fen=360001) == {"invoice_fen": "differs"}
    [told] = compare("invoice", {"invoice_fen": 360001}, INVOICE)
    assert [one.value for one in INVOICE if one.id in told.found] == ["360000"]


def test_what_the_paper_does_not_name_is_not_found_and_no_difference() -> None:
    assert outcomes("contract", contract_signed_on="2026-03-01", contract_fen=100) == {
        "contract_signed_on": "not_found",
        "contract_fen": "differs",
    }
    assert compare("invoice", {"invoice_fen": 1}, [])[0].outcome == "not_found"


def test_only_fields_of_the_paper_are_compared() -> None:
    assert outcomes("minutes", invoice_fen=1, meeting_on="2026-03-02") == {"meeting_on": "agrees"}
    assert outcomes("photo_of_delivery", quantity=3, item="纸") == {}


def test_another_seller_differs_however_the_brackets_are_written() -> None:
    assert outcomes("invoice", payee_name="张三") == {"payee_name": "differs"}
    assert differing(compare("invoice", {"payee_name": "宏达五金商店", "invoice_no": "1"}, INVOICE)) == ["invoice_no"]


def test_the_kinds_of_papers_are_known() -> None:
    assert compared_fields()["invoice"]
