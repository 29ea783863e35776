"""The service's database, as its routes and pages ask for it."""

from typing import Annotated

from fastapi import Depends, Request

from shared.db import Database


def _database(request: Request) -> Database:
    return request.app.state.db  # type: ignore[no-any-return]


Db = Annotated[Database, Depends(_database)]
