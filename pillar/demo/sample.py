"""Make the sample once: two companies, their staff, and Acme's customer John Mitchell with what he signed.

Every step goes through the services that a person's click would call. Only the clock is moved, and only what the
sample says was sent is marked as sent, so that no worker mails it again.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, g
from sqlalchemy import select

from pillar.config import Config
from pillar.demo.acme import fill_acme
from pillar.demo.sparkle import fill_sparkle
from pillar.extensions import db
from pillar.models.audit import Actor
from pillar.models.customer import Contact
from pillar.models.message import Message, MessageStatus
from pillar.models.phone_number import Registration
from pillar.models.tenant import Tenant
from pillar.passwords import hash_password
from pillar.permissions import Role
from pillar.services import phone_numbers, portal_passwords
from pillar.services import staff as staff_accounts
from pillar.services.companies import create_company
from pillar.services.phone_numbers import SenderInput
from pillar.tenancy import using_tenant

CUSTOMER = "john.mitchell@acme.example"
PASSWORD = "pillar-demo"  # noqa: S105 - printed by `make run`; production makes no sample
ACME, SPARKLE = "acme-hvac", "sparkle-clean"
_DOMAINS = {ACME: "acme.example", SPARKLE: "sparkle.example"}
# Where texts come from; in development they come no further than the Outbox.
_SENDERS = {ACME: "(937) 555-0199", SPARKLE: "(614) 555-0199"}
_NAMES = {
    Role.ADMIN: "Alex Admin",
    Role.MANAGER: "Morgan Reyes",
    Role.OFFICE: "Jamie Ortiz",
    Role.TECHNICIAN: "Luis Ortega",
    Role.ACCOUNTANT: "Priya Shah",
}
_COMPANIES: dict[str, dict[str, Any]] = {
    ACME: {
        "name": "Acme HVAC",
        "primary_color": "#1A73E8",
        "email": "office@acme.example",
        "phone_e164": "+19375550142",
        "street": "1180 Linden Avenue",
        "city": "Dayton",
        "state": "OH",
        "postal_code": "45410",
        "hours": "Mon to Fri, 7:30 AM to 5:30 PM",
        # Set so that the sample's numbers are the ones the papers show.
        "counter_starts": {"EST-2026": 42, "JOB-2026": 31},
        "default_terms": (
            "Price is good until the day shown. We protect floors and remove all waste. "
            "If we find hidden damage we stop and ask you first. Payment is due when the work is done."
        ),
    },
    SPARKLE: {
        "name": "Sparkle Clean Pros",
        "primary_color": "#F5B70A",
        "email": "hello@sparkle.example",
        "phone_e164": "+16145550119",
        "street": "77 Oakwood Avenue",
        "city": "Columbus",
        "state": "OH",
        "postal_code": "43085",
        "hours": "Mon to Sat, 8 AM to 6 PM",
    },
}


def ensure_sample(app: Flask) -> dict[str, Any]:
    """Make the sample where it is missing; returns addresses and sign-ins as `pillar up` prints them."""
    config: Config = app.config["PILLAR_CONFIG"]
    with app.app_context():
        g.actor = Actor("system", "sample")
        for slug, fill in ((ACME, fill_acme), (SPARKLE, fill_sparkle)):
            if db.session.scalar(select(Tenant.id).where(Tenant.slug == slug)) is None:
                _make(slug, fill)
            # The clean end of a transaction, so that the next company starts with nothing at hand.
            db.session.remove()
    return {
        "portals": {slug: f"{config.base_url}/portal/{slug}" for slug in _DOMAINS},
        "staff": [
            {"tenant": slug, "role": role.value, "email": f"{role.value}@{domain}", "password": PASSWORD}
            for slug, domain in _DOMAINS.items()
            for role in _NAMES
        ],
        "customers": [
            {"tenant": ACME, "email": CUSTOMER, "password": PASSWORD},
        ],
    }


def _make(slug: str, fill: Any) -> None:
    tenant_id = create_company(slug=slug, time_zone="America/New_York", **_COMPANIES[slug]).id
    with using_tenant(db.session(), tenant_id):
        for role, name in _NAMES.items():
            staff_accounts.create_staff(
                email=f"{role.value}@{_DOMAINS[slug]}", name=name, roles=[role.value], password=PASSWORD
            )
        phone_numbers.save_sender(SenderInput(_SENDERS[slug], Registration.APPROVED))
        fill(db.session.get_one(Tenant, tenant_id))
        _let_customers_in()
        _mark_sent()
        # Inside the scope: leaving it would write out what is not yet committed.
        db.session.commit()


def _let_customers_in() -> None:
    """The sample's customer may also sign in with the password that `make run` prints (1.6)."""
    for contact in db.session.scalars(select(Contact).where(Contact.email == CUSTOMER)):
        portal_passwords.set_password(contact, hash_password(PASSWORD))


def _mark_sent() -> None:
    """The sample's mails were sent in its past; a worker with a vendor's key must not send them now."""
    for message in db.session.scalars(select(Message).where(Message.status == MessageStatus.QUEUED)):
        message.status = MessageStatus.SENDING
        message.status = MessageStatus.SENT
        message.sent_at = message.created_at
        message.provider_id = "sample"
        message.finish()
