"""The demo accounts name real roles, in real regions."""

import pytest

from deploy.local import accounts
from services.approval import flows
from shared import regions
from shared.principals import Grant

DUTIES = {
    "town_secretary",
    "town_inspector",
    "county_secretary",
    "county_leader",
    "auditor",
    "rule_keeper",
    "route_keeper",
    "machine",
}


def grants_of(username: str) -> set[Grant]:
    return {grant for text in accounts.account(username).grants if (grant := Grant.parse(text))}


@pytest.mark.parametrize("account", accounts.load(), ids=lambda account: account.username)
def test_each_grant_is_a_known_role_in_a_known_region(account: accounts.Account) -> None:
    roles = DUTIES | set(flows.load().roles)
    for text in account.grants:
        grant = Grant.parse(text)
        assert grant is not None, text
        assert grant.role in roles
        assert regions.region(grant.region)


def test_two_secretaries_answer_for_different_towns() -> None:
    (one,), (other,) = grants_of("secretary"), grants_of("secretary-xitang")
    assert one.role == other.role == "town_secretary"
    assert one.region != other.region


def test_the_clerks_village_lies_in_the_secretarys_town() -> None:
    (clerk,), (secretary,) = grants_of("clerk"), grants_of("secretary")
    assert secretary.covers(clerk.region)


def test_every_desk_of_a_flow_that_has_an_account_is_held_by_somebody() -> None:
    catalogue = flows.load()
    nodes = (node for flow in catalogue.flows.values() for node in flow.nodes)
    needed = {node.role for node in nodes if not catalogue.roles[node.role].outside}
    held = {grant.role for each in accounts.load() for grant in grants_of(each.username)}
    assert needed <= held


def test_who_drafts_a_change_of_rules_is_not_who_decides() -> None:
    assert grants_of("rule-keeper") == grants_of("rule-approver")
    assert accounts.account("rule-keeper").username != accounts.account("rule-approver").username
