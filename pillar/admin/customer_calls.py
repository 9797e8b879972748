"""Calls with customers, logged by hand from anywhere (7.1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import abort, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_login import current_user
from sqlalchemy import select
from wtforms import DateTimeLocalField, HiddenField, IntegerField, RadioField, SelectField
from wtforms.validators import Optional

from pillar import clock
from pillar.admin.base import is_public_id
from pillar.admin.forms import AdminForm, add_error
from pillar.extensions import db
from pillar.http.forms import Between, Filled, TextField
from pillar.models.customer import Customer
from pillar.models.phone_call import CallDirection, PhoneCall
from pillar.services import customer_search, phone_calls
from pillar.services.phone_calls import LONGEST_MINUTES, CallInput
from pillar.tokens import public_id

_DIRECTIONS = [(CallDirection.INCOMING, "They called us"), (CallDirection.OUTGOING, "We called them")]
_MINUTES = f"Type whole minutes, at most {LONGEST_MINUTES:,}."


class CallForm(AdminForm):
    """A call."""

    form_key = HiddenField(default=public_id)
    direction = RadioField("Who called", choices=_DIRECTIONS, default=CallDirection.INCOMING)
    contact = SelectField("Who it was with")
    at = DateTimeLocalField(
        "When", [Filled("Choose a day and a time.")], format=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
    )
    minutes = IntegerField("Minutes", [Optional(), Between(0, LONGEST_MINUTES, _MINUTES)])
    notes = TextField("What was said", description="Only your team sees this.")


class CallPages:
    """Mixed into CustomerView. Every call starts at its customer, inside the fence."""

    one_or_404: Callable[[str], Any]
    render: Callable[..., str]
    crumbs: Callable[[], list[tuple[str, str]]]
    _attempt: Callable[..., Any]
    _live: Callable[[str], Customer]
    _remove: Callable[..., ResponseReturnValue]

    @expose("/calls/new", methods=("GET", "POST"))
    def log_call(self) -> ResponseReturnValue:
        """Write a call down; first of all, with whom."""
        if not request.args.get("customer"):
            return self._choose()
        customer = self._live(request.args["customer"])
        form = _form_for(customer)
        if form.validate_on_submit() and self._saved(customer, form):
            flash("The call is in the timeline.", "good")
            return redirect(_page_of(customer), 303)
        page = self.render(
            "admin/customers/call.html",
            form=form,
            heading="Log a call",
            crumbs=[*self.crumbs(), (customer.display_name, _page_of(customer))],
            return_url=_page_of(customer),
        )
        return page, 422 if request.method == "POST" else 200

    @expose("/<id>/calls/<part>/remove", methods=("POST",))
    def remove_call(self, id: str, part: str) -> ResponseReturnValue:  # noqa: A002 - Flask-Admin's own name for it
        """Take a call away."""
        customer = self._live(id)
        query = select(PhoneCall).where(
            PhoneCall.customer_id == customer.id,
            PhoneCall.public_id == part,
            PhoneCall.deleted_at.is_(None),
        )
        call = db.session.scalars(query).one_or_none() if is_public_id(part) else None
        if call is None:
            abort(404)
        return self._remove(customer, lambda: phone_calls.remove_call(call), "The call is removed.")

    def _saved(self, customer: Customer, form: CallForm) -> bool:
        """Keep it; pressed twice, it is kept once."""
        if _is_kept(customer, form):
            return True
        content = _content(customer, form)
        kept = self._attempt(
            lambda: phone_calls.log_call(customer, content, current_user),
            lambda refusal: add_error(form, refusal),
        )
        return kept is not None

    def _choose(self) -> ResponseReturnValue:
        term = request.args.get("search", "")
        return self.render(
            "admin/customers/choose.html",
            heading="Who was the call with?",
            term=term,
            customers=customer_search.find_customers(term),
            crumbs=self.crumbs(),
        )


def _form_for(customer: Customer) -> CallForm:
    form = CallForm()
    people = [(each.public_id, each.name or each.email or "Contact") for each in customer.contacts]
    form.contact.choices = [*people, ("", "Somebody else")]
    if not form.is_submitted():
        form.at.data = clock.now().astimezone(_zone()).replace(tzinfo=None)
        form.contact.data = people[0][0] if people else ""
    return form


def _content(customer: Customer, form: CallForm) -> CallInput:
    at: datetime = form.at.data
    key = form.form_key.data or ""
    return CallInput(
        direction=CallDirection(form.direction.data),
        at=at.replace(tzinfo=_zone()),
        minutes=form.minutes.data,
        notes=form.notes.data or "",
        contact=next((each for each in customer.contacts if each.public_id == form.contact.data), None),
        public_id=key if is_public_id(key) else None,
    )


def _is_kept(customer: Customer, form: CallForm) -> bool:
    query = select(PhoneCall.id).where(
        PhoneCall.customer_id == customer.id, PhoneCall.public_id == (form.form_key.data or "")
    )
    return db.session.scalar(query) is not None


def _zone() -> ZoneInfo:
    return ZoneInfo(g.company.time_zone)


def _page_of(customer: Customer) -> str:
    return url_for("customers.details_view", id=customer.public_id)
