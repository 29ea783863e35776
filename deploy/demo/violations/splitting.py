"""One work or purchase cut into parts below a limit, and one invoice used twice."""

from deploy.demo.drafting import Chosen
from deploy.demo.violations.ground import Ground, Plant, Planted


def works_in_lots(ground: Ground) -> Planted:
    """A road of 480,000 yuan in two lots below the tender limit, three weeks apart, for one contractor."""
    village, at = ground.village(), ground.moment()
    first = ground.case("EN2", village=village, at=at, chosen=Chosen(amount_yuan=248_000))
    item = first.fields["item"]
    same = Chosen(
        kind=first.fields["category"],
        place=first.fields["location"],
        amount_yuan=232_000,
        bidders=[ground.winner_of(first), *ground.rng.sample(ground.county.market["works"], 3)],
    )
    second = ground.case("EN2", village=village, at=ground.later(at, 21), chosen=same)
    for number, draft in enumerate((first, second), start=1):
        draft.put(item=f"{item}{number}标段")
        draft.title = draft.title.replace(item, f"{item}{number}标段")
    return Planted((first, second), company=ground.winner_of(first))


def micro_works_in_parts(ground: Ground) -> Planted:
    """One work of 130,000 yuan as three micro works without competition, within a month."""
    village, at = ground.village(), ground.moment()
    first = ground.case("EN1", village=village, at=at, chosen=Chosen(amount_yuan=41_000))
    drafts = [first]
    for number in (1, 2):
        same = Chosen(
            kind=first.fields["category"], place=first.fields["location"], amount_yuan=41_000 + number * 1_100
        )
        same.winner = ground.winner_of(first)
        drafts.append(ground.case("EN1", village=village, at=ground.later(at, 9 * number), chosen=same))
    return Planted(tuple(drafts), company=ground.winner_of(first))


def purchase_in_parts(ground: Ground) -> Planted:
    """Desks for 130,000 yuan in two purchases below the tender limit, from one shop, within three weeks."""
    village, at = ground.village(), ground.moment()
    first = ground.case("PR2", village=village, at=at, chosen=Chosen(amount_yuan=76_000))
    same = Chosen(kind=first.fields["category"], amount_yuan=71_000, winner=ground.winner_of(first))
    second = ground.case("PR2", village=village, at=ground.later(at, 12), chosen=same)
    return Planted((first, second), company=ground.winner_of(first))


def invoice_twice(ground: Ground) -> Planted:
    """One invoice paid in two cases of two villages."""
    at = ground.moment()
    first = ground.case("PR2", at=at)
    winner = ground.winner_of(first)
    second = ground.case("PR2", at=ground.later(at, 30), chosen=Chosen(winner=winner))
    told = first.step("PR2-09").fields
    second.step("PR2-09").fields["invoice_no"] = told["invoice_no"]
    return Planted((first, second), company=winner)


PLANTS = (
    Plant("works_in_lots", ("A075",), works_in_lots),
    Plant("micro_works_in_parts", ("A075",), micro_works_in_parts, may=("A077",)),
    Plant("purchase_in_parts", ("A076",), purchase_in_parts),
    Plant("invoice_twice", ("A081",), invoice_twice),
)
