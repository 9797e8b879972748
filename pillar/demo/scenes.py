"""Small steps that the sample companies share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from pillar.models.customer import Customer
from pillar.models.estimate import Estimate
from pillar.models.signature import Signature, SignatureMethod
from pillar.models.tenant import Tenant
from pillar.services import acceptance, customers, estimates
from pillar.services.customer_parts import ContactInput, LocationInput
from pillar.services.customers import CustomerInput
from pillar.services.estimate_draft import EstimateInput, LineInput

_PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_2 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
)


def at(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of the sample's past, in UTC."""
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def make_customer(content: CustomerInput, contact: ContactInput, location: LocationInput) -> Customer:
    """A customer with one person and one place."""
    return customers.create_customer(content, contact, location)


def line(description: str, price_cents: int, quantity: int = 1, scope: str = "", unit: str = "") -> LineInput:
    """A line without tax (labor and repairs of fixtures are not taxed in Ohio)."""
    return LineInput(
        description=description,
        scope=scope,
        unit=unit,
        quantity_thousandths=quantity * 1000,
        unit_price_cents=price_cents,
        is_taxable=False,
    )


def send(
    tenant: Tenant,
    customer: Customer,
    title: str,
    lines: Sequence[LineInput] = (),
    *,
    message: str = "",
    valid_until: date | None = None,
    **parts: Any,
) -> Estimate:
    """Draft an estimate for a customer's first contact and place, and send it; `parts` as in EstimateInput."""
    content = EstimateInput(
        customer=customer,
        title=title,
        lines=lines,
        contact=customer.contacts[0],
        location=customer.live_locations[0],
        message=message,
        terms=tenant.default_terms,
        valid_until=valid_until,
        **parts,
    )
    estimate = estimates.draft_estimate(tenant, content)
    estimates.send_estimate(tenant, estimate)
    return estimate


def sign(tenant: Tenant, estimate: Estimate, name: str) -> Signature:
    """Approve it as the customer would, by typing the name."""
    revision = estimate.revision
    signing = acceptance.Signing(
        revision=revision.n,
        content_hash=revision.content_hash,
        method=SignatureMethod.TYPE,
        signer_name=name,
        ip="198.51.100.24",
        user_agent=_PHONE,
    )
    return acceptance.accept_estimate(tenant, estimate.id, signing)
