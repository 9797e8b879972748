"""The portal on a customer's page: who may, links, sessions, looking at it as the customer (1.11, 1.14)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from flask import Flask, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_login import current_user
from sqlalchemy import select

from pillar.admin import step_up
from pillar.admin.base import is_public_id
from pillar.admin.guard import StaffView, person_may
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.http import portal_sessions
from pillar.models.customer import Contact, Customer, CustomerContact, PortalAccess
from pillar.models.message import Channel, Message
from pillar.models.portal import PersonalLink
from pillar.permissions import Permission
from pillar.services import companies, estimate_sending, one_time_links, personal_links, portal_mail

_ACCESS = {
    PortalAccess.NONE: "No access",
    PortalAccess.DOCUMENTS: "Documents by link only",
    PortalAccess.FULL: "May sign in",
}
_ON_ITS_WAY = "The portal link is on its way."


@dataclass(frozen=True, slots=True)
class PersonShown:
    """One contact as the card shows it."""

    id: str
    name: str
    access: str
    last_signed_in_at: datetime | None
    links: Sequence[PersonalLink]
    has_sessions: bool
    may_have_links: bool
    by_mail: bool
    by_text: bool


@dataclass(frozen=True, slots=True)
class PortalCard:
    """The card: its people, and what whoever looks may do."""

    people: Sequence[PersonShown]
    is_on: bool
    may_send: bool
    may_end: bool
    may_look: bool


def portal_access(customer: Customer) -> PortalCard:
    """Everything the card of one customer needs; templates call it."""
    contacts = customer.contacts
    live = personal_links.live_links(contacts) if contacts else []
    is_open = customer.deleted_at is None
    can_write = is_open and person_may(Permission.CUSTOMER_WRITE)
    is_on = companies.current_company().portal_enabled
    return PortalCard(
        [_shown(contact, [link for link in live if link.contact_id == contact.id]) for contact in contacts],
        is_on=is_on,
        may_send=is_open and is_on and person_may(Permission.MESSAGE_SEND),
        may_end=can_write,
        may_look=can_write and is_on,
    )


class CustomerPortalView(StaffView):
    """The buttons of the card. It has no page of its own: the card stands on the customer's."""

    needs: ClassVar = {
        "index": Permission.CUSTOMER_READ,
        "send": Permission.MESSAGE_SEND,
        "renew": Permission.MESSAGE_SEND,
        "revoke": Permission.CUSTOMER_WRITE,
        "sign_out": Permission.CUSTOMER_WRITE,
        "look": Permission.CUSTOMER_WRITE,
    }

    def is_visible(self) -> bool:
        """Not in the navigation."""
        return False

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Its people are on the customers' pages."""
        return redirect(url_for("customers.index_view"), 303)

    @expose("/<id>/<part>/send", methods=("POST",))
    def send(self, id: str, part: str) -> ResponseReturnValue:  # noqa: A002 - Flask-Admin's own name for it
        """Send a portal link, by mail or by text."""
        customer, contact = _found(id, part)
        channel = Channel.SMS if request.form.get("by") == "text" else Channel.EMAIL
        return _attempt(
            customer, lambda: portal_mail.send_link(companies.current_company(), contact, (channel,))
        )

    @expose("/<id>/<part>/renew", methods=("POST",))
    def renew(self, id: str, part: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """End the links that there are, and send one."""
        customer, contact = _found(id, part)

        def renewed() -> list[Message]:
            personal_links.revoke_all(contact)
            return portal_mail.send_link(companies.current_company(), contact)

        return _attempt(customer, renewed)

    @expose("/<id>/<part>/revoke", methods=("POST",))
    def revoke(self, id: str, part: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """End every portal link of this person."""
        customer, contact = _found(id, part)
        count = personal_links.revoke_all(contact)
        db.session.commit()
        flash(f"{count} {'link is' if count == 1 else 'links are'} revoked.", "good")
        return _back(customer)

    @expose("/<id>/<part>/sign-out", methods=("POST",))
    def sign_out(self, id: str, part: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Sign the person out in every browser; sign-in mail on its way is worth nothing any more either."""
        customer, contact = _found(id, part)
        portal_sessions.end_other_sessions(contact)
        one_time_links.end_links(contact)
        contact.audit("contact.signed_out_everywhere")
        db.session.commit()
        flash(f"{contact.name or contact.email} is signed out everywhere.", "good")
        return _back(customer)

    @expose("/<id>/<part>/look", methods=("POST",))
    def look(self, id: str, part: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Open the portal as this person sees it, for an hour, changing nothing (1.14)."""
        # Found before the password is asked: nobody learns by it whose ids exist.
        return _look_as(*_found(id, part))


def init_app(app: Flask) -> None:
    """Let the customer's page draw the card without knowing of it."""
    app.jinja_env.globals["portal_access"] = portal_access


def view() -> CustomerPortalView:
    """The view as it is added to the office."""
    return CustomerPortalView(name="Portal access", endpoint="customer_portal", url="customer-portal")


def _shown(contact: Contact, live: Sequence[PersonalLink]) -> PersonShown:
    ways = portal_mail.ways_to(contact)
    return PersonShown(
        id=contact.public_id,
        name=contact.name or contact.email or "Contact",
        access=_ACCESS[contact.portal_access],
        last_signed_in_at=contact.last_signed_in_at,
        links=live,
        has_sessions=bool(portal_sessions.sessions_of(contact)),
        may_have_links=personal_links.may_have_links(contact),
        by_mail=Channel.EMAIL in ways,
        by_text=Channel.SMS in ways,
    )


def _found(customer_id: str, contact_id: str) -> tuple[Customer, Contact]:
    """A live customer and one of its people, inside the fence."""
    if not (is_public_id(customer_id) and is_public_id(contact_id)):
        abort(404)
    query = (
        select(Customer, Contact)
        .select_from(Customer)
        .join(CustomerContact, CustomerContact.customer_id == Customer.id)
        .join(Contact, Contact.id == CustomerContact.contact_id)
        .where(
            Customer.public_id == customer_id,
            Customer.deleted_at.is_(None),
            Contact.public_id == contact_id,
            Contact.deleted_at.is_(None),
        )
    )
    row = db.session.execute(query).one_or_none() or abort(404)
    return row[0], row[1]


@step_up.required()
def _look_as(customer: Customer, contact: Contact) -> ResponseReturnValue:
    company = companies.current_company()
    if not company.portal_enabled:
        flash("The customer portal is turned off.", "bad")
        return _back(customer)
    portal_sessions.look_as(contact, current_user)
    contact.audit("portal.opened_as_customer", customer=customer.public_id)
    db.session.commit()
    return redirect(url_for("portal.dashboard", slug=company.slug), 303)


def _attempt(customer: Customer, send: Callable[[], list[Message]]) -> ResponseReturnValue:
    try:
        sent = send()
        db.session.commit()
    except RuleViolation as refusal:
        db.session.rollback()
        flash(refusal.message, "bad")
    else:
        trouble = estimate_sending.trouble(sent)
        flash(trouble or _ON_ITS_WAY, "bad" if trouble else "good")
    return _back(customer)


def _back(customer: Customer) -> ResponseReturnValue:
    return redirect(url_for("customers.details_view", id=customer.public_id), 303)
