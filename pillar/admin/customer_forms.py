"""What the office types about a customer, its people and its places."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, FieldList, FormField, HiddenField, SelectField

from pillar.admin.forms import AdminForm, FormPart
from pillar.http.forms import ChecksField, EmailField, LineField, TextField
from pillar.models.customer import (
    Customer,
    CustomerContact,
    CustomerKind,
    CustomerStatus,
    PortalAccess,
    ServiceLocation,
)
from pillar.models.payment_terms import PaymentTerms
from pillar.services.customer_parts import FIRST_CONTACT_ROLES, MAX_PHONES, ContactInput, LocationInput
from pillar.services.customers import CustomerInput, split_tags
from pillar.tokens import public_id

KINDS = [(CustomerKind.PERSON, "A person"), (CustomerKind.COMPANY, "A company")]
STATUSES = [(CustomerStatus.ACTIVE, "Now"), (CustomerStatus.INACTIVE, "Not any more")]
TERMS = [("", "As in your settings"), ("due_on_receipt", "Due on receipt")] + [
    (f"net_{days}", f"{days} days") for days in (15, 30, 45, 60)
]
SOURCES = [(word, word) for word in ("Phone", "Website", "Referral", "Portal", "Import", "Other")]
PHONE_KINDS = [("", "Kind"), ("mobile", "Mobile"), ("home", "Home"), ("work", "Work")]
ROLES = [
    ("owner", "Owner: first person to call"),
    ("billing", "Billing: gets invoices"),
    ("site", "Site: opens the door"),
    ("approver", "Approver: may approve estimates"),
]
ACCESS = [
    (PortalAccess.FULL, "Everything"),
    (PortalAccess.DOCUMENTS, "Documents only"),
    (PortalAccess.NONE, "No sign-in"),
]
_SPARE_PHONES = 2


class TagsField(LineField):
    """Tags with commas between; `tags` is the list."""

    def process_data(self, value: Any) -> None:
        """A list from the database as one line."""
        self.data = ", ".join(value) if isinstance(value, list) else (value or "")

    @property
    def tags(self) -> list[str]:
        """Each tag once."""
        return split_tags(self.data or "")


class PhonePart(FormPart):
    """One number as people write it; what is no number is kept, and said."""

    raw = LineField("Phone number", most=80)
    type = SelectField("Kind of number", choices=PHONE_KINDS)


class ContactFields:
    """A person."""

    name = LineField("Name")
    email = EmailField("Email")
    phones = FieldList(
        FormField(PhonePart), "Phone numbers", min_entries=_SPARE_PHONES, max_entries=MAX_PHONES
    )
    roles = ChecksField("Roles", choices=ROLES, default=FIRST_CONTACT_ROLES)
    portal_access = SelectField("In the portal", choices=ACCESS, default=PortalAccess.FULL)


class LocationFields:
    """A place."""

    street = LineField("Street")
    city = LineField("City", most=100)
    state = LineField("State", most=50)
    postal_code = LineField("ZIP code", most=20)
    label = LineField("What you call it", most=100, description="For example: rental on Oak, main office.")
    access_notes = TextField(
        "How to get in", description="Gate codes, dogs, where the key is. Only your team sees this."
    )


class ContactPart(ContactFields, FormPart):
    """The first person, inside the form of a new customer."""


class LocationPart(LocationFields, FormPart):
    """The first place, inside the form of a new customer."""


class ContactForm(ContactFields, AdminForm):
    """One more person, or a change."""


class LocationForm(LocationFields, AdminForm):
    """One more place, or a change."""


class NoteForm(AdminForm):
    """A private note."""

    body = TextField("Write a note", is_required=True)


class CustomerForm(AdminForm):
    """A customer itself."""

    display_name = LineField("Name", is_required=True)
    kind = SelectField("This is", choices=KINDS)
    status = SelectField("We work for them", choices=STATUSES, default=CustomerStatus.ACTIVE)
    tags = TagsField("Tags", description="With commas between, for example: VIP, rental.", most=500)
    source = SelectField("How they found you", choices=SOURCES, default="Phone")
    billing_street = LineField("Billing street")
    billing_city = LineField("Billing city", most=100)
    billing_state = LineField("Billing state", most=50)
    billing_postal_code = LineField("Billing ZIP code", most=20)
    payment_terms = SelectField("Invoices are due", choices=TERMS)
    is_tax_exempt = BooleanField("Pays no sales tax")

    def content(self) -> CustomerInput:
        """What was typed."""
        return CustomerInput(
            display_name=self.display_name.data,
            kind=CustomerKind(self.kind.data),
            status=CustomerStatus(self.status.data),
            billing_street=self.billing_street.data,
            billing_city=self.billing_city.data,
            billing_state=self.billing_state.data,
            billing_postal_code=self.billing_postal_code.data,
            payment_terms=PaymentTerms(self.payment_terms.data) if self.payment_terms.data else None,
            is_tax_exempt=self.is_tax_exempt.data,
            tags=self.tags.tags,
            source=self.source.data,
        )


class NewCustomerForm(CustomerForm):
    """A customer with the first person and the first place. `form_key` becomes its public id: made once."""

    form_key = HiddenField(default=public_id)

    contact = FormField(ContactPart, "Who to talk to")
    location = FormField(LocationPart, "Where you work")


def filled_customer(customer: Customer) -> CustomerForm:
    """The form with what is known."""
    return CustomerForm(obj=customer)


def filled_contact(link: CustomerContact) -> ContactForm:
    """The form with what is known of a person here, and room for one more number."""
    form = ContactForm(obj=link.contact, roles=link.roles)
    if not form.is_submitted() and len(form.phones.entries) < MAX_PHONES:
        form.phones.append_entry()
    return form


def filled_location(place: ServiceLocation) -> LocationForm:
    """The form with what is known of a place."""
    return LocationForm(obj=place)


def contact_content(form: ContactFields) -> ContactInput:
    """The person that was typed."""
    fields: Any = form
    return ContactInput(
        name=fields.name.data,
        email=fields.email.data,
        phones=[(part.raw.data or "", part.type.data or "") for part in map(_inner, fields.phones.entries)],
        roles=fields.roles.data or (),
        portal_access=PortalAccess(fields.portal_access.data),
    )


def location_content(form: LocationFields, before: ServiceLocation | None = None) -> LocationInput:
    """The place that was typed; what the form does not ask stays as it was."""
    fields: Any = form
    typed = LocationInput(
        street=fields.street.data,
        city=fields.city.data,
        state=fields.state.data,
        postal_code=fields.postal_code.data,
        label=fields.label.data,
        access_notes=fields.access_notes.data,
    )
    if before is None:
        return typed
    is_moved = any(
        getattr(typed, part) != getattr(before, part) for part in ("street", "city", "state", "postal_code")
    )
    # A pin belongs to its address.
    pin = (None, None) if is_moved else (before.latitude, before.longitude)
    return LocationInput(
        **{name: getattr(typed, name) for name in ("street", "city", "state", "postal_code", "label")},
        access_notes=typed.access_notes,
        latitude=pin[0],
        longitude=pin[1],
        time_zone=before.time_zone,
    )


def is_blank(content: ContactInput | LocationInput) -> bool:
    """Whether a part of the form was left empty."""
    if isinstance(content, ContactInput):
        return not (content.name or content.email or any(raw for raw, _kind in content.phones))
    return not (
        content.street
        or content.city
        or content.state
        or content.postal_code
        or content.label
        or content.access_notes
    )


def _inner(entry: Any) -> Any:
    return entry.form
