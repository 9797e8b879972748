"""Acme HVAC: John Mitchell's water heater, and three estimates of today."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from flask import current_app

from pillar import clock
from pillar.config import Config
from pillar.demo.logo import flame
from pillar.demo.price_book import fill_price_book
from pillar.demo.scenes import at, line, make_customer, send, sign
from pillar.models.customer import Customer, CustomerKind
from pillar.models.tenant import Tenant
from pillar.services import customers, estimates
from pillar.services.companies import update_brand
from pillar.services.customer_parts import ContactInput, LocationInput
from pillar.services.customers import CustomerInput
from pillar.services.estimate_draft import OptionInput
from pillar.services.logos import store_logo


def fill_acme(tenant: Tenant) -> None:
    """Everything of the sample that belongs to Acme."""
    update_brand(tenant, logo_key=store_logo(_data_dir(), tenant.public_id, flame(tenant.primary_color)))
    with clock.travel_to(at(2026, 2, 4, 15, 0)):
        fill_price_book()
        john = _john()
    _water_heater(tenant, john)
    _open_estimates(tenant, john)


def _data_dir() -> Path:
    config: Config = current_app.config["PILLAR_CONFIG"]
    return config.data_dir


def _john() -> Customer:
    john = make_customer(
        CustomerInput(display_name="John Mitchell", source="Phone"),
        ContactInput(
            name="John Mitchell",
            email="john.mitchell@acme.example",
            phones=[("(937) 555-0164", "mobile")],
            roles=["owner"],
        ),
        LocationInput(
            label="Home", street="412 Alder Street", city="Dayton", state="OH", postal_code="45402"
        ),
    )
    customers.add_note(john, "Gate code 4471. Beagle in the yard, friendly.", None)
    return john


def _water_heater(tenant: Tenant, john: Customer) -> None:
    """EST-2026-00042, signed Feb 5, 2026 at 10:32 AM Eastern."""
    with clock.travel_to(at(2026, 2, 4, 20, 15)):
        estimate = send(
            tenant,
            john,
            "Water heater replacement",
            [
                line("Water heater replacement", 185_000, scope="50-gallon gas, 9-year tank warranty"),
                line("Labor", 12_000, quantity=4, unit="hr", scope="Drain, disconnect, install, test"),
                line("Disposal fee", 12_000, scope="Haul away the old tank"),
            ],
            message="Hi John. Your old tank is leaking at the base, so it needs to be replaced rather than repaired.",
        )
    with clock.travel_to(at(2026, 2, 5, 15, 32)):
        sign(tenant, estimate, "John Mitchell")


def _furnace(tenant: Tenant, john: Customer) -> None:
    """Three options, two add-ons and a deposit: the one to choose from."""
    basic = [line("Furnace tune-up", 14_900, scope="21-point check"), line("Filters", 2_450, quantity=4)]
    standard = [
        *basic,
        line("Blower wheel cleaning", 12_000),
        line("Igniter and flame sensor", 6_500, scope="Cleaned and tested"),
        line("Carbon monoxide test", 3_500, scope="At the furnace and upstairs"),
        line("Priority visits for a year", 6_000, scope="We come within 24 hours"),
    ]
    send(
        tenant,
        john,
        "Furnace tune-up and filter plan",
        message="Hi John. Here is the tune-up we talked about, with a year of filters. I would take Standard.",
        options=[
            OptionInput("Basic", basic, reason="Keeps it safe through the winter"),
            OptionInput(
                "Standard", standard, is_recommended=True, reason="The parts that fail first, done now"
            ),
            OptionInput(
                "Premium",
                [*standard, line("Second tune-up in spring", 14_900), line("Humidifier pad", 4_200)],
                discount_cents=5_000,
                reason="Two visits, lowest running cost",
            ),
        ],
        add_ons=[
            line("Smart thermostat, installed", 28_900, scope="Works with your phone"),
            line("Duct inspection by camera", 9_500),
        ],
        deposit_cents=10_000,
    )


def _open_estimates(tenant: Tenant, john: Customer) -> None:
    """One ready to sign with a choice, one that expires tomorrow, one declined."""
    _furnace(tenant, john)
    dana = make_customer(
        CustomerInput(display_name="Dana Whitfield", source="Website"),
        ContactInput(
            name="Dana Whitfield",
            email="dana.whitfield@acme.example",
            phones=[("937-555-0121", "mobile")],
            roles=["owner"],
        ),
        LocationInput(
            label="Home", street="2310 Shroyer Road", city="Dayton", state="OH", postal_code="45419"
        ),
    )
    send(
        tenant,
        dana,
        "Drain clearing",
        [line("Main drain clearing", 38_000, scope="Camera check included")],
        valid_until=tenant.today() + timedelta(days=1),
    )
    cafe = make_customer(
        CustomerInput(display_name="Green Door Cafe", kind=CustomerKind.COMPANY, source="Referral"),
        ContactInput(
            name="Rosa Diaz",
            email="owner@greendoor.example",
            phones=[("937-555-0150", "mobile")],
            roles=["owner", "billing"],
        ),
        LocationInput(label="Cafe", street="31 Brown Street", city="Dayton", state="OH", postal_code="45402"),
    )
    declined = send(tenant, cafe, "Walk-in cooler compressor", [line("Compressor, installed", 412_500)])
    estimates.decline_estimate(declined, "Going with a used unit for now.")
