"""The REST API of webhooks: a client's own subscriptions, their secrets, their messages."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from services.approval import errors
from services.approval.callers import Subscriber
from services.approval.database import Db
from services.approval.idempotency import Answer, IdempotencyKey, once
from services.approval.rest import rest
from services.approval.versions import NOT_CHANGED, IfNoneMatch, answer
from services.approval.webhooks import queue, subscriptions
from services.approval.webhooks.schemas import (
    DeliveryPage,
    NewWebhook,
    Replayed,
    ReplayRequest,
    State,
    WebhookOut,
    WebhookRequest,
    WebhooksOut,
)
from services.approval.webhooks.sender import Sender
from shared import audit
from shared.db import Scope
from shared.identity import seal, unseal
from shared.openapi import problems
from shared.settings import Settings
from shared.web import settings_of
from shared.webhooks.errors import BadWebhookAddress

router = APIRouter(prefix="/v1/webhooks", tags=["推送 webhooks"])
_CHANGING = (errors.NoSuchWebhook, errors.ChangedMeanwhile, errors.IfMatchUnreadable)


async def _seen(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match", max_length=50, description="所见订阅的 ETag / the ETag that you saw", examples=['"1"']
        ),
    ] = None,
) -> int | None:
    text = (if_match or "*").strip()
    if text == "*":
        return None
    number = text.removeprefix("W/").strip('"')
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise errors.IfMatchUnreadable("If-Match 应为读取订阅时的 ETag", "If-Match takes the ETag of the webhook")
    return int(number)


Seen = Annotated[int | None, Depends(_seen)]


@router.get("", summary="订阅列表 / List subscriptions", response_model=WebhooksOut, responses=NOT_CHANGED)
async def list_webhooks(request: Request, db: Db, caller: Subscriber, known: IfNoneMatch = None) -> Response:
    """The client's own subscriptions."""
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        found = WebhooksOut(webhooks=await subscriptions.all_of_caller(conn, settings_of(request)))
    return answer(request, found.model_dump(mode="json"))


@router.post(
    "",
    status_code=201,
    summary="新建订阅 / Subscribe",
    response_model=NewWebhook,
    responses=problems(
        BadWebhookAddress, errors.WebhookOutOfScope, errors.TooManyWebhooks, errors.IdempotencyKeyReused
    ),
)
async def create_webhook(
    request: Request, db: Db, caller: Subscriber, body: WebhookRequest, key: IdempotencyKey = None
) -> Response:
    """Subscribe a URL to changes from now on. The secret of its signatures is shown only in this answer."""
    settings = settings_of(request)
    await subscriptions.check(body, caller, settings)
    async with db.begin(Scope.of(caller)) as conn:

        async def act() -> dict[str, Any]:
            made = await subscriptions.create(conn, body, caller, settings)
            await audit.record(conn, caller, "webhook.created", f"webhook:{made.webhook_id}", _told(made))
            return _kept(made, settings)

        done = await once(conn, caller, key, [request.url.path, body.model_dump(mode="json")], act, status=201)
    return _with_secret(done, settings)


@router.get(
    "/{webhook_id}",
    summary="订阅详情 / Read a subscription",
    response_model=WebhookOut,
    responses={**problems(errors.NoSuchWebhook), **NOT_CHANGED},
)
async def read_webhook(
    request: Request, db: Db, caller: Subscriber, webhook_id: UUID, known: IfNoneMatch = None
) -> Response:
    """One subscription: what it asks for, and how its receiver fares."""
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        found = await subscriptions.find(conn, webhook_id, settings_of(request))
    return answer(request, found.model_dump(mode="json"), _tag(found.sequence)["etag"])


@router.put(
    "/{webhook_id}",
    summary="更改、续期、暂停或恢复 / Change, renew, pause or resume",
    responses=problems(*_CHANGING, BadWebhookAddress, errors.WebhookOutOfScope),
)
async def renew_webhook(
    request: Request, response: Response, db: Db, caller: Subscriber, webhook_id: UUID, body: WebhookRequest, seen: Seen
) -> WebhookOut:
    """Set what a subscription asks for and let it live on; one that was switched off begins anew. Its secret stays."""
    settings = settings_of(request)
    await subscriptions.check(body, caller, settings)
    async with db.begin(Scope.of(caller)) as conn:
        changed = await subscriptions.renew(conn, webhook_id, body, settings, seen)
        await audit.record(conn, caller, "webhook.changed", f"webhook:{webhook_id}", _told(changed))
    response.headers.update(_tag(changed.sequence))
    _wake(request)
    return changed


