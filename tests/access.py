"""Who may reach what, as data: one page `tests/<service>/access.yaml` a service, and the callers that try it all."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4
from zlib import crc32

import httpx
import yaml
from fastapi import FastAPI

from tests.conftest import Token

_FOLDER = Path(__file__).parent
_AT_ONCE = 8
_IN_TURN = 8
_PLACES = {
    "village": "330421107201",
    "town": "330421107000",
    "county": "330421000000",
    "other_village": "330421107202",
    "other_town": "330421105000",
    "other_county": "330402000000",
}
_ABOVE = {"village": ("town", "county"), "town": ("county",), "county": ()}
_BESIDE = {
    "village": ("other_village", "other_town", "other_county"),
    "town": ("other_town", "other_county"),
    "county": ("village", "town", "other_county"),
}
FOUND = (200, 201, 202, 204, 303)


@cache
def page(service: str) -> dict[str, Any]:
    """The page of a service."""
    told: dict[str, Any] = yaml.safe_load((_FOLDER / service / "access.yaml").read_text(encoding="utf-8"))
    return told


def end_points(app: FastAPI) -> Iterator[str]:
    """Every end point of a service, pages too: `GET /v1/cases`."""
    for route in app.router.routes:
        included = getattr(route, "effective_route_contexts", None)
        for one in included() if included else (route,):
            for method in (getattr(one, "methods", None) or set()) - {"HEAD"}:
                yield f"{method} {getattr(one, 'path', '')}"


@dataclass(frozen=True)
class Asker:
    """A caller: a role at a place, perhaps as a client with scopes; no role: without a token."""

    role: str = ""
    place: str = ""
    scopes: tuple[str, ...] | None = None

    def __str__(self) -> str:
        scopes = "" if self.scopes is None else f" as a client of {self.scopes}"
        return f"{self.role}@{self.place}{scopes}" if self.role else "nobody"

    def headers(self, token: Token) -> dict[str, str]:
        """His token, if he has any."""
        if not self.role:
            return {}
        told = f"{self.role}@{_PLACES[self.place]}"
        client = {} if self.scopes is None else {"client_id": "a-client", "scope": " ".join(self.scopes)}
        subject = "a-client" if client else "somebody"
        return {"authorization": f"Bearer {token(told, subject=subject, person_key='somebody-else', **client)}"}


@dataclass(frozen=True)
class Cell:
    """One question with the answers that are right."""

    end_point: str
    asker: Asker
    right: frozenset[int]


@dataclass
class Matrix:
    """A running service with sample things in it, asked by everybody."""

    service: str
    app: FastAPI
    caller: httpx.AsyncClient
    token: Token
    names: dict[str, str] = field(default_factory=dict)
    bodies: Mapping[str, Any] = field(default_factory=dict)
    ids_under: Mapping[str, str] = field(default_factory=dict)

    async def faults(self) -> list[str]:
        """The cells that were answered otherwise than the page says. What is read is asked before what is done."""
        gate = asyncio.Semaphore(_AT_ONCE)
        found: dict[str, list[Cell]] = {}

        async def judge(cell: Cell) -> None:
            async with gate:
                answer = await self.ask(cell)
            if answer.status_code not in cell.right:
                found.setdefault(f"{cell.end_point}: {answer.status_code}, not {sorted(cell.right)} <-", []).append(
                    cell
                )

        every = list(cells(self.service, set(end_points(self.app))))
        for reading in (True, False):
            await asyncio.gather(*(judge(one) for one in every if one.end_point.startswith("GET ") == reading))
        return [f"{wrong} {', '.join(str(one.asker) for one in found[wrong])}" for wrong in sorted(found)]

    async def ask(self, cell: Cell) -> httpx.Response:
        """Ask one end point as one caller."""
        line, (method, path) = lines(self.service)[cell.end_point], cell.end_point.split(" ")
        ids = [("id", one) for under, one in self.ids_under.items() if path.startswith(under)]
        for name, value in [*ids, *self.names.items()]:
            path = path.replace(f"{{{name}}}", value)
        while "{" in path:
            path = f"{path[: path.index('{')]}{uuid4()}{path[path.index('}') + 1 :]}"
        headers = cell.asker.headers(self.token)
        if "text" in line:
            headers["content-type"] = line.get("type", "application/pdf")
        if line.get("origin") == "own":
            headers["origin"] = str(self.caller.base_url)
        files = {"file": ("a.csv", line["file"], "text/csv")} if "file" in line else None
        data = self._filled(line.get("form"))
        return await self.caller.request(
            method,
            path,
            headers=headers,
            params=line.get("query"),
            json=self._filled(line.get("body")),
            data=data,
            files=files,
            content=line.get("text"),
        )

    def _filled(self, value: Any) -> Any:
        if isinstance(value, str) and value.startswith("{"):
            return self.bodies[value[1:-1]]
        if isinstance(value, dict):
            return {name: self._filled(one) for name, one in value.items()}
        return value


def lines(service: str) -> dict[str, dict[str, Any]]:
    """The end points of a page."""
    found: dict[str, dict[str, Any]] = page(service)["end_points"]
    return found


def cells(service: str, there: Collection[str]) -> Iterator[Cell]:
    """Every end point that is there by every caller who matters to it."""
    for end_point, line in lines(service).items():
        if line["who"] != "left_out" and end_point in there:
            yield from _cells(service, end_point, line)


def _cells(service: str, end_point: str, line: Mapping[str, Any]) -> Iterator[Cell]:
    right = frozenset(line.get("gives", FOUND))
    if line["who"] == "anyone":
        yield Cell(end_point, Asker(), right)
        return
    yield Cell(end_point, Asker(), frozenset({401} if end_point.startswith("GET ") else {401, 403}))
    roles, at = page(service)["roles"], line.get("at", "village")
    let = roles if line["who"] == "signed_in" else line["who"]
    asked = [role for role in roles if role not in let or not line.get("once") or role == let[0]]
    if line["who"] == "signed_in" and len(asked) > _IN_TURN:
        # Where no role counts each line asks some of them, in turn, so that each is asked at many.
        first = crc32(end_point.encode()) % len(asked)
        asked = (asked + asked)[first : first + _IN_TURN]
    for role in asked:
        yield Cell(end_point, Asker(role, at), right if role in let else frozenset(line.get("refused", {403})))
    elsewhere = frozenset(line.get("elsewhere", right))
    for role in _who_is_moved(line, [role for role in let if role in roles]):
        above = frozenset(line.get("above", right))
        yield from (Cell(end_point, Asker(role, place), above) for place in _ABOVE[at])
        yield from (Cell(end_point, Asker(role, place), elsewhere) for place in _BESIDE[at])
    yield from _clients(service, end_point, line, right)


def _who_is_moved(line: Mapping[str, Any], let: list[str]) -> list[str]:
    """Who is asked at other places too: all whose role counts; some where only the place does, or nothing."""
    if line.get("once"):
        return []
    if "elsewhere" not in line:
        return let[:1]
    return let[:4] if line["who"] == "signed_in" else let


def _clients(service: str, end_point: str, line: Mapping[str, Any], right: frozenset[int]) -> Iterator[Cell]:
    """A client, whose token's scope counts beside its grants: with the one that is asked for, and with all others."""
    let, at = line["who"], line.get("at", "village")
    role = page(service)["roles"][0] if let == "signed_in" else let[0]
    every, needed = set(page(service)["scopes"]), line.get("scope")
    if needed:
        yield Cell(end_point, Asker(role, at, (needed,)), right)
    others = tuple(sorted(every - {needed}))
    for scopes in {(), others}:
        yield Cell(end_point, Asker(role, at, scopes), frozenset({403}))


def guarded(service: str, app: FastAPI) -> set[str]:
    """The end points that want to know who asks."""
    told = page(service)
    every = {**told.get("lines", {}), **told.get("end_points", {})}
    free = {one for one, line in every.items() if line.get("who") in ("anyone", "left_out")}
    return set(end_points(app)) - free
