"""What a key's verdict asks of the registers about parties: bidders, agents, lessees, employers, households."""

from collections.abc import Sequence

from services.detector.distil import Fact
from services.detector.features.accounts import needs_of_account
from services.detector.features.agents import needs_of_agents
from services.detector.features.contracts import needs_of_contract
from services.detector.features.employers import needs_of_employer
from services.detector.features.labour import needs_of_labour
from services.detector.features.lessees import needs_of_lessee
from services.detector.features.means import needs_of_means
from services.detector.features.relief import needs_of_relieved
from services.detector.features.rents import needs_of_rent
from services.detector.features.rings import needs_of_loser, needs_of_ring
from services.detector.features.rivals import needs_of_helpers, needs_of_managers
from services.detector.features.unit_prices import needs_of_prices
from services.detector.registers import Need, Reference


def needs_of_parties(kind: str, name: str, facts: Sequence[Fact], reference: Reference) -> set[Need]:
    """The questions of one key, as far as what was found lets one see."""
    match kind:
        case "company":
            return needs_of_employer(name, reference)
        case "account":
            return needs_of_account(name, facts, reference)
        case "contract":
            return needs_of_contract(name)
        case "labour":
            return needs_of_labour(name, facts)
        case "relief":
            return needs_of_relieved(facts)
        case "bidders":
            return needs_of_ring(facts)
        case "bidder":
            return needs_of_loser(name, facts)
        case "case":
            return {
                *needs_of_means(facts, reference),
                *needs_of_lessee(facts, reference),
                *needs_of_rent(facts, reference),
                *needs_of_agents(facts, reference),
                *needs_of_managers(facts),
                *needs_of_helpers(facts, reference),
                *needs_of_prices(facts),
            }
    return set()
