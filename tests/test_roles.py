"""Every route of the office x (nobody, each role, another company's admin) (SAFETY: Sessions and roles; 6.9)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from werkzeug.routing import Rule

from pillar.http.access import PUBLIC, need_of
from pillar.permissions import ROLES, Permission, Role, granted
from tests.support.cast import Company
from tests.support.client import PillarClient, csrf_token

NOWHERE = "A" * 22
# What SAFETY.md says, written once more: a slip in the table must not pass because the test reads the same table.
MANAGER_MAY_NOT = {
    Permission.SETTINGS_READ,
    Permission.SETTINGS_WRITE,
    Permission.STAFF_READ,
    Permission.STAFF_WRITE,
}
TECHNICIAN_MAY = {Permission.DASHBOARD, Permission.OWN_ACCOUNT}
ACCOUNTANT_MAY = {
    *TECHNICIAN_MAY,
    Permission.CUSTOMER_READ,
    Permission.ESTIMATE_READ,
    Permission.INVOICE_READ,
    Permission.MONEY_EXPORT,
}


def office_rules(app: Flask) -> list[Rule]:
    """Every address below /admin that exists for somebody."""
    return [
        rule
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/admin") and need_of(app, rule.endpoint) is not None
    ]


def address(rule: Rule) -> str:
    path = rule.rule
    for name in rule.arguments:
        for converter in (f"<{name}>", f"<token:{name}>", f"<path:{name}>"):
            path = path.replace(converter, NOWHERE)
    assert "<" not in path, rule.rule
    return path


def ask(client: PillarClient, rule: Rule) -> list[int]:
    """What each method of an address answers; a POST carries a good form token and nothing else."""
    methods = sorted((rule.methods or set()) & {"GET", "POST"})
    return [
        client.open(address(rule), method=method, data=form_token(client, method)).status_code
        for method in methods
    ]


def form_token(client: PillarClient, method: str) -> dict[str, str]:
    if method == "GET":
        return {}
    page = client.get("/admin/account/")
    if page.status_code != 200:
        page = client.get("/admin/sign-in")
    return {"csrf_token": csrf_token(page.text)}


def test_the_table_says_what_the_rules_say() -> None:
    everything = set(Permission)
    assert ROLES[Role.ADMIN] == everything
    assert everything - ROLES[Role.MANAGER] == MANAGER_MAY_NOT
    assert ROLES[Role.TECHNICIAN] == TECHNICIAN_MAY
    assert ROLES[Role.ACCOUNTANT] == ACCOUNTANT_MAY
    assert ROLES[Role.OFFICE] < ROLES[Role.MANAGER]


def test_roles_add_up() -> None:
    assert granted(["technician", "accountant"]) == ACCOUNTANT_MAY
    assert granted(["owner", ""]) == frozenset()


def test_every_address_says_what_it_needs(app: Flask) -> None:
    silent = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if need_of(app, rule.endpoint) is None and rule.endpoint != "admin.static"
    ]
    assert silent == []


def test_only_the_way_in_is_public(app: Flask) -> None:
    public = {rule.endpoint for rule in office_rules(app) if need_of(app, rule.endpoint) == PUBLIC}
    assert public == {f"admin_access.{name}" for name in ("sign_in", "code", "forgot", "take_token", "reset")}


def test_an_address_without_a_need_does_not_exist(
    signed_in: Callable[..., PillarClient], acme: Company
) -> None:
    assert signed_in(acme).get("/admin/static/admin/css/bootstrap4/admin.css").status_code == 404


def test_nobody_is_sent_to_the_door(app: Flask, client: PillarClient, acme: Company) -> None:
    for rule in office_rules(app):
        if need_of(app, rule.endpoint) == PUBLIC:
            continue
        for method in (rule.methods or set()) & {"GET", "POST"}:
            response = client.open(address(rule), method=method, data=form_token(client, method))
            assert response.status_code == 303, (method, rule.rule)
            assert response.location.startswith("/admin/sign-in"), (method, rule.rule)


@pytest.mark.parametrize("role", list(Role))
def test_each_role_gets_what_its_row_says(
    app: Flask, signed_in: Callable[..., PillarClient], acme: Company, role: Role
) -> None:
    client = signed_in(acme, role)
    for rule in office_rules(app):
        need = need_of(app, rule.endpoint)
        if need == PUBLIC or rule.endpoint == "admin_access.sign_out":
            continue
        for answer in ask(client, rule):
            if need in ROLES[role]:
                assert answer not in (401, 403, 500), (role, rule.rule, answer)
            else:
                assert answer == 403, (role, rule.rule, answer)


def test_the_navigation_offers_only_what_opens(signed_in: Callable[..., PillarClient], acme: Company) -> None:
    for role in Role:
        client = signed_in(acme, role)
        page = client.page("/admin/")
        links = {str(tag["href"]) for tag in page.all("nav a[href], .topbar a[href]")}
        assert links
        for link in links:
            assert client.get(link).status_code == 200, (role, link)


def test_another_companys_people_are_not_there(
    signed_in: Callable[..., PillarClient], acme: Company, rival: Company
) -> None:
    client = signed_in(rival)
    theirs = acme.staff[Role.OFFICE].public_id
    missing = client.get(f"/admin/staff/{NOWHERE}/edit")
    answer = client.get(f"/admin/staff/{theirs}/edit")
    assert (answer.status_code, missing.status_code) == (404, 404)
    token = form_token(client, "POST")
    for path in ("disable", "enable", "link", "edit"):
        assert client.post(f"/admin/staff/{theirs}/{path}", data=token).status_code == 404
