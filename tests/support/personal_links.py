"""Personal links for tests: made and signed by the product, opened by a visitor."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from pillar.extensions import db
from pillar.models import Contact, Message, PersonalLink, PortalSession, Tenant
from pillar.models.customer import Phone
from pillar.services import companies, heartbeats, personal_links
from pillar.tasks.messages import deliver_message
from pillar.tenancy import across_tenants
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.furnished import writing
from tests.support.pages import Page

RIGHT = "0142"


def make_link(company: Company, **changes: Any) -> str:
    """A personal link of the company's contact; the path of its address."""
    with writing(), company.scope():
        link = personal_links.make(company.contact_row())
        for name, value in changes.items():
            setattr(link, name, value)
        return "/link/" + personal_links.address(link).rsplit("/", 1)[1]


def change_contact(company: Company, *phones: str, **values: Any) -> None:
    """Give the company's contact these values; with `phones`, these numbers."""
    with writing(), company.scope():
        contact = company.contact_row()
        for name, value in values.items():
            setattr(contact, name, value)
        if phones:
            contact.phones = [
                Phone(raw=each, digits="".join(c for c in each if c.isdigit()), position=n)
                for n, each in enumerate(phones)
                if each
            ]


def change_portal(company: Company, **changes: Any) -> None:
    """Save settings of the portal."""
    with writing(), company.scope() as tenant:
        companies.update_portal(tenant, **changes)


def senders_alive() -> None:
    """Let a worker and the mail vendor have given a sign of life."""
    with writing():
        heartbeats.beat(db.session(), "worker-of-the-test", "worker")
        heartbeats.beat(db.session(), "mail-of-the-test", heartbeats.MAIL)


def open_link(client: PillarClient, path: str) -> Page:
    """Follow a link to the page that it leads to."""
    return client.page(client.page(path, status=303).location)


def try_digits(client: PillarClient, page: Page, digits: str) -> Page:
    """Type four digits into that page."""
    return client.submit(page.form('form[action$="/link"]'), digits=digits)


def is_in(client: PillarClient, company: Company) -> bool:
    """Whether this browser is signed in to the company's portal."""
    return client.get(f"/portal/{company.slug}/estimates").status_code == 200


def links_of(company: Company) -> list[PersonalLink]:
    """All of them, oldest first."""
    with company.scope():
        return list(db.session.scalars(select(PersonalLink).order_by(PersonalLink.id)))


def portal_sessions() -> int:
    """How many signed-in browsers there are, of all companies."""
    with across_tenants(db.session(), "a test counts"):
        return len(db.session.scalars(select(PortalSession.token_hash)).all())


def messages_of(company: Company, template: str) -> list[Message]:
    """Messages of a kind, oldest first."""
    db.session.rollback()
    with company.scope():
        return list(
            db.session.scalars(select(Message).where(Message.template == template).order_by(Message.id))
        )


def deliver_all(company: Company) -> None:
    """Let a worker try every message that waits."""
    db.session.rollback()
    with company.scope():
        waiting = list(db.session.scalars(select(Message.id).where(Message.due_at.is_not(None))))
    for row_id in waiting:
        assert deliver_message.run(company.tenant_id, row_id)


def tenant_row(company: Company) -> Tenant:
    """The company's settings as they are stored."""
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(Tenant).where(Tenant.id == company.tenant_id)).one()


def contact_id(company: Company) -> int:
    """The row of the company's contact."""
    with company.scope():
        return db.session.scalars(
            select(Contact.id).where(Contact.public_id == company.contact.public_id)
        ).one()
