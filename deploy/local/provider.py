"""The process of the identity provider: Canaille, its client and accounts made as we demand them, then served.

Run by `deploy.local.identity` as `python -m deploy.local.provider FILE`, the file being a `Demand` as JSON.
"""

import logging
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import canaille
from canaille.app import models
from canaille.backends import Backend
from canaille.oidc.userinfo import UserInfo
from pydantic import BaseModel
from werkzeug.serving import make_server

from deploy.local.accounts import Account
from deploy.local.processes import HOST

SCOPES = ["openid", "profile", "groups"]


class Client(BaseModel):
    """The relying party: our services, which share one registration."""

    client_id: str
    client_secret: str
    client_uri: str
    redirect_uris: list[str]


class Demand(BaseModel):
    """What the provider shall be: Canaille's configuration, its one client, its accounts."""

    port: int
    config: dict[str, Any]
    client: Client
    accounts: list[Account]
    person_keys: dict[str, str]


def main() -> None:
    """Match the provider's database to the demand and serve until stopped."""
    demand = Demand.model_validate_json(Path(sys.argv[1]).read_bytes())
    app = canaille.create_app(config=demand.config)
    _tell_persons(app.config)
    with app.app_context(), Backend.instance.session():
        _match_client(demand.client)
        _match_accounts(demand.accounts, demand.person_keys)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    make_server(HOST, demand.port, app, threaded=True).serve_forever()


def _tell_persons(config: dict[str, Any]) -> None:
    """Send the claim `person_key`, by which a person is recognised in registers and alerts, beside the groups."""
    UserInfo.REGISTERED_CLAIMS = [*UserInfo.REGISTERED_CLAIMS, "person_key"]
    UserInfo.SCOPES_CLAIMS_MAPPING = {**UserInfo.SCOPES_CLAIMS_MAPPING, "groups": ["groups", "person_key"]}
    config["CANAILLE_OIDC"]["USERINFO_MAPPING"]["PERSON_KEY"] = "{{ user.employee_number }}"


def _match_client(wanted: Client) -> None:
    client = _existing_or_new(models.Client, client_id=wanted.client_id)
    Backend.instance.update(
        client,
        **wanted.model_dump(),
        client_name="云睛 Yunjing",
        scope=SCOPES,
        grant_types=["authorization_code"],
        response_types=["code"],
        token_endpoint_auth_method="client_secret_basic",  # noqa: S106
    )
    Backend.instance.save(client)
    client.audience = [client]
    Backend.instance.save(client)


def _match_accounts(wanted: Iterable[Account], person_keys: Mapping[str, str]) -> None:
    names = set()
    for account in wanted:
        user = _existing_or_new(models.User, user_name=account.username)
        Backend.instance.update(
            user,
            formatted_name=account.name,
            family_name=account.name,
            title=account.title_zh,
            employee_number=person_keys[account.username],
        )
        user.groups = [_group(grant) for grant in account.grants]
        Backend.instance.set_user_password(user, account.password)
        names.add(account.username)
    for user in Backend.instance.query(models.User):
        if user.user_name not in names:
            Backend.instance.delete(user)


def _group(grant: str) -> Any:
    group = _existing_or_new(models.Group, display_name=grant)
    Backend.instance.save(group)
    return group


def _existing_or_new(model: Any, **key: str) -> Any:
    return Backend.instance.get(model, **key) or model(**key)


if __name__ == "__main__":
    main()
