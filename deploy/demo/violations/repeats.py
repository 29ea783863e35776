"""What an honest village does once, done again and again: one firm, one price just below a limit, one cause."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count

from deploy.demo.cases import Draft
from deploy.demo.drafting import Chosen
from deploy.demo.people import Person
from deploy.demo.violations.ground import Ground, Plant, Planted
from deploy.demo.words import WORDS

_AWARDS = 13
_DAYS_BETWEEN = 13
_BELOW_FEN = (4_720_000, 4_885_000, 4_790_000)
_DEAL = ("award_fen", "contract_fen", "settlement_fen", "payment_fen", "invoice_fen", "estimate_fen", "budget_fen")
_CEILING_FEN = 4_990_000


def one_firm_takes_all(ground: Ground) -> Planted:
    """One firm wins thirteen of a village's works within half a year."""
    at, firm = ground.moment(400), ground.county.company("works")
    village = ground.village_for("one firm", at)
    drafts = tuple(
        ground.case(
            "EN2",
            village=village,
            at=ground.later(at, _DAYS_BETWEEN * number),
            chosen=Chosen(
                kind=ground.rng.choice(WORDS["works"]),
                place=f"新河{number + 1}号地块",
                bidders=[firm, *ground.rng.sample(ground.county.market["works"], 3)],
            ),
        )
        for number in range(_AWARDS)
    )
    return Planted(drafts, company=firm)


def just_below_the_limit(ground: Ground) -> Planted:
    """One firm gets three micro works in three villages, each a little under the limit of 50,000 yuan."""
    firm, at = ground.county.company("works"), ground.moment(400)
    drafts = []
    for number, fen in enumerate(_BELOW_FEN):
        others = ground.rng.sample(ground.county.market["works"], 3)
        chosen = Chosen(bidders=[firm, *others], amount_yuan=41_000)
        village = ground.village_for("just below", at)
        draft = ground.case("EN1", village=village, at=ground.later(at, 50 * number), chosen=chosen)
        reprice(draft, fen)
        drafts.append(draft)
    return Planted(tuple(drafts), company=firm)


def reprice(draft: Draft, fen: int, *, most: int = _CEILING_FEN) -> None:
    """Let everything cost so much more that the award is this, and nothing more than the most."""
    factor = fen / draft.step("EN1-04").fields["award_fen"]
    for fields in (draft.fields, *(step.fields for step in draft.steps)):
        fields.update({name: min(round(fields[name] * factor), most) for name in _DEAL if name in fields})
        if "bids" in fields:
            bids = fields["bids"]
            fields["bids"] = tuple(bid.model_copy(update={"price_fen": round(bid.price_fen * factor)}) for bid in bids)


def emergencies_all_year(ground: Ground) -> Planted:
    """A village declares three emergencies within half a year."""
    at = ground.moment(400)
    moments = [ground.later(at, 60 * number) for number in range(3)]
    village, codes = ground.calm_village(*moments), ("PR4", "EN6", "PR4")
    return Planted(
        tuple(ground.case(code, village=village, at=opened) for code, opened in zip(codes, moments, strict=True))
    )


def changed_again_and_again(ground: Ground) -> Planted:
    """One contract is changed three times, a little each time."""
    works = ground.case("EN2")
    yuan = works.step("EN2-10").fields["contract_fen"] // 100 // 200
    drafts = tuple(
        ground.case(
            "EN5",
            village=works.village_code,
            at=ground.later(works.opened_at, 70 + 15 * number),
            chosen=Chosen(
                related_case_no=works.case_no,
                amount_yuan=yuan,
                kind=works.fields["category"],
                place=works.fields["location"],
            ),
        )
        for number in range(3)
    )
    return Planted(drafts)


def numbers_in_a_row(ground: Ground) -> Planted:
    """A shop's invoices to three villages, weeks apart, have consecutive numbers: it sells to nobody else."""
    shop, at = ground.county.company("goods"), ground.moment(300)
    numbers = count(2633_0000_0000_0000_0000 + ground.rng.randrange(10**15))
    drafts = []
    for number in range(3):
        draft = ground.case("PR1", at=ground.later(at, 25 * number), chosen=Chosen(winner=shop))
        draft.put(invoice_no=str(next(numbers)))
        drafts.append(draft)
    return Planted(tuple(drafts), company=shop)


def relieved_again(ground: Ground) -> Planted:
    """One person gets temporary relief twice within four months, both times for a fire."""
    person, village, at = ground.county.people.person(), ground.village(), ground.moment(300)
    return Planted(relieved_in_turn(ground, village, at, (person, person), ("火灾", "火灾")), person=person)


def household_relieved_again(ground: Ground) -> Planted:
    """A fire brings relief to a man, and four months later to his wife."""
    village, at = ground.village(), ground.moment(300)
    couple = [ground.county.people.person() for _ in range(2)]
    ground.county.keep_house(village, couple)
    return Planted(relieved_in_turn(ground, village, at, couple, ("火灾", "火灾")), person=couple[0])


def relieved_in_turn(
    ground: Ground, village: str, at: datetime, persons: Sequence[Person], causes: Sequence[str]
) -> tuple[Draft, ...]:
    """Temporary relief of some persons, one after the other, each for a cause."""
    drafts = []
    for number, (person, cause) in enumerate(zip(persons, causes, strict=True)):
        opened = ground.later(at, 110 * number)
        drafts.append(ground.case("RE2", village=village, at=opened, chosen=Chosen(beneficiary=person)))
        drafts[-1].put(reason=cause)
    return tuple(drafts)


PLANTS = (
    Plant("one_firm_takes_all", ("A077",), one_firm_takes_all, may=("A075",)),
    Plant("just_below_the_limit", ("A078",), just_below_the_limit, may=("A047",)),
    Plant("emergencies_all_year", ("A079",), emergencies_all_year),
    Plant("changed_again_and_again", ("A080",), changed_again_and_again),
    Plant("numbers_in_a_row", ("A082",), numbers_in_a_row),
    Plant("relieved_again", ("A086",), relieved_again),
    Plant("household_relieved_again", ("A086",), household_relieved_again),
)
