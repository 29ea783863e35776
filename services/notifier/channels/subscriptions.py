"""Subscriptions in PostgreSQL: the caller's own, for the caller's own desks; addresses sealed, shown masked."""

import hashlib
import hmac
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from asyncpg import Record

from services.notifier import standing
from services.notifier.channels import addresses, delivery_queue
from services.notifier.channels.channel_schemas import ChannelChange, ChannelRequest, ChannelView
from services.notifier.channels.gateways import Gateway
from services.notifier.channels.kinds import channels
from services.notifier.channels.web_push import PushKey
from services.notifier.errors import (
    CodeTooSoon,
    CodeWrong,
    NoSuchChannel,
    NoSuchGateway,
    NotVerified,
    TooManyChannels,
    WebhookOutOfScope,
)
from services.notifier.noise.digests import Digest, Subscriber
from services.notifier.routing.routing import AUDITOR, Desk
from services.notifier.stream import last_position
from shared import audit
from shared.db import Connection, Database, Scope
from shared.identity import seal, unseal
from shared.principals import Principal
from shared.settings import Settings

VALID = timedelta(days=180)
_MOST = 20
_VIEW = """subscription_id, kind, gateway, shown, desks, grades, verified_at, paused, quiet_from, quiet_until,
           created_at, expires_at, failures, paused_until"""
_INSERT = """
INSERT INTO subscriptions (subscription_id, kind, gateway, owner, owner_name, person_key, desks, grades, address, shown,
                           secret, cleared, expires_at, since, verified_at, quiet_from, quiet_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
"""
_CODES_OF_A_DAY = """
SELECT count(*) FROM deliveries d JOIN subscriptions s USING (subscription_id)
WHERE d.kind = 'code' AND d.queued_at > $1 AND s.owner = $2
"""


def own_desks(caller: Principal) -> list[str]:
    """The desks at which somebody sits by his own grants; an auditor reads and is told nothing."""
    return sorted(f"{grant.role}@{grant.region}" for grant in caller.grants if grant.role != AUDITOR)


def check_desks(desks: Iterable[str], caller: Principal) -> None:
    """Refuse desks of others: raises `WebhookOutOfScope`."""
    foreign = [desk for desk in desks if not standing.may_subscribe(caller, Desk.at(desk))]
    if foreign:
        raise WebhookOutOfScope(
            f"只能订阅本人岗位的预警:{'、'.join(foreign)}", f"Not a desk of yours: {', '.join(foreign)}"
        )


async def insert(
    conn: Connection,
    gateway: Gateway,
    caller: Principal,
    settings: Settings,
    *,
    address: str,
    secret: str,
    desks: Iterable[str],
    grades: Iterable[str],
    verified: bool,
    quiet: tuple[time | None, time | None] = (None, None),
) -> UUID:
    """A new subscription to what comes from now on; its id."""
    made = uuid.uuid4()
    await conn.execute(
        _INSERT,
        made,
        gateway.config.kind,
        gateway.name,
        caller.subject,
        caller.name,
        caller.person_key,
        sorted(set(desks)),
        sorted(set(grades)),
        seal(address, settings.identity_secret),
        addresses.mask(gateway.config.kind, address),
        seal(secret, settings.identity_secret) if secret else None,
        gateway.clearance(address) != "plain",
        datetime.now(UTC) + VALID,
        await last_position(conn),
        datetime.now(UTC) if verified else None,
        *quiet,
    )
    return made


async def add(
    conn: Connection, wanted: ChannelRequest, caller: Principal, gateways: Mapping[str, Gateway], settings: Settings
) -> ChannelView:
    """A new way to reach the caller. A code goes to the address; nothing else does before it was given back.

    A browser proves itself: what it subscribed with stands in its own session.
    """
    gateway = gateways.get(wanted.gateway)
    if gateway is None or gateway.config.kind == "webhook":
        raise NoSuchGateway("本县没有配置这种渠道", "The county has no such gateway")
    if len(await all_of_caller(conn)) >= _MOST:
        raise TooManyChannels(f"最多 {_MOST} 个,请先移除不用的", f"{_MOST} at most: remove one first")
    desks = wanted.desks or own_desks(caller)
    check_desks(desks, caller)
    address = addresses.normalise(gateway.config.kind, wanted.address)
    proven = gateway.config.kind == "web_push"
    made = await insert(
        conn,
        gateway,
        caller,
        settings,
        address=address,
        secret=wanted.secret.strip(),
        desks=desks,
        grades=wanted.grades,
        verified=proven,
        quiet=(wanted.quiet_from, wanted.quiet_until),
    )
    if not proven:
        await ask_code(conn, made, caller)
    told = {"gateway": gateway.name, "desks": sorted(desks)}
    await audit.record(conn, caller, "channel.added", f"channel:{made}", told)
    return await find(conn, made)


