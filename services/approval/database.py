"""The service's database, as its routes and pages ask for it."""

from typing import Annotated

from fastapi import Depends, Request

from shared.db import Database
from shared.web import db_of


# Though it waits for nothing: FastAPI sends a plain function to a thread and back, for each request.
async def _db(request: Request) -> Database:
    return db_of(request)


Db = Annotated[Database, Depends(_db)]
