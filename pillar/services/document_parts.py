"""What frozen documents have in common, as plain JSON values: who writes, to whom, and a line."""

from __future__ import annotations

from typing import Any

from pillar.models.customer import Contact, Customer, ServiceLocation
from pillar.models.estimate_revision import LineItem
from pillar.models.tenant import Tenant
from pillar.phones import display
from pillar.services.branding import profile_of


def company_part(tenant: Tenant) -> dict[str, str]:
    """The company as its paper names it."""
    company = profile_of(tenant)
    return {"name": company.name, "phone": company.phone_display, "address": company.address_line}


def customer_part(
    customer: Customer, contact: Contact | None, location: ServiceLocation | None
) -> dict[str, str]:
    """For whom it is, who reads it, and where the work is."""
    phone = contact.phone if contact else None
    return {
        "name": customer.display_name,
        "contact": contact.name if contact else "",
        "email": contact.email if contact else "",
        "phone": display(phone.e164) if phone and phone.e164 else "",
        "address": location.address if location else "",
    }


def line_part(line: LineItem) -> dict[str, Any]:
    """A line in cents and thousandths."""
    return {
        "key": str(line.position),
        "description": line.description,
        "scope": line.scope,
        "quantity_thousandths": line.quantity_thousandths,
        "unit": line.unit,
        "unit_price_cents": line.unit_price_cents,
        "amount_cents": line.amount_cents,
        "taxable": line.is_taxable,
    }
