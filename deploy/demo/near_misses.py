"""Innocent cases that look like violations to a careless eye. Nothing may fire on them."""

from datetime import date, timedelta

from deploy.demo import lookalikes, near_sums
from deploy.demo.cases import Draft
from deploy.demo.drafting import Chosen
from deploy.demo.schedule import local_day
from deploy.demo.violations.ground import Ground, NearMiss
from shared import regions

_YEAR = timedelta(days=365)
_TWO_YEARS = 2 * _YEAR


def kin_in_another_town(ground: Ground) -> Draft:
    """The company of a village head's brother wins where the head has no say."""
    home, away = ground.village(), ground.village()
    while regions.town_of(away) == regions.town_of(home):
        away = ground.village()
    head = ground.county.villages[home].posts["village_head"]
    brother = ground.county.people.person(head.name[0] + "志强")
    ground.county.relate(head, brother, "兄弟")
    company = ground.county.company("works", brother)
    others = ground.rng.sample(ground.county.market["works"], 3)
    return ground.case("EN2", village=away, chosen=Chosen(bidders=[company, *others]))


def works_far_apart(ground: Ground) -> tuple[Draft, Draft]:
    """Two works of one kind in one village, on different roads, by different firms, most of a year apart."""
    village = ground.village()
    first = ground.case("EN2", village=village, at=ground.later(ground.period.since, 5))
    again = Chosen(kind=first.fields["category"])
    return first, ground.case("EN2", village=village, at=ground.later(first.opened_at, 210), chosen=again)


def bar_lifted(ground: Ground) -> Draft:
    """A company whose entry on the blacklist had ended before it bid."""
    company = ground.county.company("works")
    others = ground.rng.sample(ground.county.market["works"], 3)
    draft = ground.case("EN2", chosen=Chosen(bidders=[company, *others]))
    opened = local_day(draft.opened_at)
    ground.county.bar(company, opened - 2 * _YEAR, "拖欠农民工工资", until=opened - timedelta(days=30))
    return draft


def died_afterwards(ground: Ground) -> Draft:
    """A beneficiary who died after the relief was paid."""
    person = ground.county.people.person()
    draft = ground.case("RE2", chosen=Chosen(beneficiary=person))
    ground.county.bury(person, local_day(draft.steps[-1].at) + timedelta(days=20))
    return draft


def answered_on_the_last_day(ground: Ground) -> Draft:
    """A complaint that was answered on the fifteenth day."""
    draft = ground.case("PR2")
    filed = ground.later(draft.opened_at, 10)
    ground.county.appeal(draft.case_no, draft.village_code, filed, answered_at=filed + timedelta(days=15))
    return draft


def dead_namesake(ground: Ground) -> Draft:
    """A beneficiary with the name of a dead man."""
    person = ground.county.people.person()
    ground.county.bury(ground.county.people.person(person.name), local_day(ground.period.since) - _YEAR)
    return ground.case("RE2", chosen=Chosen(beneficiary=person))


def petty_cash(ground: Ground) -> Draft:
    """A purchase of 640 yuan, paid in cash."""
    draft = ground.case("PR1", chosen=Chosen(amount_yuan=640))
    draft.put(payment_method="现金")
    return draft


def box_nearly_full(ground: Ground) -> Draft:
    """A cash box with 4,980 yuan in it."""
    draft = ground.case("PR1")
    draft.put(cash_balance_fen=498_000)
    return draft


def list_attached(ground: Ground) -> Draft:
    """An invoice that reads only "office supplies", with the list attached."""
    draft = ground.case("PR2")
    draft.put(invoice_item="办公用品")
    return draft


def clear_of_the_limit(ground: Ground) -> Draft:
    """Micro works of 46,000 yuan, with the limit at 50,000."""
    return ground.case("EN1", chosen=Chosen(amount_yuan=46_000))


def small_change(ground: Ground) -> tuple[Draft, Draft]:
    """Works with an approved change of three per cent."""
    works = ground.case("EN2")
    yuan = works.step("EN2-10").fields["contract_fen"] * 3 // 10_000
    chosen = Chosen(related_case_no=works.case_no, amount_yuan=yuan)
    at = ground.later(works.opened_at, 60)
    return works, ground.case("EN5", village=works.village_code, at=at, chosen=chosen)


