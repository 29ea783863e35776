"""What people do with appeals: load with the right of whoever does it, let the life cycle decide, save."""

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import asyncpg

from services.disclosure.appeals import intake, lifecycle, number, opinions, pictures, routing, store
from services.disclosure.appeals.errors import Mend, NoSuchAppeal, NotNow, NotYourDesk
from services.disclosure.appeals.intake import Wanted
from services.disclosure.appeals.lifecycle import Appeal, Entry, Reply, Step
from services.disclosure.appeals.plan import plan
from services.disclosure.appeals.store import Held, Identity
from shared import audit
from shared.db import Connection, Database, Scope
from shared.principals import Principal
from shared.problems import FieldError
from shared.settings import Settings

Decide = Callable[[Appeal, str, datetime], Step]
Say = Callable[[Appeal, datetime], Step]


async def file(
    db: Database,
    settings: Settings,
    village_code: str,
    case: tuple[str, str] | None,
    wanted: Wanted,
    drawn: Sequence[bytes],
    tracking_number: str,
) -> None:
    """File an appeal under its number; the same form sent again changes nothing. `drawn` are pictures drawn anew."""
    secret, now = settings.identity_secret, datetime.now(UTC)
    concerns = routing.concerned_level(wanted.concerns, wanted.text, plan())
    one = lifecycle.new(str(uuid.uuid4()), village_code, wanted.kind, concerns, case, now, plan())
    kept = [await pictures.keep(settings, content) for content in drawn]
    words_key = intake.words_key(wanted.text, secret)
    try:
        async with db.begin(Scope.system()) as conn:
            since = now - timedelta(days=plan().limits.joined_days)
            await store.insert(
                conn,
                lifecycle.file(one, wanted.text),
                tracking_key=number.key_of(tracking_number, secret),
                words_key=words_key,
                joined_to=await store.same_words(conn, village_code, words_key, since),
                identity=Identity(wanted.name, wanted.contact) if wanted.named else None,
                secret=secret,
            )
            await store.add_pictures(conn, one.appeal_id, [(each.sha256, each.size) for each in kept])
    except asyncpg.UniqueViolationError:
        return


async def is_filed(db: Database, settings: Settings, tracking_number: str) -> bool:
    """Whether a form was filed already."""
    key = number.key_of(tracking_number, settings.identity_secret)
    async with db.begin(store.author(key), readonly=True) as conn:
        return bool(await conn.fetchval("SELECT true FROM appeals WHERE tracking_key = $1", key))


async def followed(db: Database, settings: Settings, tracking_number: str) -> tuple[Held, list[Entry], int]:
    """An appeal for its author: how it stands, its history, its pictures; raises `NoSuchNumber`."""
    secret = settings.identity_secret
    key = number.key_of(tracking_number, secret)
    async with db.begin(store.author(key)) as conn:
        held = await store.by_key(conn, key, secret)
        entries = await store.history(conn, held.appeal.appeal_id, secret)
        return held, entries, len(await store.pictures(conn, held.appeal.appeal_id))


async def say(db: Database, settings: Settings, tracking_number: str, decide: Say, drawn: Sequence[bytes] = ()) -> None:
    """What its author says of an appeal; raises `NoSuchNumber`, `NotNow`, `Mend`."""
    secret = settings.identity_secret
    key = number.key_of(tracking_number, secret)
    async with db.begin(store.author(key)) as conn:
        held = await store.by_key(conn, key, secret)
        step = decide(held.appeal, datetime.now(UTC))
        there = len(await store.pictures(conn, held.appeal.appeal_id))
        if there + len(drawn) > plan().limits.pictures:
            most = plan().limits.pictures
            wrong = FieldError("pictures", f"一件诉求最多 {most} 张图片", f"An appeal may have {most} pictures")
            raise Mend(errors=[wrong])
        kept = [await pictures.keep(settings, content) for content in drawn]
        await store.as_system(conn)
        await store.save(conn, held.appeal, step, secret)
        await store.add_pictures(conn, held.appeal.appeal_id, [(each.sha256, each.size) for each in kept])


async def read(
    conn: Connection, caller: Principal, appeal_id: uuid.UUID, secret: str, *, lock: bool = False
) -> tuple[Held, list[Entry]]:
    """An appeal for an official. For whom it may concern it doesn't exist: raises `NoSuchAppeal`."""
    held = await store.find(conn, appeal_id, secret, lock=lock)
    entries = await store.history(conn, held.appeal.appeal_id, secret)
    written = tuple(entry.words for entry in entries if entry.by == "author")
    if routing.stands_aside(caller, held.appeal.village_code, written):
        raise NoSuchAppeal("没有这件诉求,或不在您的范围", "There is none of this id that you may read")
    return held, entries


async def listed(
    conn: Connection, caller: Principal, show: str, after: tuple[datetime, uuid.UUID] | None, limit: int, secret: str
) -> tuple[list[Held], bool]:
    """A page of appeals without those that may concern the caller, and whether more follow."""
    found = await store.listed(conn, show, after, limit + 1, secret)
    await audit.record(conn, caller, "appeals.listed", "appeals", {"show": show}, hourly=True)
    seen = [each for each in found[:limit] if not routing.stands_aside(caller, each.appeal.village_code, (each.words,))]
    return seen, len(found) > limit


async def handle(db: Database, settings: Settings, caller: Principal, appeal_id: uuid.UUID, decide: Decide) -> None:
    """A deed of its desk; raises `NoSuchAppeal`, `NotYourDesk`, `NotNow`, `Mend`."""
    async with db.begin(Scope.of(caller)) as conn:
        held, _ = await read(conn, caller, appeal_id, settings.identity_secret, lock=True)
        step = decide(held.appeal, _post(caller, held), datetime.now(UTC))
        await store.as_system(conn)
        await _save(conn, settings, caller, held, step)


