"""The service's database, as its routes and pages ask for it."""

from typing import Annotated

from fastapi import Depends

from shared.db import Database
from shared.web import db_of

Db = Annotated[Database, Depends(db_of)]
