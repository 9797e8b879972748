"""Small pages below a customer: its people, its places, its notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_login import current_user
from sqlalchemy import select

from pillar.admin.base import is_public_id
from pillar.admin.customer_forms import (
    ContactForm,
    LocationForm,
    NoteForm,
    contact_content,
    filled_contact,
    filled_location,
    location_content,
)
from pillar.admin.forms import add_error
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.customer import Contact, Customer, CustomerContact, InternalNote, ServiceLocation
from pillar.services import customer_parts, customers
from pillar.services.customer_parts import ContactInput

_CHANGED = "Someone else changed this while you were typing. Compare with the page, then save again."


class PartPages:
    """Mixed into CustomerView. Every address starts at the customer, inside the fence."""

    one_or_404: Callable[[str], Any]
    permits: Callable[[str], bool]
    render: Callable[..., str]
    crumbs: Callable[[], list[tuple[str, str]]]
    _attempt: Callable[..., Any]

    @expose("/<id>/contacts/new", methods=("GET", "POST"))
    def new_contact(self, id: str) -> ResponseReturnValue:  # noqa: A002 - Flask-Admin's own name for it
        """Add a person."""
        customer = self._live(id)
        form = ContactForm()

        def save() -> bool:
            content = contact_content(form)
            customer_parts.add_contact(customer, content)
            self.say_unreadable(content)
            return True

        return self._part(customer, form, save, "New contact")

    @expose("/<id>/contacts/<part>", methods=("GET", "POST"))
    def edit_contact(self, id: str, part: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Change a person."""
        customer = self._live(id)
        link = _contact_link(customer, part)
        form = filled_contact(link)

        def save() -> bool:
            _check_seen(link.contact)
            content = contact_content(form)
            customer_parts.update_contact(link, content)
            self.say_unreadable(content)
            return True

        return self._part(customer, form, save, link.contact.name or "Contact", link.contact)

    @expose("/<id>/contacts/<part>/remove", methods=("POST",))
    def remove_contact(self, id: str, part: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Take a person off."""
        customer = self._live(id)
        link = _contact_link(customer, part)
        return self._remove(customer, lambda: customer_parts.remove_contact(link), "The contact is removed.")

    @expose("/<id>/locations/new", methods=("GET", "POST"))
    def new_location(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Add a place."""
        customer = self._live(id)
        form = LocationForm()

        def save() -> bool:
            customer_parts.add_location(customer, location_content(form))
            return True

        return self._part(customer, form, save, "New location")

    @expose("/<id>/locations/<part>", methods=("GET", "POST"))
    def edit_location(self, id: str, part: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Change a place."""
        customer = self._live(id)
        place = _location(customer, part)
        form = filled_location(place)

        def save() -> bool:
            _check_seen(place)
            customer_parts.update_location(place, location_content(form, place))
            return True

        return self._part(customer, form, save, place.label or place.street or "Location", place)

    @expose("/<id>/locations/<part>/remove", methods=("POST",))
    def remove_location(self, id: str, part: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Take a place off."""
        customer = self._live(id)
        place = _location(customer, part)
        return self._remove(
            customer, lambda: customer_parts.remove_location(place), "The location is removed."
        )

    @expose("/<id>/notes", methods=("GET", "POST"))
    def add_note(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Write a private note."""
        customer = self._live(id)
        form = NoteForm()

        def save() -> bool:
            customers.add_note(customer, form.body.data, current_user)
            return True

        return self._part(customer, form, save, "Private note")

    @expose("/<id>/notes/<part>/remove", methods=("POST",))
    def remove_note(self, id: str, part: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Take a note away."""
        customer = self._live(id)
        note = _note(customer, part)
        return self._remove(customer, lambda: customers.remove_note(note), "The note is removed.")

    def if_deleted(self, customer: Customer) -> ResponseReturnValue | None:
        """Deleted customers are looked at; to change one, bring it back."""
        if customer.deleted_at is None:
            return None
        flash("This customer is deleted. Restore it to change it.", "wait")
        return redirect(_page_of(customer), 303)

    def say_unreadable(self, content: ContactInput) -> None:
        """Numbers nobody can call are kept, but not in silence."""
        for raw in customer_parts.unreadable_phones(content.phones):
            flash(f"We kept “{raw}” as you typed it, but it is no number that can be called.", "wait")

    def _live(self, id: str) -> Customer:  # noqa: A002 - as above
        customer: Customer = self.one_or_404(id)
        return abort(404) if customer.deleted_at is not None else customer

    def _part(
        self, customer: Customer, form: Any, save: Callable[[], bool], heading: str, part: Any = None
    ) -> ResponseReturnValue:
        back = _page_of(customer)
        if form.validate_on_submit() and self._attempt(save, lambda refusal: add_error(form, refusal)):
            return redirect(back, 303)
        page = self.render(
            "admin/customers/part.html",
            form=form,
            heading=heading,
            crumbs=[*self.crumbs(), (customer.display_name, back)],
            seen_version=part.version if part else None,
            return_url=back,
            removal=_removal(customer, part) if part else "",
        )
        return page, 422 if request.method == "POST" else 200

    def _remove(self, customer: Customer, act: Callable[[], None], said: str) -> ResponseReturnValue:
        back = _page_of(customer)

        def remove() -> bool:
            act()
            return True

        if self._attempt(remove, lambda refusal: flash(refusal.message, "bad")):
            flash(said, "good")
        return redirect(back, 303)


def _page_of(customer: Customer) -> str:
    return url_for("customers.details_view", id=customer.public_id)


def _removal(customer: Customer, part: Contact | ServiceLocation) -> str:
    name = "remove_contact" if isinstance(part, Contact) else "remove_location"
    return url_for(f"customers.{name}", id=customer.public_id, part=part.public_id)


def _check_seen(row: Contact | ServiceLocation) -> None:
    if request.form.get("seen_version") not in {None, str(row.version)}:
        raise RuleViolation(_CHANGED)


def _contact_link(customer: Customer, public_id: str) -> CustomerContact:
    query = (
        select(CustomerContact)
        .join(Contact, Contact.id == CustomerContact.contact_id)
        .where(CustomerContact.customer_id == customer.id)
        .where(Contact.public_id == public_id, Contact.deleted_at.is_(None))
    )
    found = db.session.scalars(query).one_or_none() if is_public_id(public_id) else None
    return found or abort(404)


def _location(customer: Customer, public_id: str) -> ServiceLocation:
    query = select(ServiceLocation).where(
        ServiceLocation.customer_id == customer.id,
        ServiceLocation.public_id == public_id,
        ServiceLocation.deleted_at.is_(None),
    )
    found = db.session.scalars(query).one_or_none() if is_public_id(public_id) else None
    return found or abort(404)


def _note(customer: Customer, public_id: str) -> InternalNote:
    query = select(InternalNote).where(
        InternalNote.customer_id == customer.id,
        InternalNote.public_id == public_id,
        InternalNote.deleted_at.is_(None),
    )
    found = db.session.scalars(query).one_or_none() if is_public_id(public_id) else None
    return found or abort(404)
