"""Someone else's systems, as cheap as they can be: a server of webhooks and a mail server that note what they get."""

import asyncio
import re
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, Envelope, Session

_HOST = "127.0.0.1"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_ALERT = re.compile(r"/alerts/([0-9a-f-]{36})")
_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"


class Receivers:
    """Both, while they are open. `hooks` and `mails` hold what came, in its order."""

    def __init__(self) -> None:
        self.hooks: list[bytes] = []
        self.mails: list[bytes] = []
        self.http_port = 0
        self.smtp_port = 0
        self._servers: list[asyncio.Server] = []

    async def __aenter__(self) -> "Receivers":
        loop = asyncio.get_running_loop()
        http = await asyncio.start_server(self._answer, _HOST, 0)
        smtp = await loop.create_server(lambda: SMTP(self, hostname="smtp.bench"), host=_HOST, port=0)
        self.http_port, self.smtp_port = (one.sockets[0].getsockname()[1] for one in (http, smtp))
        self._servers = [http, smtp]
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 aiosmtpd's name
        """A mail."""
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        return "250 2.0.0 Ok"

    def mailed(self) -> list[str]:
        """The alerts that mails told of."""
        return [alert for mail in self.mails if (alert := _linked(mail))]

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                self.hooks.append(await reader.readexactly(int(length[1]) if length else 0))
                writer.write(_TAKEN)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def _linked(mail: bytes) -> str | None:
    body = message_from_bytes(mail, policy=policy.default).get_body()
    found = _ALERT.search(body.get_content()) if body else None
    return found[1] if found else None
