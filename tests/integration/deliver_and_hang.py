"""A notifier's worker of its own process, to be killed: `deliver_and_hang <settings as JSON> <lease seconds>`."""

import asyncio
import sys
from datetime import timedelta

from services.notifier.channels import gateways
from services.notifier.channels.deliveries import Deliveries
from shared.db import Database
from shared.settings import Settings


async def main(settings: str, lease: str) -> None:
    """Deliver until killed."""
    told = Settings.model_validate_json(settings)
    db = Database(told, "notifier")
    await db.open()
    await Deliveries(db, told, gateways.load(told.channels_file), lease=timedelta(seconds=float(lease))).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
