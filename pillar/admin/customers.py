"""Customers in the office: the list, one customer's page, the forms (6.1, 6.4, 6.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import selectinload
from sqlalchemy.sql import Select

from pillar.admin import customer_filters, navigation
from pillar.admin.base import Choice, RowAction, SavedView, StaffModelView
from pillar.admin.customer_consent import ConsentPages, stops_by_contact
from pillar.admin.customer_forms import (
    CustomerForm,
    NewCustomerForm,
    NoteForm,
    contact_content,
    filled_customer,
    is_blank,
    location_content,
)
from pillar.admin.customer_page import page_context
from pillar.admin.customer_parts import PartPages
from pillar.admin.guard import person_may
from pillar.http.templating import local_date
from pillar.models.customer import Customer, CustomerKind
from pillar.permissions import Permission
from pillar.services import customer_search, customers

ARCHIVED = "archived"
_READ, _WRITE = Permission.CUSTOMER_READ, Permission.CUSTOMER_WRITE


class CustomerView(PartPages, ConsentPages, StaffModelView):
    """Everybody the company works for."""

    icon = "people"
    new_name = "Customer"
    answers_search = True
    can_create = can_edit = True
    create_label = "New customer"
    needs: ClassVar = {
        "index_view": _READ,
        "details_view": _READ,
        "create_view": _WRITE,
        "edit_view": _WRITE,
        "archive": _WRITE,
        "restore": _WRITE,
        "add_note": _WRITE,
        "remove_note": _WRITE,
        "new_contact": _WRITE,
        "edit_contact": _WRITE,
        "remove_contact": _WRITE,
        "note_consent": _WRITE,
        "new_location": _WRITE,
        "edit_location": _WRITE,
        "remove_location": _WRITE,
    }
    column_list = ("display_name", "phone", "address", "tags", "created_at")
    column_labels: ClassVar = {"display_name": "Customer", "created_at": "Added"}
    column_default_sort = ("display_name", False)
    column_formatters: ClassVar = {
        "phone": lambda _view, _context, row, _name: _in_one_line(_first_phone(row)),
        "address": lambda _view, _context, row, _name: _first_address(row),
        "created_at": lambda _view, _context, row, _name: _in_one_line(local_date(row.created_at)),
    }
    phone_columns = ("phone",)
    search_hint = "Name, email, phone or address"
    saved_views = (
        SavedView("all", "All", lambda query: query.where(Customer.deleted_at.is_(None))),
        SavedView(ARCHIVED, "Archived", lambda query: query.where(Customer.deleted_at.is_not(None))),
    )
    choices = (
        Choice("city", "City", customer_filters.cities, customer_filters.in_city),
        Choice("state", "State", customer_filters.states, customer_filters.in_state),
        Choice("tag", "Tag", customer_filters.tags, customer_filters.with_tag),
    )
    empty_title = "No customers yet"
    empty_sentence = "Add one, or import the spreadsheet you have."
    list_template = "admin/customers/list.html"
    create_template = "admin/customers/create.html"
    details_template = "admin/customers/details.html"
    form_sections = (
        ("Customer", ("display_name", "kind", "tags", "source")),
        (
            "Billing",
            (
                "billing_street",
                "billing_city",
                "billing_state",
                "billing_postal_code",
                "payment_terms",
                "is_tax_exempt",
            ),
        ),
    )

    def get_sortable_columns(self) -> dict[str, Any]:
        """Names sort without accents and capitals."""
        return {"display_name": Customer.sort_name, "created_at": Customer.created_at}

    def found(self) -> Select[Any]:
        """The archived too: their page stays, the list shows them in a tab of their own."""
        return select(Customer)

    def list_query(self) -> Select[Any]:
        """With the people, their numbers and the places: a constant number of queries."""
        return self.found().options(selectinload(Customer.contact_links), selectinload(Customer.locations))

    def search(self, query: Select[Any], term: str) -> Select[Any]:
        """Through the search index; among the archived ones in their tab."""
        is_archived = request.args.get("view") == ARCHIVED
        return query.where(Customer.id.in_(customer_search.customer_ids(term, is_archived=is_archived)))

    def row_note(self, row: Customer) -> str:
        """The e-mail, under the name."""
        return next((contact.email for contact in row.contacts if contact.email), "")

    def row_actions(self, row: Customer) -> Sequence[RowAction]:
        """What can be done from the list."""
        if not self.permits("edit_view"):
            return ()
        if row.deleted_at is not None:
            return [RowAction("Bring back", self.get_url(".restore", id=row.public_id), "swap", is_post=True)]
        return [
            RowAction("Edit", self.get_url(".edit_view", id=row.public_id), "pencil"),
            RowAction("Archive", self.get_url(".archive", id=row.public_id), "box", is_post=True),
        ]

    def filled_in(self) -> Mapping[str, Any]:
        """New things made from a customer's page are for that customer."""
        if request.endpoint == f"{self.endpoint}.details_view":
            return {"customer": (request.view_args or {}).get("id")}
        return {}

    def render(self, template: str, **variables: Any) -> str:
        """The list offers the import to whom it is open."""
        return super().render(template, may_import=person_may(Permission.CUSTOMER_IMPORT), **variables)

    def details_context(self, model: Customer) -> dict[str, Any]:
        """Its work, its messages, its notes."""
        can_write = self.permits("add_note") and model.deleted_at is None
        return {
            **page_context(model),
            "stops": stops_by_contact(model),
            "may_write": can_write,
            "notes": customers.notes_of(model),
            "note_form": NoteForm() if can_write else None,
        }

    def create_form(self, obj: Any = None) -> NewCustomerForm:  # noqa: ARG002 - Flask-Admin's signature
        """With the first person and the first place."""
        return NewCustomerForm()

    def edit_form(self, obj: Any = None) -> CustomerForm:
        """The customer itself; people and places have pages of their own."""
        return filled_customer(obj)

    def create(self, form: NewCustomerForm) -> Customer:
        """Make one."""
        contact, place = contact_content(form.contact.form), location_content(form.location.form)
        if form.kind.data == CustomerKind.PERSON and not contact.name and not is_blank(contact):
            contact = replace(contact, name=form.display_name.data)
        made = customers.create_customer(
            form.content(), None if is_blank(contact) else contact, None if is_blank(place) else place
        )
        self.say_unreadable(contact)
        return made

    def update(self, form: CustomerForm, model: Customer) -> None:
        """Change one."""
        customers.update_customer(model, form.content())

    @expose("/<id>/edit", methods=("GET", "POST"))
    def edit_view(self, id: str) -> ResponseReturnValue:  # noqa: A002 - Flask-Admin's own name for it
        """Change one; an archived one comes back first."""
        customer = self.one_or_404(id)
        return self.if_archived(customer) or super().edit_view(id)

    @expose("/<id>/archive", methods=("POST",))
    def archive(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Take it out of the list."""
        return self._do(
            id, customers.archive_customer, "is archived. Nothing is lost; you can bring it back."
        )

    @expose("/<id>/restore", methods=("POST",))
    def restore(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Bring it back."""
        return self._do(id, customers.restore_customer, "is back.")

    def _do(self, id: str, act: Callable[[Customer], None], said: str) -> ResponseReturnValue:  # noqa: A002
        customer = self.one_or_404(id)
        name = customer.display_name

        def do() -> bool:
            act(customer)
            return True

        if self._attempt(do, lambda refusal: flash(refusal.message, "bad")):
            flash(f"{name} {said}", "good")
        if request.form.get("url"):
            return self.go_back()
        return redirect(url_for(".details_view", id=id), 303)


def _in_one_line(text: str) -> Markup:
    return Markup('<span class="num">{}</span>').format(text)


def _first_phone(customer: Customer) -> str:
    return next((phone.shown for contact in customer.contacts for phone in contact.phones), "")


def _first_address(customer: Customer) -> str:
    return next(
        (place.address for place in customer.live_locations if place.address), customer.billing_address
    )


def view() -> CustomerView:
    """The view as it is added to the office."""
    return CustomerView(
        Customer, name="Customers", category=navigation.CUSTOMERS, endpoint="customers", url="customers"
    )
