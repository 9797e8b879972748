"""Settings > Customer Portal: switches that save at once, and a portal that is off everywhere (1.3, 9.4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page as BrowserPage

from pillar.http.access import CUSTOMER
from pillar.models.tenant import AppOffer, LastFour
from pillar.permissions import Role
from tests.support.browser import axe, fits
from tests.support.cast import PASSWORD, Company
from tests.support.client import PillarClient
from tests.support.furnished import Furnished
from tests.support.personal_links import RIGHT, change_portal, make_link, senders_alive, tenant_row
from tests.support.portal import make_session, take_cookie
from tests.support.site import addresses, dump

PAGE = "/admin/settings/portal/"
# What stays when the portal is off (1.3): the logo that those pages show, where the office ends its look, and what a
# phone's home screen holds, which has nobody's things in it.
_STAYS = {f"portal.{name}" for name in ("logo", "looking", "stop_looking", "manifest", "app_icon", "worker")}


@pytest.mark.parametrize(
    ("name", "spoken", "values"),
    [
        ("portal_enabled", "Toggle customer portal", (False, True)),
        ("signin_last4", "Toggle last-four check", (LastFour.OFF, LastFour.CHALLENGE)),
        ("pwa", "Toggle home screen app", (AppOffer.OFFER, AppOffer.OFF)),
    ],
)
def test_a_switch_saves_as_it_is_switched(
    signed_in: Callable[..., PillarClient],
    acme: Company,
    name: str,
    spoken: str,
    values: tuple[object, object],
) -> None:
    office = signed_in(acme)
    for value in values:
        page = office.page(PAGE)
        button = page.one(f'[aria-label="{spoken}"]')
        was_on = button["aria-checked"] == "true"
        form = page.form(f'form[action$="/switch/{name}"]')
        for _twice in range(2):
            assert office.submit(form).status == 303
        assert getattr(tenant_row(acme), name) == value
        after = office.page(PAGE).one(f'[aria-label="{spoken}"]')
        assert (after["aria-checked"] == "true") is not was_on
    log = office.page("/admin/audit/").text
    assert log.count("Company portal changed") == 2
    assert office.post(f"{PAGE}switch/slug", data=form.values()).status_code == 404


def test_address_code_and_age_of_links(signed_in: Callable[..., PillarClient], acme: Company) -> None:
    office = signed_in(acme)
    page = office.page(PAGE)
    assert str(page.one('[aria-label="Portal address"]')["value"]).endswith(f"/portal/{acme.slug}")
    code = office.get(f"{PAGE}qr.svg")
    assert (code.status_code, code.mimetype) == (200, "image/svg+xml")
    form = page.form('form[action$="/link-age"]')
    for typed, status in (("30", 303), ("0", 422), ("x", 422), ("9" * 30, 422), ("", 303)):
        assert office.submit(form, document_link_days=typed).status == status, typed
    assert tenant_row(acme).document_link_days is None
    for role in set(Role) - {Role.ADMIN}:
        assert signed_in(acme, role).get(PAGE).status_code == 403, role


def test_off_is_off_everywhere(
    app: Flask, client: PillarClient, furnished: tuple[Furnished, Furnished]
) -> None:
    acme, rival = furnished
    senders_alive()
    cookie = make_session(acme.company)
    change_portal(acme.company, portal_enabled=False)
    elsewhere = client.page(f"/portal/{rival.company.slug}/sign-in")
    csrf = {"csrf_token": str(elsewhere.all('[name="csrf_token"]')[0]["value"])}
    before = dump()
    for visitor in (client, take_cookie(client, cookie)):
        for each in addresses(app, acme):
            if not each.endpoint.startswith(("portal.", "personal_link.")) or each.endpoint in _STAYS:
                continue
            for method in sorted(each.methods & {"GET", "POST"}):
                answer = visitor.open(each.path, method=method, data=csrf if method == "POST" else None)
                assert answer.status_code == 503, (each.endpoint, method, answer)
                assert "not available" in answer.text, each.endpoint
                assert each.need != CUSTOMER or "sign-in" not in (answer.location or "")
    assert dump() == before
    assert client.get(f"/quote/{acme.sent_token}").status_code == 503
    # What the customer signed, and whether it is genuine, stays.
    for path in (
        f"/quote/{acme.signed_token}",
        f"/quote/{acme.signed_token}/approved",
        f"/verify/{acme.certificate}",
    ):
        assert client.get(path).status_code == 200, path
    assert client.get(f"/portal/{rival.company.slug}").status_code == 200
    change_portal(acme.company, portal_enabled=True)
    assert client.get(f"/portal/{acme.company.slug}").status_code == 200


def test_switch_and_challenge_in_a_browser(phone: BrowserPage, live_server: str, acme: Company) -> None:
    page = phone
    page.goto("/admin/sign-in")
    page.get_by_label("Email").fill(acme.staff[Role.ADMIN].email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto(PAGE)
    assert axe(page) == []
    assert fits(page)
    switch = page.get_by_role("switch", name="Toggle customer portal")
    assert switch.is_checked()
    switch.click()
    page.wait_for_url("**#portal_enabled")
    assert not page.get_by_role("switch", name="Toggle customer portal").is_checked()
    page.get_by_role("switch", name="Toggle customer portal").click()
    page.goto(make_link(acme))
    assert "/link/" not in page.url
    assert axe(page) == []
    assert fits(page)
    page.get_by_label("Last four digits").fill(RIGHT)
    page.get_by_role("button", name="Open my portal").click()
    page.wait_for_url("**/estimates")
