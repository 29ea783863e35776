"""Who acts: a person or machine with grants, each a role in a region. Pure.

A grant at a town covers its villages, at the county all of them, at the city its counties.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

_OURS = re.compile(r"(approval|webhooks|registers|detection|alerts):[a-z]+")


@dataclass(frozen=True, order=True)
class Grant:
    """One role in one region and all below it."""

    role: str
    region: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """`role@region` as a grant; None for a group of another kind."""
        role, _, region = text.partition("@")
        return cls(role, region) if role and len(region) == 12 and region.isdigit() else None

    def covers(self, region: str) -> bool:
        """Whether the grant reaches `region`."""
        county = self.region[:6] if self.region.endswith("000000") else self.region.removesuffix("000")
        return region.startswith(self.region[:4] if self.region.endswith("00000000") else county)


@dataclass(frozen=True)
class Principal:
    """A person or machine, as the token names it.

    A machine's `scopes` bound what it may do beside its grants; a person's are None, and his grants alone bound him.
    """

    subject: str
    name: str
    person_key: str
    grants: frozenset[Grant]
    scopes: frozenset[str] | None = None

    @property
    def roles(self) -> frozenset[str]:
        """All roles, whatever the region."""
        return frozenset(grant.role for grant in self.grants)

    @property
    def regions(self) -> tuple[str, ...]:
        """All regions of the grants, sorted."""
        return tuple(sorted({grant.region for grant in self.grants}))

    def roles_in(self, region: str) -> frozenset[str]:
        """The roles held in a region."""
        return frozenset(grant.role for grant in self.grants if grant.covers(region))

    def has(self, role: str, region: str | None = None) -> bool:
        """Whether the role is held, in the region when one is given."""
        return role in (self.roles if region is None else self.roles_in(region))

    @classmethod
    def of_claims(cls, claims: dict[str, Any]) -> Self:
        """A principal from a token's claims."""
        subject = str(claims["sub"])
        grants = (Grant.parse(str(group)) for group in claims.get("groups") or ())
        key = claims.get("person_key") or hashlib.sha256(f"subject|{subject}".encode()).hexdigest()[:32]
        held = frozenset(g for g in grants if g)
        return cls(subject, str(claims.get("name") or subject), key, held, _scopes(claims))


def _scopes(claims: Mapping[str, Any]) -> frozenset[str] | None:
    """The scopes of a client that acts for itself (client credentials, RFC 9068); None for a person's token.

    Such a token's subject is the client, or it holds a scope of ours, which a person's sign-in never asks for.
    """
    given = claims.get("scope") or ""
    held = frozenset(given.split() if isinstance(given, str) else map(str, given))
    itself = claims["sub"] in (claims.get("client_id"), claims.get("azp"))
    return held if itself or any(_OURS.fullmatch(scope) for scope in held) else None