async def answer(db: Database, settings: Settings, caller: Principal, appeal_id: uuid.UUID, reply: Reply) -> None:
    """Answer an appeal. A public answer is shown on its village's page, and answers all that ask with the same words
    on the same desk."""
    secret = settings.identity_secret
    async with db.begin(Scope.of(caller)) as conn:
        held, _ = await read(conn, caller, appeal_id, secret, lock=True)
        post, now = _post(caller, held), datetime.now(UTC)
        step = lifecycle.reply(held.appeal, reply, post, now, plan())
        await store.as_system(conn)
        await _save(conn, settings, caller, held, step)
        if not reply.public:
            return
        who = await store.identity(conn, held.appeal.appeal_id, secret)
        await opinions.withdraw(conn, held.appeal.appeal_id, now)
        await opinions.publish(conn, held.appeal, reply, who.name if who else "", now)
        await store.tell_pages(conn, held.appeal.village_code)
        for other in await store.joined(conn, held.appeal.appeal_id, secret):
            if other.appeal.desk == held.appeal.desk and other.appeal.state in ("filed", "handling"):
                await _answer_too(conn, settings, caller, other, reply, post, now)


async def withdraw_opinion(
    db: Database, settings: Settings, caller: Principal, appeal_id: uuid.UUID, reason: str
) -> None:
    """Take a published answer back: for its desk, or one above."""
    async with db.begin(Scope.of(caller)) as conn:
        held, _ = await read(conn, caller, appeal_id, settings.identity_secret, lock=True)
        now = datetime.now(UTC)
        step = lifecycle.withdraw_opinion(held.appeal, reason, _reading_post(caller), now)
        await store.as_system(conn)
        if not await opinions.withdraw(conn, held.appeal.appeal_id, now):
            raise NotNow("没有公开的答复可撤下", "No answer of it stands in public")
        await _save(conn, settings, caller, held, step)
        await store.tell_pages(conn, held.appeal.village_code)


async def show_identity(
    db: Database, settings: Settings, caller: Principal, appeal_id: uuid.UUID, reason: str, words: str
) -> Identity:
    """Who filed it, for a post that must reach him: the log and its author learn who asked and why."""
    if reason not in plan().identity_reasons:
        raise Mend(errors=[FieldError("reason", "请选择理由", "Choose the reason")])
    async with db.begin(Scope.of(caller)) as conn:
        held, _ = await read(conn, caller, appeal_id, settings.identity_secret, lock=True)
        post = _post(caller, held)
        found = await store.identity(conn, held.appeal.appeal_id, settings.identity_secret)
        if found is None or not routing.holds(caller, held.identity_readers):
            raise NotYourDesk("匿名诉求,或您的岗位不能查看身份", "It is anonymous, or your post may not be shown")
        step = lifecycle.show_identity(held.appeal, reason, words, post, datetime.now(UTC))
        about = f"appeal:{held.appeal.appeal_id}"
        await audit.record(conn, caller, "appeal.identity_shown", about, {"reason": reason}, region=held.appeal.desk)
        await store.as_system(conn)
        await store.save(conn, held.appeal, step, settings.identity_secret, caller.subject)
        return found


async def give_picture(
    db: Database, settings: Settings, caller: Principal, appeal_id: uuid.UUID, picture_id: uuid.UUID
) -> bytes:
    """A picture for whoever may read its appeal; who looked is in the log."""
    async with db.begin(Scope.of(caller)) as conn:
        held, _ = await read(conn, caller, appeal_id, settings.identity_secret)
        sha256 = await store.picture(conn, appeal_id, picture_id)
        about = f"appeal:{appeal_id}"
        await audit.record(conn, caller, "appeal.picture_viewed", about, region=held.appeal.desk, hourly=True)
    return b"".join([piece async for piece in await pictures.shelf(settings).open(sha256)])


async def _answer_too(
    conn: Connection, settings: Settings, caller: Principal, other: Held, reply: Reply, post: str, now: datetime
) -> None:
    at = other
    if at.appeal.state == "filed":
        taken = lifecycle.take_up(at.appeal, post, now)
        await _save(conn, settings, caller, at, taken)
        at = Held(taken.appeal, at.tracking_key, at.words, at.joined_to, at.handlers, at.identity_readers)
    await _save(conn, settings, caller, at, lifecycle.reply(at.appeal, reply, post, now, plan()))


async def _save(conn: Connection, settings: Settings, caller: Principal, held: Held, step: Step) -> None:
    await store.save(conn, held.appeal, step, settings.identity_secret, caller.subject)
    told = {"deed": step.entry.kind, "state": step.appeal.state, "desk": step.appeal.desk}
    about = f"appeal:{held.appeal.appeal_id}"
    await audit.record(conn, caller, "appeal.moved", about, told, region=held.appeal.desk)


def _post(caller: Principal, held: Held) -> str:
    mine = {f"{grant.role}@{grant.region}" for grant in caller.grants}
    found = next((post for post in held.handlers if post in mine), None)
    if found is None:
        raise NotYourDesk("此件由其他岗位办理", "It is handled at another desk")
    return found


def _reading_post(caller: Principal) -> str:
    posts = {role for roles in plan().desks.values() for role in roles}
    return next(f"{grant.role}@{grant.region}" for grant in sorted(caller.grants) if grant.role in posts)
