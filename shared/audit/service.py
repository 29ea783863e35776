"""How a service gets its audit log: two works, the API and the pages."""

from collections.abc import Sequence

from fastapi import FastAPI, params

from shared.audit import pages, routes
from shared.audit.sealer import Sealer
from shared.audit.watch import Watch
from shared.background import Work
from shared.db import Database
from shared.settings import Settings


def works(app: FastAPI, db: Database, settings: Settings) -> dict[str, Work]:
    """What seals the log and what checks it; the app's pages get to know the verdict."""
    app.state.db, app.state.audit_watch = db, Watch(db, settings)
    return {"audit_sealer": Sealer(db, settings).run(), "audit_watch": app.state.audit_watch.run()}


def include(app: FastAPI, *, dependencies: Sequence[params.Depends] = ()) -> None:
    """Answer under `/v1/audit` and `/audit`, to whom the dependencies let pass."""
    app.include_router(routes.router, dependencies=dependencies)
    app.include_router(pages.router, dependencies=dependencies)
