"""What a person said about being written to, noted by the office on the customer's page (7.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_login import current_user

from pillar.extensions import db
from pillar.models.consent import ConsentSource, SuppressionReason
from pillar.models.customer import Contact, Customer
from pillar.models.message import Channel
from pillar.services import consent
from pillar.services.consent import Said

_WORDING = "Told the office"


@dataclass(frozen=True, slots=True)
class Stop:
    """One number or address of a contact: whether it is written to, and what the office may note."""

    address: str
    shown: str
    reason: str
    action: str
    label: str


class ConsentPages:
    """Mixed into CustomerView. Every address starts at the customer, inside the fence."""

    _live: Callable[[str], Customer]

    @expose("/<id>/contacts/<part>/consent", methods=("POST",))
    def note_consent(self, id: str, part: str) -> ResponseReturnValue:  # noqa: A002 - Flask-Admin's own name for it
        """Note an opt-out, or that somebody took it back."""
        customer = self._live(id)
        contact = next((each for each in customer.contacts if each.public_id == part), None)
        address = request.form.get("address", "")
        note = _NOTES.get(request.form.get("do", ""))
        if contact is None or note is None or address not in _addresses(contact):
            abort(404)
        note[0](address)
        db.session.commit()
        flash(note[1], "good")
        return redirect(url_for("customers.details_view", id=customer.public_id), 303)


def stops_by_contact(customer: Customer) -> dict[str, list[Stop]]:
    """For each contact its numbers, and those of its addresses that cannot be used."""
    people = customer.contacts
    stopped = consent.stops([address for contact in people for address in _addresses(contact)])
    return {contact.public_id: list(_stops(contact, stopped)) for contact in people}


def _stops(contact: Contact, stopped: dict[str, consent.Refusal]) -> Any:
    for phone in contact.phones:
        if not phone.e164:
            continue
        if refusal := stopped.get(phone.e164):
            yield Stop(phone.e164, phone.shown, refusal.sentence, "allow_texts", "They want texts again")
        else:
            yield Stop(phone.e164, phone.shown, "", "stop_texts", "Note opt-out of texts")
    if contact.email and (refusal := stopped.get(contact.email)):
        yield Stop(contact.email, contact.email, refusal.sentence, "allow_mail", "Mail this address again")


def _addresses(contact: Contact) -> set[str]:
    return {phone.e164 for phone in contact.phones if phone.e164} | (
        {contact.email} if contact.email else set()
    )


def _said() -> Said:
    return Said(ConsentSource.STAFF, wording=_WORDING, staff_id=current_user.id)


def _stop_texts(address: str) -> None:
    consent.opt_out(address, Channel.SMS, _said())


def _allow_texts(address: str) -> None:
    consent.opt_in_again(address, Channel.SMS, _said())


def _allow_mail(address: str) -> None:
    consent.lift(address, Channel.EMAIL, {SuppressionReason.BOUNCED, SuppressionReason.SPAM_REPORT})


_NOTES: dict[str, tuple[Callable[[str], None], str]] = {
    "stop_texts": (_stop_texts, "Noted. This number gets no more texts."),
    "allow_texts": (_allow_texts, "Noted. This number gets texts again."),
    "allow_mail": (_allow_mail, "Mail goes to this address again."),
}
