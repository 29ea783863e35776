"""`python -m services.approval.recognition`: reads the papers of cases, beside the service and never in its way."""

import asyncio
import signal
from contextlib import suppress

from services.approval.recognition.worker import worker
from shared import telemetry
from shared.settings import Settings


async def _run() -> None:
    settings = Settings()
    telemetry.configure("recognition", settings.otlp_endpoint)
    task = asyncio.current_task()
    assert task
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, task.cancel)
    async with worker(settings) as working:
        await working.run()


def main() -> None:
    """Read until stopped."""
    with suppress(asyncio.CancelledError):
        asyncio.run(_run())


if __name__ == "__main__":
    main()
