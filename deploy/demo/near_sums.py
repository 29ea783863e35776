"""Innocent sums and repetitions just inside what is allowed. Nothing may fire on them."""

from datetime import datetime, timedelta

from deploy.demo import leasing, sheets
from deploy.demo.cases import Draft
from deploy.demo.companies import Company
from deploy.demo.drafting import Chosen
from deploy.demo.schedule import local_day
from deploy.demo.violations.assets import pond, ponds_beside_one, receipt
from deploy.demo.violations.favours import families_by_turns
from deploy.demo.violations.ground import Ground, NearMiss
from deploy.demo.violations.repeats import relieved_in_turn, reprice
from shared.contracts.power import Attendance, BillLine
from shared.contracts.reference import Asset
from shared.workdays import SHANGHAI, add_working_days

_TURNS = ((0, 1), (2, 3), (4, 5), (0, 2), (1, 3))


def measured_close(ground: Ground) -> Draft:
    """Four per cent less was measured than claimed."""
    draft = ground.case("EN2")
    fields = draft.step("EN2-11").fields
    fields["measured_quantity"] = round(fields["quantity"] * 0.965, 1)
    return draft


def half_a_day_over(ground: Ground) -> Draft:
    """Half a day more is paid than was confirmed: overtime by the village's own rule."""
    draft = sheets.complete(ground.case("LA1"), ground.county.people)
    fields = draft.step("LA1-06").fields
    first, *others = fields["attendance"]
    fields["attendance"] = (first.model_copy(update={"days": first.days - 0.5}), *others)
    return draft


def rounded_line(ground: Ground) -> Draft:
    """A line of a bill is rounded to the yuan."""
    draft = ground.case("PR2")
    fields = draft.step("PR2-09").fields
    total = fields["settlement_fen"]
    price = total // 7
    fields["bill"] = (BillLine(name="货物", quantity=7, unit_price_fen=price, amount_fen=total),)
    return draft


def county_grants_less(ground: Ground) -> Draft:
    """The town's opinion was a little higher than what the county decided and paid."""
    draft = ground.case("RE2")
    draft.step("RE2-04").fields["relief_fen"] += 30_000
    return draft


def audit_took_its_share(ground: Ground) -> Draft:
    """The audit takes 14 per cent off."""
    draft = ground.case("EN2")
    fields = draft.step("EN2-12").fields
    fields["submitted_fen"] = round(fields["settlement_fen"] / 0.86)
    return draft


def audits_untouched_twice(ground: Ground) -> tuple[Draft, ...]:
    """A consultant finds nothing twice, and something the third time."""
    name, first = f"嘉善细心造价咨询第{ground.rng.randint(100, 999)}分部", ground.moment()
    made = tuple(ground.case("EN2", at=ground.later(first, 9 * number)) for number in range(3))
    for draft in made:
        fields = draft.step("EN2-12").fields
        fields.update(auditor_name=name, submitted_fen=fields["settlement_fen"])
    last = max(made, key=lambda draft: draft.step("EN2-12").at).step("EN2-12").fields
    last["submitted_fen"] = round(last["settlement_fen"] * 1.04)
    return made


def rent_in_two_halves(ground: Ground) -> Draft:
    """The first year's rent comes in two halves, the second after the case was closed."""
    draft = ground.case("AS1", at=ground.moment(300))
    told, rent = draft.step("AS1-13"), draft.step("AS1-12").fields
    half = rent["annual_rent_fen"] // 2
    told.fields.update(received_fen=half, invoice_fen=half)
    receipt(ground, draft, "AS1-13", contract_no=rent["contract_no"])
    ground.county.receipt(
        draft.village_code,
        f"{told.fields['invoice_no']}-2",
        rent["supplier_name"],
        rent["annual_rent_fen"] - half,
        rent["lease_from"],
        contract_no=rent["contract_no"],
    )
    return draft


def banked_on_the_last_day(ground: Ground) -> Draft:
    """A sale's proceeds reach the bank on the third working day."""
    draft = ground.case("AS3")
    at = draft.step("AS3-11").at
    receipt(ground, draft, "AS3-11", banked_on=local_day(add_working_days(at, 3) - timedelta(hours=1)))
    return draft


def let_in_two_parts(ground: Ground) -> tuple[Draft, Draft]:
    """Two firms share a pond, half of it each."""
    at = ground.moment()
    village = ground.village_for("ponds", at)
    asset = ground.pond(village)
    parts = [
        ground.case("AS1", village=village, at=ground.later(at, 15 * number), chosen=_half(ground, asset), relet=False)
        for number in range(2)
    ]
    for draft in parts:
        draft.put(quantity=(asset.quantity or 0) / 2)
    ground.relet(parts[-1], asset)
    return parts[0], parts[1]


def _half(ground: Ground, asset: Asset) -> Chosen:
    """Half of an asset, at half of its rent, for somebody new."""
    others = ground.rng.sample(ground.county.market["tenants"], 3)
    yuan = round(leasing.fair_rent_fen(asset) * 0.51 / 100)
    return Chosen(asset=asset, amount_yuan=yuan, bidders=[ground.county.company("tenants"), *others])


