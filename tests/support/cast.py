"""The people of the tests: Acme HVAC, and Rival Air, whose people must never see anything of Acme's.

Made once into each template, through the product's own services. What is kept of them here are plain values:
a test reads rows of its own database, inside `company.scope()`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from argon2 import PasswordHasher
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import Contact, Customer, ServiceLocation, StaffUser, Tenant
from pillar.permissions import Role
from pillar.services import companies, customers, staff
from pillar.services.customer_parts import ContactInput, LocationInput
from pillar.services.customers import CustomerInput
from pillar.tenancy import using_tenant

PASSWORD = "pillar-demo"


@dataclass(frozen=True)
class Person:
    """Somebody with a public id and an address."""

    public_id: str
    name: str
    email: str


@dataclass(frozen=True)
class Company:
    """One tenant: its keys, its staff by role, its customer."""

    tenant_id: int
    public_id: str
    slug: str
    name: str
    staff: dict[Role, Person]
    customer: Person
    contact: Person
    location: str

    @contextmanager
    def scope(self) -> Iterator[Tenant]:
        """Bind the tenant: what a test reads and makes inside is this company's."""
        with using_tenant(db.session(), self.tenant_id):
            yield companies.current_company()

    def customer_row(self) -> Customer:
        """The customer of the cast, inside `scope()`."""
        return db.session.scalars(select(Customer).where(Customer.public_id == self.customer.public_id)).one()

    def contact_row(self) -> Contact:
        """The contact of the cast's customer, inside `scope()`."""
        return db.session.scalars(select(Contact).where(Contact.public_id == self.contact.public_id)).one()

    def location_row(self) -> ServiceLocation:
        """The place of the cast's customer, inside `scope()`."""
        query = select(ServiceLocation).where(ServiceLocation.public_id == self.location)
        return db.session.scalars(query).one()

    def staff_row(self, role: Role = Role.ADMIN) -> StaffUser:
        """The member of the staff with this role, inside `scope()`."""
        query = select(StaffUser).where(StaffUser.public_id == self.staff[role].public_id)
        return db.session.scalars(query).one()


@dataclass(frozen=True)
class Cast:
    """Both companies."""

    acme: Company
    rival: Company


def build() -> Cast:
    """Make both companies and save them. Needs an application context."""
    acme = _company(
        name="Acme HVAC",
        slug="acme-hvac",
        domain="acme.example",
        customer="John Mitchell",
        phone="(937) 555-0142",
        street="412 Alder Street",
    )
    rival = _company(
        name="Rival Air",
        slug="rival-air",
        domain="rival.example",
        customer="Rae Rival",
        phone="(937) 555-0177",
        street="9 Birch Road",
    )
    db.session.commit()
    db.session.remove()
    return Cast(acme, rival)


def _company(*, name: str, slug: str, domain: str, customer: str, phone: str, street: str) -> Company:
    tenant = companies.create_company(
        name=name, slug=slug, email=f"office@{domain}", phone_e164="+19375550100", city="Dayton", state="OH"
    )
    tenant_id, public_id = tenant.id, tenant.public_id
    with using_tenant(db.session(), tenant_id):
        people = {role: _staff(role, domain) for role in Role}
        client = _customer(customer, domain, phone, street)
        contact, location = client.contacts[0], client.locations[0]
        return Company(
            tenant_id=tenant_id,
            public_id=public_id,
            slug=slug,
            name=name,
            staff=people,
            customer=Person(client.public_id, client.display_name, contact.email),
            contact=Person(contact.public_id, contact.name, contact.email),
            location=location.public_id,
        )


def _staff(role: Role, domain: str) -> Person:
    person = staff.create_staff(
        email=f"{role}@{domain}",
        name=f"{role.title()} {domain.split('.', maxsplit=1)[0].title()}",
        roles=[role],
    )
    staff.set_password(person, cheap_hash())
    return Person(person.public_id, person.name, person.email)


def _customer(name: str, domain: str, phone: str, street: str) -> Customer:
    email = f"{name.lower().replace(' ', '.')}@{domain}"
    return customers.create_customer(
        CustomerInput(display_name=name, source="Referral"),
        ContactInput(name=name, email=email, phones=[(phone, "mobile")]),
        LocationInput(label="Home", street=street, city="Dayton", state="OH", postal_code="45402"),
    )


@cache
def cheap_hash() -> str:
    """A real hash of the password that costs next to nothing to make and to check: its parameters say so."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