async def ask_code(conn: Connection, subscription_id: UUID, caller: Principal) -> None:
    """Send a fresh code to the address; raises `CodeTooSoon`, `NoSuchChannel`."""
    terms, now = channels().code, datetime.now(UTC)
    row = _found(
        await conn.fetchrow(
            "SELECT challenged_at FROM subscriptions WHERE subscription_id = $1 AND removed_at IS NULL FOR UPDATE",
            subscription_id,
        )
    )
    again = timedelta(seconds=terms.again_seconds)
    if row["challenged_at"] and now < row["challenged_at"] + again:
        raise CodeTooSoon(f"请 {terms.again_seconds} 秒后再试", f"Try again after {terms.again_seconds} seconds")
    if await conn.fetchval(_CODES_OF_A_DAY, now - timedelta(days=1), caller.subject) >= terms.a_day:
        raise CodeTooSoon(f"每天最多 {terms.a_day} 个验证码", f"{terms.a_day} codes a day at most")
    await conn.execute(
        "UPDATE subscriptions SET challenge = $2, challenged_at = $3, challenge_tries = 0 WHERE subscription_id = $1",
        subscription_id,
        uuid.uuid4(),
        now,
    )
    await delivery_queue.enqueue(conn, subscription_id, "code", {}, at_once=True)


async def verify(conn: Connection, subscription_id: UUID, digits: str, settings: Settings) -> ChannelView | None:
    """Take the code back. None when it is wrong: the caller commits the try that it cost, then raises `CodeWrong`."""
    terms, now = channels().code, datetime.now(UTC)
    row = _found(
        await conn.fetchrow(
            "SELECT challenge, challenged_at, challenge_tries FROM subscriptions"
            " WHERE subscription_id = $1 AND removed_at IS NULL FOR UPDATE",
            subscription_id,
        )
    )
    late = not row["challenge"] or now > row["challenged_at"] + timedelta(minutes=terms.minutes)
    if late or row["challenge_tries"] >= terms.tries:
        raise CodeWrong("验证码已失效,请重新发送", "The code no longer holds: ask for another")
    if not hmac.compare_digest(code_of(row["challenge"], settings.identity_secret), digits.strip()):
        await conn.execute(
            "UPDATE subscriptions SET challenge_tries = challenge_tries + 1 WHERE subscription_id = $1", subscription_id
        )
        return None
    await conn.execute(
        "UPDATE subscriptions SET verified_at = $2, since = $3, challenge = NULL WHERE subscription_id = $1",
        subscription_id,
        now,
        await last_position(conn),
    )
    return await find(conn, subscription_id)


def code_of(challenge: UUID | None, secret: str) -> str:
    """The six digits of a challenge; they are kept nowhere."""
    made = hmac.new(secret.encode(), f"code|{challenge}".encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(made[:8]) % 1_000_000:06d}"


async def change(conn: Connection, subscription_id: UUID, wanted: ChannelChange, caller: Principal) -> ChannelView:
    """Change what comes and when, and let it live on; desks that the caller has lost fall away."""
    held = await find(conn, subscription_id)
    desks = wanted.desks if wanted.desks is not None else [d for d in held.desks if _holds(caller, d)]
    check_desks(desks, caller)
    await conn.execute(
        "UPDATE subscriptions SET desks = $2, grades = $3, paused = $4, quiet_from = $5, quiet_until = $6,"
        " expires_at = $7, failures = 0, paused_until = NULL WHERE subscription_id = $1",
        subscription_id,
        sorted(set(desks)),
        sorted(set(held.grades if wanted.grades is None else wanted.grades)),
        held.paused if wanted.paused is None else wanted.paused,
        *((wanted.quiet_from, wanted.quiet_until) if wanted.sets_quiet else (held.quiet_from, held.quiet_until)),
        datetime.now(UTC) + VALID,
    )
    changed = sorted(wanted.model_fields_set)
    await audit.record(conn, caller, "channel.changed", f"channel:{subscription_id}", {"fields": changed})
    return await find(conn, subscription_id)