def ponds_at_their_price(ground: Ground) -> tuple[Draft, ...]:
    """One operator has three ponds and pays for them what the others pay."""
    at = ground.moment()
    village, operator = ground.village_for("ponds", at), ground.county.company("tenants")
    lessees = [operator] * 3 + [ground.county.company("tenants") for _ in range(3)]
    return tuple(
        pond(ground, village, ground.later(at, 12 * number), lessee, 0.97 + 0.01 * number)
        for number, lessee in enumerate(lessees)
    )


def two_awards_of_a_firm(ground: Ground) -> tuple[Draft, ...]:
    """A firm wins two small works of a village within a year, against others."""
    at, firm = ground.moment(330), ground.county.company("works")
    village = ground.village_for("one firm", at)
    return tuple(
        ground.case("EN2", village=village, at=ground.later(at, 190 * number), chosen=_won_by(ground, firm, 70_000))
        for number in range(2)
    )


def two_just_below(ground: Ground) -> tuple[Draft, ...]:
    """A firm gets two micro works at nine tenths of the limit, in two villages."""
    at, firm = ground.moment(300), ground.county.company("works")
    made = [
        ground.case(
            "EN1",
            village=ground.village_for("just below", at),
            at=ground.later(at, 60 * number),
            chosen=_won_by(ground, firm, 41_000),
        )
        for number in range(2)
    ]
    for draft in made:
        reprice(draft, 4_610_000, most=4_740_000)
    return tuple(made)


def two_emergencies(ground: Ground) -> tuple[Draft, ...]:
    """A pump breaks and a wall slides within half a year."""
    at = ground.moment(400)
    moments = (at, ground.later(at, 150))
    village = ground.calm_village(*moments)
    return tuple(
        ground.case(code, village=village, at=opened) for code, opened in zip(("PR4", "EN6"), moments, strict=True)
    )


def two_changes(ground: Ground) -> tuple[Draft, ...]:
    """One contract is changed twice, a little each time."""
    works = ground.case("EN2")
    chosen = {"kind": works.fields["category"], "place": works.fields["location"], "related_case_no": works.case_no}
    yuan = works.step("EN2-10").fields["contract_fen"] // 100 // 200
    changes = (
        ground.case(
            "EN5",
            village=works.village_code,
            at=ground.later(works.opened_at, 70 + 20 * number),
            chosen=Chosen(amount_yuan=yuan, **chosen),
        )
        for number in range(2)
    )
    return works, *changes


def two_numbers_in_a_row(ground: Ground) -> tuple[Draft, ...]:
    """Two invoices of one shop, weeks apart, have neighbouring numbers."""
    shop, at = ground.county.company("goods"), ground.moment(300)
    made = [ground.case("PR1", at=ground.later(at, 30 * number), chosen=Chosen(winner=shop)) for number in range(2)]
    first = 2633_0000_0000_0000_0000 + ground.rng.randrange(10**15)
    for number, draft in enumerate(made):
        draft.put(invoice_no=str(first + number))
    return tuple(made)


def relieved_for_another_cause(ground: Ground) -> tuple[Draft, ...]:
    """A family that a fire struck is struck by illness as well."""
    person, village, at = ground.county.people.person(), ground.village(), ground.moment(300)
    return relieved_in_turn(ground, village, at, (person, person), ("火灾", "重大疾病"))


def household_struck_twice(ground: Ground) -> tuple[Draft, ...]:
    """A man gets relief for a fire, and his wife for an illness."""
    village, at = ground.village(), ground.moment(300)
    couple = [ground.county.people.person() for _ in range(2)]
    ground.county.keep_house(village, couple)
    return relieved_in_turn(ground, village, at, couple, ("火灾", "重大疾病"))


def parted_before_the_fire(ground: Ground) -> tuple[Draft, ...]:
    """Two brothers who had parted households get relief for the fire that struck both houses."""
    village, at = ground.village(), ground.moment(300)
    brothers = [ground.county.people.person() for _ in range(2)]
    ground.county.keep_house(village, brothers, local_day(at) - timedelta(days=200))
    return relieved_in_turn(ground, village, at, brothers, ("火灾", "火灾"))


def relatives_by_turns(ground: Ground) -> tuple[Draft, ...]:
    """Brothers and sisters who no longer keep house together work by turns."""
    return families_by_turns(ground, parted=True)


def lease_spelt_otherwise(ground: Ground) -> Draft:
    """The register of leases has the lease of a case under the firm's name in another spelling."""
    village = ground.village()
    asset = ground.asset(village)
    draft = ground.case("AS1", village=village, chosen=Chosen(asset=asset))
    tenant = ground.winner_of(draft)
    entered = leasing.lease(asset, tenant, draft.step("AS1-12").fields["lease_from"], 0.95)
    name = tenant.name.replace("有限公司", "有限责任公司")
    ground.county.register(entered.model_copy(update={"lessee_id": "", "lessee_name": name}))
    return draft


