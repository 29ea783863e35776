"""What conditions may see beyond the event, one file a kind. A new subject is listed here and nowhere else."""

from services.detector.features.accounts import ACCOUNT
from services.detector.features.agents import AGENCY, PAIRING
from services.detector.features.appeals import APPEAL
from services.detector.features.awards import BRINK, SHARE
from services.detector.features.case import NODE
from services.detector.features.cash import CASH_BOX, CASH_PAID
from services.detector.features.changes import CHANGED_WORKS
from services.detector.features.contracts import STAMPED
from services.detector.features.counts import CHANGES, EMERGENCIES, SEAL_DAY
from services.detector.features.crew import CREW
from services.detector.features.deadlines import TERM, WORKS
from services.detector.features.digits import DIGITS
from services.detector.features.employers import EMPLOYER
from services.detector.features.filings import FILING
from services.detector.features.gaps import GAP
from services.detector.features.hazards import EMERGENCY
from services.detector.features.labour import LABOUR_SHARE, LABOUR_SUM, WORKLOAD
from services.detector.features.leases import ASSET_USE, HOLDING, LEASE_END
from services.detector.features.lessees import LESSEE
from services.detector.features.lists import LISTS
from services.detector.features.matches import INTEREST, SUPPLIER
from services.detector.features.means import MEANS
from services.detector.features.network import CASE, PAIR
from services.detector.features.numbers import AUDIT, INVOICE_RUN
from services.detector.features.originals import ENDED
from services.detector.features.paydays import PAYDAY
from services.detector.features.people import BENEFICIARY, RECIPIENT
from services.detector.features.receipts import ARREARS, INCOME, RENT_DUE
from services.detector.features.relief import RELIEF_SHARE, REPEATED_RELIEF
from services.detector.features.rents import RENT
from services.detector.features.rings import LOSER, ROTATION
from services.detector.features.rivals import HELPER, MANAGER
from services.detector.features.settlements import SETTLEMENT
from services.detector.features.spending import SPENDING
from services.detector.features.tenders import TENDER
from services.detector.features.trades import TRADES
from services.detector.features.unit_prices import UNIT_PRICE
from services.detector.features.windows import CLUSTER, INVOICE

# Features that rest on a case alone: on no register, and on no other case.
OF_THE_CASE = frozenset({"case", "node", "fields", "term", "works", "ended", "tender", "filing", "payday"})
ALL = (
    *(NODE, TERM, WORKS, CASE, PAIR, CLUSTER, INVOICE, INTEREST, RECIPIENT, SUPPLIER, BENEFICIARY),
    *(FILING, PAYDAY, EMERGENCY, LEASE_END, ARREARS, APPEAL),
    *(ENDED, TENDER, CHANGED_WORKS, SETTLEMENT, CASH_PAID, CASH_BOX, CREW, SPENDING),
    *(LISTS, RENT_DUE, INCOME, AUDIT, INVOICE_RUN, SHARE, BRINK, EMERGENCIES, CHANGES, SEAL_DAY),
    *(LABOUR_SUM, LABOUR_SHARE, WORKLOAD, ASSET_USE, HOLDING, RELIEF_SHARE, REPEATED_RELIEF),
    *(ACCOUNT, AGENCY, PAIRING, STAMPED, DIGITS, EMPLOYER, GAP, LESSEE, MEANS, RENT),
    *(LOSER, ROTATION, HELPER, MANAGER, TRADES, UNIT_PRICE),
)
