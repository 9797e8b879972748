"""The rules of customers, their people and their places (6.1)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models import AuditEvent, CustomerContact, Phone, ServiceLocation
from pillar.models.customer import CustomerKind, PortalAccess
from pillar.services import customer_parts, customers
from pillar.services.customer_parts import ContactInput
from pillar.services.customers import CustomerInput


def test_one_person_may_serve_several_customers(acme, app):
    with acme.scope():
        john = acme.contact_row()
        other = customers.create_customer(
            CustomerInput(display_name="Mitchell Rentals", kind=CustomerKind.COMPANY),
            ContactInput(name="john mitchell", email=john.email.upper(), phones=[("9375550188", "work")]),
        )
        assert other.contacts == [john]
        assert "9375550188" in other.search_text
        with pytest.raises(RuleViolation, match="is a contact here already"):
            customer_parts.add_contact(other, ContactInput(name=john.name, email=john.email))
        customer_parts.remove_contact(other.contact_links[0])
        assert john.deleted_at is None
        assert other.contacts == []
        db.session.rollback()


def test_an_email_opens_the_portal_for_one_person(acme, app):
    with acme.scope():
        link = customer_parts.add_contact(
            acme.customer_row(), ContactInput(name="Jane Mitchell", email=acme.contact.email)
        )
        assert link.contact.portal_access is PortalAccess.NONE
        db.session.rollback()


@pytest.mark.parametrize(
    "contact",
    [
        ContactInput(),
        ContactInput(name=" "),
        ContactInput(name="A", phones=[(f"937555010{n}", "") for n in range(6)]),
    ],
)
def test_a_contact_needs_something_and_not_too_much(acme, app, contact):
    with acme.scope():
        with pytest.raises(RuleViolation):
            customer_parts.add_contact(acme.customer_row(), contact)
        db.session.rollback()


def test_removed_numbers_are_gone(acme, app):
    with acme.scope():
        customer = acme.customer_row()
        link = customer.contact_links[0]
        customer_parts.update_contact(link, ContactInput(name="John", phones=[("9375550199", "")]))
        assert db.session.scalars(select(Phone.e164).where(Phone.contact_id == link.contact_id)).all() == [
            "+19375550199"
        ]
        assert "5550142" not in customer.search_text
        db.session.rollback()


def test_nothing_changed_is_no_event(acme, app):
    with acme.scope():
        customer = acme.customer_row()
        before = db.session.scalars(select(AuditEvent.id)).all()
        customers.delete_customer(customer)
        customers.restore_customer(customer)
        customers.restore_customer(customer)
        names = [note.action for note in db.session().info["audit_notes"]]
        assert names == ["customer.deleted", "customer.restored"]
        assert db.session.scalars(select(AuditEvent.id)).all() == before
        assert db.session.scalars(select(CustomerContact.id)).all()
        assert db.session.scalars(select(ServiceLocation.id)).all()
        db.session.rollback()