def third_pond_given_up(ground: Ground) -> tuple[Draft, ...]:
    """A lessee who had a third pond by the register, none of them dear, gave it up before he took the two others."""
    return ponds_beside_one(ground, 0.75, given_up=True)


def labour_beside_works(ground: Ground) -> tuple[Draft, ...]:
    """Much labour in one place, where works with a flow of their own go on."""
    at = ground.moment()
    village = ground.village_for("labour in bulk", at)
    works = ground.case("EN2", village=village, at=at)
    people = ground.county.people
    jobs = (
        ground.case(
            "LA1",
            village=village,
            at=ground.later(at, 20 + 14 * number),
            chosen=Chosen(
                place=works.fields["location"], amount_yuan=15_000, workers=[people.person() for _ in range(4)]
            ),
        )
        for number in range(4)
    )
    return works, *jobs


def two_jobs_in_one_week(ground: Ground) -> tuple[Draft, ...]:
    """A man works four days for one village and three for another within eight days."""
    person, at = ground.county.people.person(), ground.moment()
    made = [ground.case("LA1", at=at, chosen=Chosen(workers=[person], amount_yuan=yuan)) for yuan in (4 * 160, 3 * 160)]
    last = min(local_day(draft.step("LA1-06").at) for draft in made)
    for draft in made:
        (worker,) = draft.step("LA1-06").fields["workers"]
        seen = Attendance(
            person_key=worker.person_key,
            name=worker.name,
            days=worker.days,
            first_on=last - timedelta(days=7),
            last_on=last,
        )
        draft.step("LA1-06").fields["attendance"] = (seen,)
    return tuple(made)


def work_by_turns(ground: Ground) -> tuple[Draft, ...]:
    """Six men work by turns, two at a time, over half a year."""
    at, people = ground.moment(300), [ground.county.people.person() for _ in range(6)]
    village = ground.village_for("labour in bulk", at)
    return tuple(
        ground.case(
            "LA1",
            village=village,
            at=ground.later(at, 25 * number),
            chosen=Chosen(workers=[people[one], people[other]], amount_yuan=5_500),
        )
        for number, (one, other) in enumerate(_TURNS)
    )


def sealed_before_closing(ground: Ground) -> Draft:
    """The seal is used two minutes before the office closes, at the far end of the yard."""
    draft = ground.case("SE1")
    step, later = draft.step("SE1-04"), draft.step("SE1-05")
    midnight = datetime.combine(local_day(step.at), datetime.min.time(), SHANGHAI)
    step.at = max(step.at, (midnight + timedelta(hours=17, minutes=58)).astimezone(step.at.tzinfo))
    step.fields["stamped_away_m"] = 290
    later.at = max(later.at, step.at + timedelta(hours=15))
    return draft


def everyday_goods(ground: Ground) -> tuple[Draft, ...]:
    """A village buys paper from one shop again and again, and brooms from another: a little each time."""
    village, at = ground.village(), ground.moment(300)
    goods = ground.county.market["goods"]
    shops = (goods[0], goods[0], goods[0], goods[1])
    return tuple(
        ground.case(
            "PR1",
            village=village,
            at=ground.later(at, 7 * number),
            chosen=Chosen(kind="办公用品", winner=shop, amount_yuan=1_350),
        )
        for number, shop in enumerate(shops)
    )


def _won_by(ground: Ground, firm: Company, yuan: int) -> Chosen:
    return Chosen(bidders=[firm, *ground.rng.sample(ground.county.market["works"], 3)], amount_yuan=yuan)


KINDS = (
    NearMiss(("A065",), measured_close),
    NearMiss(("A066",), half_a_day_over),
    NearMiss(("A071",), rounded_line),
    NearMiss(("A072",), county_grants_less),
    NearMiss(("A074",), audit_took_its_share),
    NearMiss(("A074",), audits_untouched_twice),
    NearMiss(
        (
            "A023",
            "A068",
        ),
        rent_in_two_halves,
    ),
    NearMiss(("A069",), banked_on_the_last_day),
    NearMiss(("A073",), let_in_two_parts),
    NearMiss(("A089",), ponds_at_their_price),
    NearMiss(("A077",), two_awards_of_a_firm),
    NearMiss(("A078",), two_just_below),
    NearMiss(("A079",), two_emergencies),
    NearMiss(("A080",), two_changes),
    NearMiss(("A082",), two_numbers_in_a_row),
    NearMiss(("A086",), relieved_for_another_cause),
    NearMiss(("A086",), household_struck_twice),
    NearMiss(("A086",), parted_before_the_fire),
    NearMiss(("A085",), relatives_by_turns),
    NearMiss(("A073",), lease_spelt_otherwise),
    NearMiss(("A089",), third_pond_given_up),
    NearMiss(("A083",), labour_beside_works),
    NearMiss(("A084",), two_jobs_in_one_week),
    NearMiss(("A085",), work_by_turns),
    NearMiss(("A088",), sealed_before_closing),
    NearMiss(("A076",), everyday_goods),
)
