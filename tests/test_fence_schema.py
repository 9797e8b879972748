"""The tenant fence, layer 3: with the fence open by name, the database itself says no."""

from __future__ import annotations

import pytest
from sqlalchemy import (
    ForeignKeyConstraint,
    Index,
    Table,
    UniqueConstraint,
    insert,
    update,
)
from sqlalchemy.exc import IntegrityError

from pillar.errors import FenceBreached
from pillar.extensions import db
from pillar.models import (
    Estimate,
    InternalNote,
    ServiceLocation,
    Tenant,
)
from pillar.services import estimates
from pillar.services.estimate_draft import EstimateInput, LineInput
from pillar.tenancy import across_tenants
from tests.support.cast import Company
from tests.support.fence import CUSTOMERS, customer_ids, writing

# Global by nature (SAFETY, layer 3): names, tokens and hashes that say whose they are, and the webhook inbox. A
# telephone number rings at one company.
GLOBAL_UNIQUES = {
    ("phone_number", ("e164",)),
    ("webhook_event", ("provider", "account", "event_id")),
    ("stray_webhook", ("provider", "account", "event_id")),
    ("tenant", ("slug",)),
    ("tenant", ("public_id",)),
    ("staff_user", ("email",)),
    ("staff_token", ("token_hash",)),
    ("sign_in_session", ("token_hash",)),
    ("sign_in_link", ("token_hash",)),
    ("portal_session", ("token_hash",)),
    ("personal_link", ("public_id",)),
    ("retired_token", ("token_hash",)),
    ("tenant", ("custom_host",)),
    ("estimate", ("public_token",)),
    ("signature", ("certificate_id",)),
    ("invoice", ("public_token",)),
    ("payment", ("receipt_token",)),
}
# Rows of the installation itself.
NOBODYS = {"tenant", "heartbeat", "periodic_run", "stray_webhook"}
# Of a vendor's, not of ours.
FOREIGN_IDS = {
    "public_id",
    "external_id",
    "provider_id",
    "certificate_id",
    "event_id",
    "object_id",
    "provider_payment_id",
    "provider_refund_id",
}


def tenant_tables() -> list[Table]:
    return [each for each in db.metadata.sorted_tables if "tenant_id" in each.columns]


def test_foreign_ids_are_refused_by_the_database(acme: Company, rival: Company) -> None:
    """Composite keys: a row of one tenant cannot point to another's, whoever writes it."""
    [theirs], [mine] = customer_ids(rival), customer_ids(acme)
    session = db.session()
    for tenant_id, customer_id in ((acme.tenant_id, theirs), (rival.tenant_id, mine)):
        with writing(), across_tenants(session, "the database is tested alone"):
            session.add(ServiceLocation(tenant_id=tenant_id, customer_id=customer_id))
            with pytest.raises(IntegrityError):
                session.flush()
            session.rollback()
        with (
            writing(),
            across_tenants(session, "the database is tested alone"),
            pytest.raises(IntegrityError),
        ):
            session.execute(insert(Estimate).values(tenant_id=tenant_id, customer_id=customer_id, title="x"))
    with writing(), across_tenants(session, "the database is tested alone"), pytest.raises(IntegrityError):
        session.execute(update(CUSTOMERS).where(CUSTOMERS.c.id == theirs).values(tenant_id=acme.tenant_id))


def test_an_object_of_another_tenant_is_no_parent(acme: Company, rival: Company) -> None:
    """Through the ORM too: the child is ours, its parent is not; nothing of either is saved."""
    session = db.session()
    with rival.scope():
        theirs = rival.customer_row()
    with writing(), acme.scope():
        session.add(InternalNote(customer_id=theirs.id, body="x"))
        with pytest.raises(IntegrityError):
            session.flush()
        session.rollback()
    with writing(), acme.scope():
        tenant = session.get_one(Tenant, acme.tenant_id)
        content = EstimateInput(customer=theirs, title="x", lines=[LineInput("x", 1000, 1)])
        with pytest.raises((IntegrityError, FenceBreached)):
            estimates.draft_estimate(tenant, content)
        session.rollback()
        session.expunge_all()


def test_every_reference_between_tenant_tables_carries_the_tenant() -> None:
    ours = {each.name for each in tenant_tables()}
    for each in tenant_tables():
        for key in each.constraints:
            if isinstance(key, ForeignKeyConstraint) and key.referred_table.name in ours:
                pairs = {(part.parent.name, part.column.name) for part in key.elements}
                assert ("tenant_id", "tenant_id") in pairs, f"{each.name}: {sorted(pairs)}"


def test_every_reference_of_a_tenants_row_is_a_foreign_key() -> None:
    """`…_id` columns that name a row are constraints, not hopes."""
    loose = set()
    for each in tenant_tables():
        held = {
            part.parent.name
            for key in each.constraints
            if isinstance(key, ForeignKeyConstraint)
            for part in key.elements
        }
        loose |= {f"{each.name}.{col.name}" for col in each.columns if col.name.endswith("_id")} - {
            f"{each.name}.{column}" for column in held
        }
    assert {each for each in loose if each.split(".")[1] not in FOREIGN_IDS} == set()


def test_unique_keys_begin_with_the_tenant() -> None:
    found = set()
    for each in db.metadata.sorted_tables:
        if each.name in {"heartbeat", "periodic_run"}:
            continue
        keys = [tuple(key.columns.keys()) for key in each.constraints if isinstance(key, UniqueConstraint)]
        keys += [
            tuple(getattr(part, "name", "?") for part in key.expressions)
            for key in each.indexes
            if isinstance(key, Index) and key.unique
        ]
        found |= {(each.name, key) for key in keys if key[0] != "tenant_id"}
    assert found == GLOBAL_UNIQUES


def test_every_table_is_a_tenants_or_known_to_be_nobodys() -> None:
    tables = {each.name for each in db.metadata.sorted_tables}
    assert tables - {each.name for each in tenant_tables()} == NOBODYS
    for each in tenant_tables():
        assert not each.columns["tenant_id"].nullable, each.name
        assert each.columns["tenant_id"].foreign_keys, each.name
