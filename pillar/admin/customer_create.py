"""A new customer from anywhere: a name and a way to reach them is enough, and likely duplicates are shown (6.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from sqlalchemy import select

from pillar import phones
from pillar.admin.base import is_public_id
from pillar.admin.customer_forms import (
    NewCustomerForm,
    contact_content,
    is_blank,
    location_content,
)
from pillar.extensions import db
from pillar.models.customer import Customer, CustomerKind
from pillar.services import customers
from pillar.services.customer_parts import ContactInput, LocationInput
from pillar.services.duplicates import Lookalike, lookalikes
from pillar.text import clean_line

# Where somebody was when a customer was missing, and where it goes on with the new one.
_ONWARD = {"estimate": "estimates.create_view", "call": "customers.log_call"}
_LONGEST_NAME = 200


class CreatePages:
    """Mixed into CustomerView."""

    render: Callable[..., str]
    crumbs: Callable[[], list[tuple[str, str]]]
    home_url: Callable[[], str]
    row_url: Callable[[Any], str]
    said_on: Callable[[str, Any], str]
    say_unreadable: Callable[[ContactInput], None]
    validate_form: Callable[[Any], bool]
    create_model: Callable[[Any], Any]

    @expose("/new", methods=("GET", "POST"))
    def create_view(self) -> ResponseReturnValue:
        """Make one, unless somebody like it is here; sent twice it is made once."""
        form = self.create_form()
        alike: list[Lookalike] = []
        if self.validate_form(form):
            if (made := _made_by(form)) is not None:
                return redirect(_onward(made) or self.row_url(made), 303)
            if "create_anyway" not in request.form:
                alike = lookalikes(form.display_name.data, *_parts(form))
            if not alike and (made := self.create_model(form) or _made_by(form)) is not None:
                flash(self.said_on("saved", made), "good")
                return redirect(_onward(made) or self.row_url(made), 303)
        page = self.render(
            "admin/customers/create.html",
            form=form,
            alike=[(each, self.row_url(each.customer), _onward(each.customer)) for each in alike],
            crumbs=self.crumbs(),
            return_url=self.home_url(),
            seen_version=None,
            submit_label="Save",
        )
        return page, 422 if request.method == "POST" else 200

    def create_form(self, obj: Any = None) -> NewCustomerForm:  # noqa: ARG002 - Flask-Admin's signature
        """With the first person and the first place; what was searched for in vain stands in its field."""
        form = NewCustomerForm()
        if request.method == "GET":
            _fill_in(form, clean_line(request.args.get("typed", ""))[:_LONGEST_NAME])
        return form

    def create(self, form: NewCustomerForm) -> Customer:
        """Make one."""
        contact, place = _parts(form)
        made = customers.create_customer(form.content(), contact, place, public_id=_key_of(form))
        if contact is not None:
            self.say_unreadable(contact)
        return made


def _parts(form: NewCustomerForm) -> tuple[ContactInput | None, LocationInput | None]:
    """The person and the place that were typed, if any were."""
    contact, place = contact_content(form.contact.form), location_content(form.location.form)
    if form.kind.data == CustomerKind.PERSON and not contact.name and not is_blank(contact):
        contact = replace(contact, name=form.display_name.data)
    return (None if is_blank(contact) else contact, None if is_blank(place) else place)


def _key_of(form: NewCustomerForm) -> str | None:
    key = form.form_key.data or ""
    return key if is_public_id(key) else None


def _made_by(form: NewCustomerForm) -> Customer | None:
    """The customer that this very form made already: its button was pressed twice."""
    key = _key_of(form)
    return db.session.scalar(select(Customer).where(Customer.public_id == key)) if key else None


def _onward(customer: Customer) -> str:
    """Back to what the customer was made for; empty when it was for nothing else."""
    endpoint = _ONWARD.get(request.args.get("next", ""))
    if endpoint is None:
        return ""
    return url_for(endpoint, customer=customer.public_id, template=request.args.get("template") or None)


def _fill_in(form: NewCustomerForm, typed: str) -> None:
    contact: Any = form.contact.form
    if "@" in typed:
        contact.email.data = typed
    elif phones.parse(typed).e164:
        contact.phones.entries[0].form.raw.data = typed
    else:
        form.display_name.data = typed