def dearest_turned_down(ground: Ground) -> Draft:
    """The dearest of four offers is turned down for want of a stamp."""
    draft = ground.case("EN2", chosen=Chosen(bidders=ground.rng.sample(ground.county.market["works"], 4)))
    *others, dearest = sorted(ground.bids_of(draft), key=lambda bid: bid.price_fen)
    draft.put(bids=(*others, dearest.model_copy(update={"valid": False, "reject_reason": "投标函未盖章"})))
    return draft


def bonds_back_on_the_last_day(ground: Ground) -> Draft:
    """Bidders get their bonds back on the fifth day after the contract."""
    draft = ground.case("EN3", at=ground.moment(420))
    signed = draft.step("EN3-13").fields["contract_signed_on"]
    draft.put(bond_returned_on=signed + timedelta(days=5))
    return draft


def nearly_seventy(ground: Ground) -> Draft:
    """A labourer who turns seventy in the year of the work."""
    at = ground.moment()
    person = ground.county.people.person(born=date(local_day(at).year - 69, 12, 1))
    return ground.case("LA1", at=at, chosen=Chosen(workers=[person], amount_yuan=2_400))


def lease_renewed(ground: Ground) -> tuple[Draft, Draft]:
    """A lease that ended, and its renewal signed in time."""
    village, at = ground.village(), ground.later(max(ground.period.since, ground.period.until - _TWO_YEARS), 5)
    first = ground.case("AS1", village=village, at=at, relet=False)
    renewal = ground.case("AS2", village=village, at=ground.later(first.steps[-1].at, 1), relet=False)
    asset = ground.county.asset(village, "仓库")
    for draft in (first, renewal):
        draft.put(asset_id=asset.id, asset_name=asset.name)
    begins = first.step("AS1-12").fields["contract_signed_on"] + timedelta(days=1)
    ends = local_day(renewal.step("AS2-09").at) + timedelta(days=5)
    first.put(lease_from=begins, lease_to=ends)
    renewal.put(lease_from=ends + timedelta(days=1), lease_to=local_day(ground.period.until) + _YEAR)
    return first, renewal


def lease_handed_back(ground: Ground) -> Draft:
    """A short lease whose asset was handed back when it ended."""
    draft = ground.case("AS1", at=ground.later(ground.period.since, 5), relet=False)
    begins = draft.step("AS1-12").fields["contract_signed_on"] + timedelta(days=1)
    ends = begins + timedelta(days=60)
    draft.put(lease_from=begins, lease_to=ends)
    asset = ground.county.asset(draft.village_code, "门面房", vacated_on=ends + timedelta(days=1))
    draft.put(asset_id=asset.id, asset_name=asset.name)
    return draft


def meeting_filed_after_ten_days(ground: Ground) -> Draft:
    """Minutes that were filed ten days after the meeting, within what is allowed."""
    draft = ground.case("EN2")
    resolved = draft.step("EN2-04")
    resolved.fields["meeting_on"] = max(local_day(resolved.at) - timedelta(days=10), local_day(draft.step("EN2-03").at))
    return draft


KINDS = (
    NearMiss(
        (
            "A090",
            "A092",
        ),
        kin_in_another_town,
    ),
    NearMiss(("A075",), works_far_apart),
    NearMiss(("A094",), bar_lifted),
    NearMiss(("A097",), died_afterwards),
    NearMiss(("A028",), answered_on_the_last_day),
    NearMiss(("A097",), dead_namesake),
    NearMiss(("A052",), petty_cash),
    NearMiss(("A053",), box_nearly_full),
    NearMiss(("A033",), list_attached),
    NearMiss(("A047",), clear_of_the_limit),
    NearMiss(
        (
            "A056",
            "A062",
        ),
        small_change,
    ),
    NearMiss(("A055",), dearest_turned_down),
    NearMiss(("A054",), bonds_back_on_the_last_day),
    NearMiss(("A058",), nearly_seventy),
    NearMiss(("A022",), lease_renewed),
    NearMiss(("A022",), lease_handed_back),
    NearMiss(("A013",), meeting_filed_after_ten_days),
    *lookalikes.KINDS,
    *near_sums.KINDS,
)
