"""Sparkle Clean Pros: a second company beside the first, which neither ever sees."""

from __future__ import annotations

from pillar.demo.scenes import line, make_customer, send
from pillar.models.tenant import Tenant
from pillar.services.customer_parts import ContactInput, LocationInput
from pillar.services.customers import CustomerInput


def fill_sparkle(tenant: Tenant) -> None:
    """One customer with one open estimate."""
    wei = make_customer(
        CustomerInput(display_name="Wei Huang", source="Website"),
        ContactInput(
            name="Wei Huang",
            email="wei.huang@sparkle.example",
            phones=[("614-555-0113", "mobile")],
            roles=["owner"],
        ),
        LocationInput(
            label="Home", street="904 Salem Avenue", city="Columbus", state="OH", postal_code="43085"
        ),
    )
    send(
        tenant,
        wei,
        "House wash and gutter cleaning",
        [line("House wash", 42_500, scope="Soft wash, two stories"), line("Gutter cleaning", 18_000)],
        message="Hi Wei. Thanks for having us over. Here is the price for both together.",
    )
