"""Policies as anybody may read them: those in force in a village page by page, and one with its versions."""

import uuid
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Self

from services.disclosure import village_page
from services.disclosure.policies import store
from services.disclosure.policies.policy import Version, chosen, in_force
from services.disclosure.policies.schemas import PolicyHistory, PolicyPage, PolicyView
from shared import cursor
from shared.db import Connection
from shared.etags import etag


@dataclass(frozen=True)
class Held:
    """All published versions that are for a village, from which those of any day are told."""

    versions: tuple[Version, ...]

    @classmethod
    async def of(cls, conn: Connection, village_code: str) -> Self:
        """As they are now; raises `BadVillageCode`, `NoSuchVillage`."""
        return cls(tuple(await store.published(conn, village_page.check(village_code))))

    @classmethod
    async def everywhere(cls, conn: Connection) -> Self:
        """Those of the whole county."""
        return cls(tuple(await store.all_published(conn)))

    def on(self, day: date) -> tuple[PolicyView, ...]:
        """Those in force on a day."""
        return tuple(PolicyView.of(each, self.versions_of(each), day) for each in in_force(self.versions, day))

    def versions_of(self, version: Version) -> list[Version]:
        """A version's policy."""
        return [each for each in self.versions if each.policy_id == version.policy_id]

    @cached_property
    def tag(self) -> str:
        """Another one when any of them is another."""
        return etag("".join(each.model_dump_json() for each in self.versions).encode())


def page(
    held: Held, day: date, *, group: str = "", q: str = "", after: str | None = None, limit: int = 30
) -> PolicyPage:
    """Those in force on a day, by group and words; raises `InvalidInput`."""
    found, behind = chosen(in_force(held.versions, day), group, q), cursor.read_moment(after)
    if behind:
        found = [each for each in found if each.published_at and (each.published_at, each.policy_id) < behind]
    shown, last = found[:limit], found[limit - 1] if len(found) > limit else None
    following = cursor.write(last.published_at.isoformat(), str(last.policy_id)) if last and last.published_at else None
    return PolicyPage(items=tuple(PolicyView.of(each, held.versions_of(each), day) for each in shown), next=following)


async def history(conn: Connection, policy_id: uuid.UUID, day: date) -> PolicyHistory:
    """A policy's published versions; raises `NoSuchPolicy`."""
    found = await store.versions(conn, policy_id)
    return PolicyHistory(versions=tuple(PolicyView.of(each, found, day) for each in found))
