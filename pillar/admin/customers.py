"""Customers in the office: the list with its filters, one customer's page, the forms (6.1, 6.4, 6.5, 6.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flask import abort, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.sql import Select

from pillar.admin import formatters, navigation
from pillar.admin.base import RowAction, SavedView, StaffModelView
from pillar.admin.customer_bulk import BulkPages
from pillar.admin.customer_calls import CallPages
from pillar.admin.customer_consent import ConsentPages
from pillar.admin.customer_create import CreatePages
from pillar.admin.customer_export import ExportPages
from pillar.admin.customer_forms import CustomerForm, filled_customer
from pillar.admin.customer_page import page_context
from pillar.admin.customer_parts import PartPages
from pillar.admin.guard import person_may
from pillar.admin.listing import Asked, TextFilter, ordered
from pillar.admin.saved_views import SavedViewPages
from pillar.extensions import db
from pillar.http.templating import local_date
from pillar.models.customer import Customer
from pillar.models.customer_facet import FacetKind
from pillar.permissions import Permission
from pillar.services import customer_list, customers
from pillar.services.customer_list import Keys, Shown, Wanted
from pillar.services.customer_rows import ListedCustomer, listed

_READ, _WRITE = Permission.CUSTOMER_READ, Permission.CUSTOMER_WRITE
_EVERYONE = SavedView(Shown.ALL, "All", lambda query: query)


class CustomerView(
    CreatePages, BulkPages, ExportPages, CallPages, PartPages, ConsentPages, SavedViewPages, StaffModelView
):
    """Everybody the company works for."""

    icon = "people"
    new_name = "Customer"
    more_new = (("Log a call", "log_call", "phone"),)
    can_create = can_edit = can_delete = True
    create_label = "New customer"
    needs: ClassVar = {
        "index_view": _READ,
        "details_view": _READ,
        "values": _READ,
        "save_view": _READ,
        "change_view": _READ,
        "download": Permission.CUSTOMER_EXPORT,
        "create_view": _WRITE,
        "edit_view": _WRITE,
        "delete_view": _WRITE,
        "restore": _WRITE,
        "action_view": _WRITE,
        "log_call": _WRITE,
        "remove_call": _WRITE,
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
    more_columns = ("email", "city", "state", "status", "kind", "source", "external_id")
    column_labels: ClassVar = {
        "display_name": "Customer",
        "address": "Service location",
        "created_at": "Added",
        "external_id": "Customer ID",
    }
    column_default_sort = ("display_name", False)
    column_formatters: ClassVar = {
        "phone": lambda _view, _context, row, _name: _in_one_line(next(iter(row.phones), "")),
        "email": lambda _view, _context, row, _name: next(iter(row.emails), ""),
        "city": lambda _view, _context, row, _name: _of_places(row, "city"),
        "state": lambda _view, _context, row, _name: _of_places(row, "state"),
        "status": formatters.status(formatters.CUSTOMER_LOOKS),
        "created_at": lambda _view, _context, row, _name: _in_one_line(local_date(row.created_at)),
    }
    phone_columns = ("phone",)
    search_hint = "Name, email, phone or address"
    saved_views = (
        _EVERYONE,
        SavedView(Shown.ACTIVE, "Active", _EVERYONE.narrow),
        SavedView(Shown.INACTIVE, "Inactive", _EVERYONE.narrow),
        SavedView(Shown.DELETED, "Deleted", _EVERYONE.narrow),
    )
    views_label = "Status"
    filters = (
        TextFilter("city", "City", suggests=True),
        TextFilter("state", "State", suggests=True),
        TextFilter("place", "Service location", "Street, ZIP code, or what you call it"),
        TextFilter("tag", "Tag", suggests=True),
    )
    empty_title = "No customers yet"
    empty_sentence = "Add one, or import the spreadsheet you have."
    list_template = "admin/customers/list.html"
    create_template = "admin/customers/create.html"
    details_template = "admin/customers/details.html"
    form_sections = (
        ("Customer", ("display_name", "kind", "status", "tags", "source")),
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
        """The deleted too: their page stays, the list shows them in a tab of their own."""
        return select(Customer)

    def keys(self, asked: Asked) -> Keys:
        """Who is asked for."""
        shown = Shown(asked.view) if asked.view else Shown.ALL
        return customer_list.keys(Wanted(shown, asked.search, **asked.chosen))

    def page_of(self, asked: Asked) -> tuple[Asked, Sequence[Any], int, int]:
        """The row ids of the page from one index, then those customers with what a row shows."""
        keys = self.keys(asked)
        asked, count, pages = self.counted(asked, keys.query, keys.key)
        name, is_descending = self.sorting(asked)
        column = keys.by_age if name == "created_at" else keys.by_name
        page = ordered(keys.query, column, keys.key, is_descending=is_descending)
        page = page.limit(self.page_size).offset((asked.page - 1) * self.page_size)
        return asked, listed(db.session.scalars(page).all()), count, pages

    def row_note(self, row: ListedCustomer) -> str:
        """The e-mail, under the name."""
        return next(iter(row.emails), "")

    def row_actions(self, row: ListedCustomer) -> Sequence[RowAction]:
        """What can be done from the list."""
        if not self.permits("edit_view"):
            return ()
        if row.deleted_at is not None:
            return [RowAction("Restore", self.get_url(".restore", id=row.public_id), "swap", is_post=True)]
        return [
            RowAction("Edit", self.get_url(".edit_view", id=row.public_id), "pencil"),
            RowAction("Delete", self.get_url(".delete_view", id=row.public_id), "trash", is_post=True),
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
        """Its work, its timeline, its people."""
        can_write = self.permits("add_note") and model.deleted_at is None
        return {"may_write": can_write, **page_context(model, request.args)}

    def edit_form(self, obj: Any = None) -> CustomerForm:
        """The customer itself; people and places have pages of their own."""
        return filled_customer(obj)

    def update(self, form: CustomerForm, model: Customer) -> None:
        """Change one."""
        customers.update_customer(model, form.content())

    def delete(self, model: Customer) -> None:
        """Take it out of list, search and portal."""
        customers.delete_customer(model)

    def said_on(self, what: str, model: Any) -> str:
        """What is said after `saved` or `deleted`."""
        said = super().said_on(what, model)
        return f"{said} Nothing is lost: it waits under Deleted." if what == "deleted" else said

    @expose("/values")
    def values(self) -> ResponseReturnValue:
        """Cities, states or tags that begin as typed, for help while typing."""
        kind = request.args.get("of", "")
        if kind not in set(FacetKind):
            abort(404)
        return jsonify(customer_list.values(FacetKind(kind), request.args.get("typed", "")))

    @expose("/<id>/edit", methods=("GET", "POST"))
    def edit_view(self, id: str) -> ResponseReturnValue:  # noqa: A002 - Flask-Admin's own name for it
        """Change one; a deleted one comes back first."""
        customer = self.one_or_404(id)
        return self.if_deleted(customer) or super().edit_view(id)

    @expose("/<id>/restore", methods=("POST",))
    def restore(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as above
        """Bring it back."""
        customer = self.one_or_404(id)
        name = customer.display_name
        taken = self._attempt(
            lambda: customers.restore_customer(customer), lambda refusal: flash(refusal.message, "bad")
        )
        if taken is not None:
            flash(f"{name} is back.", "good")
            self.say_taken(taken)
        if request.form.get("url"):
            return self.go_back()
        return redirect(url_for(".details_view", id=id), 303)


def _in_one_line(text: str) -> Markup:
    return Markup('<span class="num">') + text + Markup("</span>")


def _of_places(customer: ListedCustomer, part: str) -> str:
    values = (getattr(place, part) for place in customer.places)
    return ", ".join(dict.fromkeys(value for value in values if value))


def view() -> CustomerView:
    """The view as it is added to the office."""
    return CustomerView(
        Customer, name="Customers", category=navigation.CUSTOMERS, endpoint="customers", url="customers"
    )
