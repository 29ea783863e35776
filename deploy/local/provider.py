"""The process of the identity provider: Canaille, its client and accounts made as we demand them, then served.

Run by `deploy.local.identity` as `python -m deploy.local.provider FILE`, the file being a `Demand` as JSON.
"""

import logging
import sys
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import canaille
from canaille.app import models
from canaille.backends import Backend
from canaille.oidc import provider
from canaille.oidc.userinfo import UserInfo
from joserfc import jwt
from pydantic import BaseModel
from werkzeug.serving import make_server

from deploy.local.accounts import Account, Machine
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
    machines: list[Machine]
    person_keys: dict[str, str]
    machine_token_seconds: int = 3600


def main() -> None:
    """Match the provider's database to the demand and serve until stopped."""
    demand = Demand.model_validate_json(Path(sys.argv[1]).read_bytes())
    _tell_machines(demand)
    app = canaille.create_app(config=demand.config)
    _tell_persons(app.config)
    with app.app_context(), Backend.instance.session():
        client = _match_client(demand.client)
        for machine in demand.machines:
            _match_machine(machine, client)
        _match_accounts(demand.accounts, demand.person_keys)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    make_server(HOST, demand.port, app, threaded=True).serve_forever()


def _tell_persons(config: dict[str, Any]) -> None:
    """Send the claim `person_key`, by which a person is recognised in registers and alerts, beside the groups."""
    UserInfo.REGISTERED_CLAIMS = [*UserInfo.REGISTERED_CLAIMS, "person_key"]
    UserInfo.SCOPES_CLAIMS_MAPPING = {**UserInfo.SCOPES_CLAIMS_MAPPING, "groups": ["groups", "person_key"]}
    config["CANAILLE_OIDC"]["USERINFO_MAPPING"]["PERSON_KEY"] = "{{ user.employee_number }}"


def _tell_machines(demand: Demand) -> None:
    """Give clients that act for themselves a token as RFC 9068 has it, with their grants; Canaille's says nothing."""
    grants = {machine.client_id: list(machine.grants) for machine in demand.machines}
    names = {machine.client_id: machine.name for machine in demand.machines}
    of_people = provider.generate_access_token

    def generate(client: Any, grant_type: str, user: Any, scope: str) -> str:
        if grant_type != "client_credentials":
            return str(of_people(client, grant_type, user, scope))
        key, algorithm = provider._get_signing_key(client)
        now, id = int(time.time()), client.client_id
        claims = {
            "iss": provider.get_issuer(),
            "sub": id,
            "client_id": id,
            "aud": [one.client_id for one in client.audience],
            "iat": now,
            "exp": now + demand.machine_token_seconds,
            "jti": uuid.uuid4().hex,
            "scope": scope,
            "groups": grants[id],
            "name": names[id],
        }
        return jwt.encode({"alg": algorithm, "kid": key.kid, "typ": "at+jwt"}, claims, key)

    provider.generate_access_token = generate


def _match_machine(wanted: Machine, services: Any) -> None:
    client = _existing_or_new(models.Client, client_id=wanted.client_id)
    Backend.instance.update(
        client,
        client_id=wanted.client_id,
        client_secret=wanted.secret,
        client_name=wanted.name,
        scope=list(wanted.scopes),
        grant_types=["client_credentials"],
        token_endpoint_auth_method="client_secret_basic",  # noqa: S106
    )
    Backend.instance.save(client)
    client.audience = [services]
    Backend.instance.save(client)


def _match_client(wanted: Client) -> Any:
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
    return client


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
