"""What answers say of policies."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Self

from services.disclosure.policies.plan import plan
from services.disclosure.policies.policy import State, Version, state
from services.disclosure.schemas import Answer, Named


class PolicyLinks(Answer):
    """Where the policy is read."""

    page: str
    data: str


class PolicyView(Answer):
    """One version of a policy, masked: `amount_fen` in fen of its `unit`, days of Shanghai, `valid_to` included."""

    policy_id: uuid.UUID
    version: int
    state: State
    region: Named
    title: Named
    groups: tuple[Named, ...]
    benefit: str
    amount_fen: int | None
    unit: Named | None
    conditions: str
    applying: str
    papers: str
    office: str
    issuer: str
    document_no: str
    flow: Named | None
    valid_from: date
    valid_to: date | None
    published_at: datetime | None
    withdrawn_at: datetime | None
    withdrawn_because: str | None
    links: PolicyLinks

    @classmethod
    def of(cls, version: Version, versions: Sequence[Version], day: date) -> Self:
        """A version beside the others of its policy, as it is on a day."""
        said, words, flows = version.content, plan(), plan().flows()
        at = f"/policies/{version.policy_id}"
        return cls(
            policy_id=version.policy_id,
            version=version.version,
            state=state(version, versions, day),
            region=Named.region(version.region),
            title=Named(code=str(version.policy_id), zh=said.title_zh, en=said.title_en),
            groups=tuple(Named.of(code, words.groups[code].name()) for code in said.groups),
            benefit=said.benefit,
            amount_fen=said.amount_fen,
            unit=Named.of(said.unit, words.units[said.unit].name()) if said.unit else None,
            conditions=said.conditions,
            applying=said.applying,
            papers=said.papers,
            office=said.office,
            issuer=said.issuer,
            document_no=said.document_no,
            flow=Named(code=said.flow, zh=flows[said.flow].zh, en=flows[said.flow].en) if said.flow else None,
            valid_from=said.valid_from,
            valid_to=said.valid_to,
            published_at=version.published_at,
            withdrawn_at=version.withdrawn_at,
            withdrawn_because=version.withdrawn_because,
            links=PolicyLinks(page=at, data=f"/v1{at}"),
        )


class PolicyPage(Answer):
    """Policies in force in a village, the latest published first, and the cursor of the next page."""

    items: tuple[PolicyView, ...]
    next: str | None


class PolicyHistory(Answer):
    """A policy's versions that were published, the latest first."""

    versions: tuple[PolicyView, ...]
