"""The office opens the portal as a customer: after its password, marked, and nothing can be changed (1.14)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import AuditEvent, StaffUser
from pillar.models.staff import StaffStatus
from pillar.permissions import Role
from tests.support.cast import PASSWORD, Company
from tests.support.client import PillarClient
from tests.support.estimates import approve
from tests.support.furnished import Furnished, writing
from tests.support.pages import Page
from tests.support.personal_links import (
    change_portal,
    is_in,
    links_of,
    make_link,
    messages_of,
    portal_sessions,
    senders_alive,
)
from tests.support.portal import make_session, signed_in_customer
from tests.support.site import addresses, dump

MARK = "You are looking at this as the office"


def card(office: PillarClient, company: Company) -> Page:
    return office.page(f"/admin/customers/{company.customer.public_id}")


def look(office: PillarClient, company: Company) -> Page:
    """Press the button, type the password when asked, press it again."""
    answer = office.submit(card(office, company).form('form[action$="/look"]'))
    if "/confirm" in answer.location:
        office.submit(office.page(answer.location), password=PASSWORD)
        answer = office.submit(card(office, company).form('form[action$="/look"]'))
    return answer


def actions(company: Company) -> list[str]:
    with company.scope():
        return list(db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.n)))


def test_looking_changes_nothing(
    app: Flask, furnished: tuple[Furnished, Furnished], signed_in: Callable[..., PillarClient]
) -> None:
    acme = furnished[0]
    senders_alive()
    office = signed_in(acme.company, Role.OFFICE)
    assert "/confirm" in office.submit(card(office, acme.company).form('form[action$="/look"]')).location
    assert portal_sessions() == 0
    page = office.page(look(office, acme.company).location, follow=True)
    assert MARK in page.text
    assert acme.one("customer") not in page.html
    csrf = {"csrf_token": str(page.all('[name="csrf_token"]')[0]["value"])}
    before, pressed = dump(), 0
    for each in addresses(app, acme):
        if "POST" not in each.methods or each.endpoint == "portal.stop_looking":
            continue
        if each.endpoint.startswith("portal."):
            answer = office.post(each.path, data=csrf)
            assert (answer.status_code, answer.location) == (303, f"/portal/{acme.company.slug}/looking"), (
                each
            )
            pressed += 1
    assert pressed > 5
    assert dump() == before
    assert MARK in office.page(f"/portal/{acme.company.slug}/looking").text
    # The office goes on working in the same browser, with the forms it has open.
    assert office.get("/admin/").status_code == 200
    ended = office.submit(page.form('form[action$="/looking/end"]'))
    assert ended.location == f"/admin/customers/{acme.company.customer.public_id}"
    assert not is_in(office, acme.company)
    assert office.page(ended.location).status == 200
    assert portal_sessions() == 0
    assert [each for each in actions(acme.company) if each.startswith("portal.")] == [
        "portal.opened_as_customer",
        "portal.closed_as_customer",
    ]


def test_what_is_signed_while_looking_is_a_dry_run(
    furnished: tuple[Furnished, Furnished], client: PillarClient
) -> None:
    """Also when the office's own session is over and only the look goes on."""
    acme = furnished[0]
    signed_in_customer(client, acme.company, viewer=acme.company.staff[Role.OFFICE])
    before = dump()
    assert "PREVIEW" in approve(client, acme.sent_token).text
    assert dump() == before


def test_who_was_shut_out_stops_looking(acme: Company, client: PillarClient) -> None:
    person = acme.staff[Role.OFFICE]
    signed_in_customer(client, acme, viewer=person)
    assert is_in(client, acme)
    with writing(), acme.scope():
        staff = db.session.scalars(select(StaffUser).where(StaffUser.public_id == person.public_id)).one()
        staff.status = StaffStatus.DISABLED
    assert not is_in(client, acme)


def test_who_may_do_what(signed_in: Callable[..., PillarClient], acme: Company, rival: Company) -> None:
    make_link(acme)
    for role in (Role.ACCOUNTANT, Role.ADMIN):
        page = card(signed_in(acme, role), acme)
        assert "Portal access" in page.text
        assert bool(page.all('form[action*="customer-portal"]')) is (role is Role.ADMIN)
    office, theirs = (
        signed_in(rival),
        f"/admin/customer-portal/{acme.customer.public_id}/{acme.contact.public_id}",
    )
    csrf = {"csrf_token": str(office.page("/admin/account/").all('[name="csrf_token"]')[0]["value"])}
    for action in ("send", "renew", "revoke", "sign-out"):
        assert office.post(f"{theirs}/{action}", data=csrf).status_code == 404
    own = f"/admin/customer-portal/{rival.customer.public_id}/{acme.contact.public_id}/revoke"
    assert office.post(own, data=csrf).status_code == 404


def test_sending_renewing_and_ending(
    signed_in: Callable[..., PillarClient], acme: Company, client: PillarClient
) -> None:
    office = signed_in(acme)

    def press(action: str, by: str = "") -> str:
        which = f':has([value="{by}"])' if by else ""
        form = card(office, acme).form(f'form[action*="customer-portal"][action$="/{action}"]{which}')
        return office.page(office.submit(form).location).text

    assert "on its way" in press("send", by="email")
    assert "on its way" in press("send", by="text")
    assert [each.channel.value for each in messages_of(acme, "portal_link")] == ["email", "sms"]
    assert [link.revoked_at for link in links_of(acme)] == [None, None]
    assert "on its way" in press("renew")
    assert [link.revoked_at is None for link in links_of(acme)] == [False, False, True]
    make_session(acme)
    assert "is signed out everywhere" in press("sign-out")
    assert portal_sessions() == 0
    assert "1 link is revoked" in press("revoke")
    assert [action for action in actions(acme) if action.startswith("personal_link")] == [
        *["personal_link.made"] * 2,
        *["personal_link.revoked"] * 2,
        "personal_link.made",
        "personal_link.revoked",
    ]


@pytest.mark.parametrize("action", ["send", "look"])
def test_while_the_portal_is_off(signed_in: Callable[..., PillarClient], acme: Company, action: str) -> None:
    office = signed_in(acme)
    form = card(office, acme).form(f'form[action$="/{action}"]:not(:has([value="text"]))')
    if action == "look":
        look(office, acme)
    change_portal(acme, portal_enabled=False)
    answer = office.submit(form)
    assert "turned off" in office.page(answer.location).text