async def keep_alive(conn: Connection, caller: Principal) -> None:
    """Whoever looks at his ways of being reached keeps them, but not for desks that he has left."""
    for row in await conn.fetch("SELECT subscription_id, desks FROM subscriptions WHERE removed_at IS NULL"):
        held = [desk for desk in row["desks"] if _holds(caller, desk)]
        await conn.execute(
            "UPDATE subscriptions SET desks = $2, expires_at = $3 WHERE subscription_id = $1 AND kind <> 'webhook'",
            row["subscription_id"],
            held,
            datetime.now(UTC) + VALID,
        )


async def send_test(conn: Connection, subscription_id: UUID) -> int:
    """Queue a test message; its id. Raises `NotVerified`."""
    held = await find(conn, subscription_id)
    if not held.verified:
        raise NotVerified("请先填写收到的验证码", "Give the code first")
    queued = await delivery_queue.enqueue(conn, subscription_id, "test", {}, at_once=True)
    assert queued
    return queued


async def remove(conn: Connection, subscription_id: UUID, caller: Principal) -> None:
    """End one of the caller's ways of being reached; raises `NoSuchChannel`."""
    await end(conn, subscription_id)
    await audit.record(conn, caller, "channel.removed", f"channel:{subscription_id}")


async def end(conn: Connection, subscription_id: UUID) -> None:
    """End a subscription. What waits is given up, the address is forgotten; receipts stay. Raises `NoSuchChannel`."""
    _found(
        await conn.fetchrow(
            "UPDATE subscriptions SET removed_at = now(), address = '', secret = NULL, challenge = NULL"
            " WHERE subscription_id = $1 AND removed_at IS NULL RETURNING 1",
            subscription_id,
        )
    )
    await conn.execute(
        "UPDATE deliveries SET state = 'given_up', error = 'removed by its owner'"
        " WHERE subscription_id = $1 AND state = 'waiting'",
        subscription_id,
    )


async def find(conn: Connection, subscription_id: UUID) -> ChannelView:
    """One of the caller's; raises `NoSuchChannel`."""
    row = await conn.fetchrow(
        f"SELECT {_VIEW} FROM subscriptions WHERE subscription_id = $1 AND removed_at IS NULL", subscription_id
    )
    return _view(_found(row))


async def all_of_caller(conn: Connection) -> list[ChannelView]:
    """The caller's ways of being reached, the oldest first; webhooks are of systems and listed by themselves."""
    rows = await conn.fetch(
        f"SELECT {_VIEW} FROM subscriptions WHERE removed_at IS NULL AND kind <> 'webhook'"
        " ORDER BY created_at, subscription_id"
    )
    return [_view(row) for row in rows]


async def subscribers(conn: Connection) -> list[Subscriber]:
    """Those who may be sent digests: people, at proved addresses."""
    rows = await conn.fetch(
        "SELECT subscription_id, desks, grades, person_key, verified_at FROM subscriptions"
        " WHERE kind <> 'webhook' AND verified_at IS NOT NULL AND NOT paused AND removed_at IS NULL"
        " AND expires_at > now() ORDER BY subscription_id"
    )
    return [
        Subscriber(
            row["subscription_id"],
            tuple(row["desks"]),
            frozenset(row["grades"]),
            row["person_key"],
            row["verified_at"],
        )
        for row in rows
    ]


async def send_digest(conn: Connection, subscription_id: UUID, digest: Digest) -> None:
    """Queue a digest; quiet hours hold it back."""
    await delivery_queue.enqueue(conn, subscription_id, "digest", digest.model_dump(mode="json"))


async def push_key(db: Database, settings: Settings) -> PushKey:
    """Our key towards push services: made once, the same for all instances."""
    async with db.begin(Scope.system()) as conn:
        await conn.execute(
            "INSERT INTO push_keys (sealed) VALUES ($1) ON CONFLICT DO NOTHING",
            seal(PushKey.new().pem, settings.identity_secret),
        )
        sealed: str = await conn.fetchval("SELECT sealed FROM push_keys")
    return PushKey.of(unseal(sealed, settings.identity_secret))


def _holds(caller: Principal, desk: str) -> bool:
    return standing.may_subscribe(caller, Desk.at(desk))


def _view(row: Record) -> ChannelView:
    values: dict[str, Any] = dict(row)
    return ChannelView.of(values)


def _found(row: Record | None) -> Record:
    if row is None:
        raise NoSuchChannel("没有这个接收方式,或不属于您", "There is no such channel, or it is not yours")
    return row