@router.delete(
    "/{webhook_id}", status_code=204, summary="取消订阅 / End a subscription", responses=problems(*_CHANGING)
)
async def delete_webhook(db: Db, caller: Subscriber, webhook_id: UUID, seen: Seen) -> None:
    """End a subscription; what still waits for it is not sent."""
    async with db.begin(Scope.of(caller)) as conn:
        await subscriptions.delete(conn, webhook_id, seen)
        await audit.record(conn, caller, "webhook.deleted", f"webhook:{webhook_id}")


@router.post(
    "/{webhook_id}/secret",
    summary="更换密钥 / Renew the secret",
    response_model=NewWebhook,
    responses=problems(*_CHANGING, errors.IdempotencyKeyReused),
)
async def renew_secret(
    request: Request, db: Db, caller: Subscriber, webhook_id: UUID, seen: Seen, key: IdempotencyKey = None
) -> Response:
    """A new secret, shown only here. For a day messages carry two signatures, the second by the old secret."""
    settings = settings_of(request)
    async with db.begin(Scope.of(caller)) as conn:

        async def act() -> dict[str, Any]:
            renewed = await subscriptions.renew_secret(conn, webhook_id, settings, seen)
            await audit.record(conn, caller, "webhook.secret_renewed", f"webhook:{webhook_id}")
            return _kept(renewed, settings)

        done = await once(conn, caller, key, [request.url.path], act)
    return _with_secret(done, settings)


@router.post(
    "/{webhook_id}/test",
    status_code=202,
    summary="试推送 / Send a test",
    responses=problems(errors.NoSuchWebhook, errors.IdempotencyKeyReused),
)
async def send_test(
    request: Request, db: Db, caller: Subscriber, webhook_id: UUID, key: IdempotencyKey = None
) -> Replayed:
    """Queue a message of the type `webhook.test`; the log of deliveries shows what became of it."""
    async with db.begin(Scope.of(caller)) as conn:

        async def act() -> dict[str, Any]:
            await subscriptions.find(conn, webhook_id, settings_of(request))
            await queue.enqueue_test(conn, webhook_id, caller.subject)
            return {"count": 1}

        done = await once(conn, caller, key, [request.url.path], act)
    _wake(request)
    return Replayed(**done.body)


@router.get(
    "/{webhook_id}/deliveries",
    summary="投递记录 / List messages",
    responses=problems(errors.NoSuchWebhook, errors.CursorInvalid),
)
async def list_deliveries(
    request: Request,
    db: Db,
    caller: Subscriber,
    webhook_id: UUID,
    state: State | None = None,
    after: Annotated[str | None, Query(max_length=200, description="上一页的 next / `next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=rest().page.most)] = rest().page.usual,
) -> DeliveryPage:
    """The messages of a subscription with the receiver's last answers, the newest first; kept for two weeks."""
    async with db.begin(Scope.of(caller), readonly=True) as conn:
        await subscriptions.find(conn, webhook_id, settings_of(request))
        return await queue.log(conn, webhook_id, state, after, limit)


@router.post(
    "/{webhook_id}/replays",
    summary="重新投递 / Send again",
    responses=problems(errors.NoSuchWebhook, errors.IdempotencyKeyReused),
)
async def replay_deliveries(
    request: Request, db: Db, caller: Subscriber, webhook_id: UUID, body: ReplayRequest, key: IdempotencyKey = None
) -> Replayed:
    """Send messages of the log again under the same `webhook-id`, but none that the client may no longer see."""
    async with db.begin(Scope.of(caller)) as conn:

        async def act() -> dict[str, Any]:
            await subscriptions.find(conn, webhook_id, settings_of(request))
            count = await queue.replay(conn, webhook_id, body)
            await audit.record(conn, caller, "deliveries.replayed", f"webhook:{webhook_id}", {"count": count})
            return {"count": count}

        done = await once(conn, caller, key, [request.url.path, body.model_dump(mode="json")], act)
    _wake(request)
    return Replayed(**done.body)


def _kept(made: NewWebhook, settings: Settings) -> dict[str, Any]:
    """The answer as it is kept for a repeated request: its secret sealed there as well."""
    return made.model_dump(mode="json") | {"secret": seal(made.secret, settings.identity_secret)}


def _with_secret(done: Answer, settings: Settings) -> Response:
    shown = done.body | {"secret": unseal(done.body["secret"], settings.identity_secret)}
    headers = _tag(shown["sequence"])
    if done.status == 201:
        headers["location"] = f"/v1/webhooks/{shown['webhook_id']}"
    if done.replayed:
        headers["idempotency-replayed"] = "true"
    return JSONResponse(shown, done.status, headers)


def _told(shown: WebhookOut) -> dict[str, Any]:
    return {"regions": shown.regions, "types": shown.types, "paused": shown.paused}


def _tag(sequence: int) -> dict[str, str]:
    return {"etag": f'"{sequence}"'}


def _wake(request: Request) -> None:
    sender: Sender = request.app.state.sender
    sender.wake()
