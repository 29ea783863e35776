"""One message by mail, over the county's SMTP server."""

import re
from email.headerregistry import Address
from email.message import EmailMessage

import aiosmtplib

from services.notifier.channels.content import Notice
from services.notifier.channels.gateways import Gateway, MailServer, filled
from services.notifier.channels.receipt import Receipt

_QUEUED_AS = re.compile(r"queued as (\S{1,60})", re.IGNORECASE)


async def send(gateway: Gateway, address: str, message_id: str, notice: Notice) -> Receipt:
    """Hand it to the server. Its Message-ID stays the same through all tries, so that mail systems can leave out
    repeats; a refusal or a fault is a receipt, never an exception."""
    server = gateway.config
    assert isinstance(server, MailServer)
    try:
        async with aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            username=filled(server.user, gateway) or None,
            password=filled(server.password, gateway) or None,
            timeout=gateway.kind.timeout_seconds,
        ) as smtp:
            refused, answer = await smtp.send_message(
                _message(server.sender, address, message_id, notice), sender=server.sender, recipients=[address]
            )
    except aiosmtplib.SMTPRecipientsRefused as error:
        status = error.recipients[0].code if error.recipients else 550
        return Receipt.refused(f"recipient refused, SMTP {status}", status, final=status >= 500)
    except aiosmtplib.SMTPAuthenticationError as error:
        return Receipt.failed("SMTP sign-in refused", error.code)
    except aiosmtplib.SMTPResponseException as error:
        return Receipt.failed(f"SMTP {error.code}", error.code)
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        return Receipt.failed(error)
    if refused:
        return Receipt.refused("recipient refused")
    found = _QUEUED_AS.search(answer)
    return Receipt(True, status=250, provider_id=found[1] if found else None)


def _message(sender: str, address: str, message_id: str, notice: Notice) -> EmailMessage:
    message = EmailMessage()
    message["From"] = Address("云睛", addr_spec=sender)
    message["To"] = Address(addr_spec=address)
    message["Subject"] = notice.title
    message["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(notice.text)
    return message
