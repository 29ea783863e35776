"""What is sent in confidence, soundly or not, stands in no log and no metric of any service."""

import httpx
import pytest
from fastapi import FastAPI

from services.approval import app as approval
from services.detector import app as detector
from services.disclosure import app as disclosure
from services.notifier import app as notifier
from shared.settings import Settings
from tests.conftest import Token
from tests.detector.rulebook import RULEBOOK
from tests.integration.test_matrix import running
from tests.journeys.leaks import leaks

pytestmark = pytest.mark.without_broker
VILLAGE, COUNTY = "330421107201", "330421000000"
ID_NO, PHONE, ACCOUNT, NAME = "330421199001011235", "13912345678", "6228480402564890018", "欧阳保密"
HOOK = "http://127.0.0.1:9/hook?key=MARKED-HOOK-KEY"
MARKED = [ID_NO, PHONE, ACCOUNT, NAME, "MARKED"]
SAID = {"id_no": ID_NO, "phone": PHONE, "account": ACCOUNT, "name": NAME}


def test_what_looks_for_leaks_finds_them() -> None:
    assert leaks("x eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJsaSJ9.sig", [])
    assert len(leaks(f"tel {PHONE}, id 11010519491231002X", [])) == 2
    assert leaks("MARKED", ["MARKED"])
    assert not leaks('{"timestamp": "2026-11-25T12:41:26.258119Z", "village": "330421107201"}', ["MARKED"])


def test_settings_show_no_secret(settings: Settings) -> None:
    shown = f"{settings!r} {settings}"
    assert settings.oidc_issuer in shown
    assert not leaks(shown, [settings.identity_secret, settings.session_secret, "5e5e5e5e", "postgresql://"])


async def test_no_log_and_no_metric_holds_what_was_sent(
    settings: Settings, token: Token, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    good = token(
        f"handler@{VILLAGE}", f"machine@{COUNTY}", f"county_secretary@{COUNTY}", name=NAME, subject="MARKED-me"
    )
    apps = [service.build(settings) for service in (approval, notifier, disclosure)]
    apps.append(detector.build(settings, RULEBOOK))
    told = ""
    for app in apps:
        async with running(app) as client:
            await _send_everything(app, client, good)
            told += (await client.get("/metrics")).text
    out, err = capfd.readouterr()
    told += out + err + caplog.text
    assert "timestamp" in told
    assert "http_request" in told or "_seconds" in told
    secrets = [settings.identity_secret, settings.session_secret, settings.paper_log_key or "", good, *MARKED]
    assert not leaks(told, secrets)


async def _send_everything(app: FastAPI, client: httpx.AsyncClient, good: str) -> None:
    """To each place that takes a body: what is marked, in fields that are known and in some that are not."""
    signed_in = {"authorization": f"Bearer {good}"}
    for headers in (signed_in, {"authorization": f"Bearer {good[:-9]}MARKED"}, {"cookie": "yunjing_approval=MARKED"}):
        for path in ("/v1/cases", "/v1/reference/staff", "/v1/channels", "/v1/webhooks", "/v1/nothing"):
            await client.get(path, headers=headers, params={"q": NAME, "token": "MARKED"})
            await client.post(path, headers=headers, json=SAID | {"url": HOOK, "kind": "sms", "address": PHONE})
    fields = {"item": NAME, "reason": "办公", "estimate_fen": 1000}
    opening = {"flow": "PR1", "village_code": VILLAGE, "title": f"购买{PHONE}", "fields": fields}
    await client.post("/v1/cases", headers=signed_in, json=opening)
    sheet = f"姓名,身份证号,电话\n{NAME},{ID_NO},{PHONE}\n".encode()
    for path, form in (("/v1/reference/staff", {}), ("/v1/imports/jobs", {"region_code": VILLAGE})):
        await client.post(path, headers=signed_in, data=form, files={"file": (f"{NAME}.csv", sheet, "text/csv")})
    own = {"origin": "http://x.test"}
    appeal = {"kind": "complaint", "text": f"{NAME}{PHONE}", "name": NAME, "contact": PHONE, "token": "MARKED"}
    await client.post(f"/villages/{VILLAGE}/appeal", headers=own, data=appeal)
    await client.get("/signin/callback", params={"code": "MARKED", "state": "MARKED"})
