"""An import is taken back: exactly, also after later edits, which it names and keeps (6.7)."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pillar import clock
from pillar.config import Config
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models import (
    AuditEvent,
    ConsentRecord,
    Contact,
    Customer,
    CustomerContact,
    ImportBatch,
    ImportRow,
    InternalNote,
    Phone,
    ServiceLocation,
)
from pillar.models.imports import ImportStatus, Undone, UpdateMode
from pillar.services import customer_parts, customers
from pillar.services.customer_parts import ContactInput, LocationInput
from pillar.services.customer_search import find_customers
from pillar.services.imports import undoing
from pillar.tasks import imports as task
from tests.support import estimates
from tests.support.imports import SAMPLE, SAMPLE_ROWS, bring_in, count, table, work, writing_in

KINDS = (Customer, Contact, CustomerContact, Phone, ServiceLocation, InternalNote)
# They say that something happened, not what is there.
MOVING = {"version", "updated_at"}
HEAD = "ID,Company,Contact,Email,Phone,Street,City,State,ZIP,Billing street,Tags,Notes"
HERE = "7,Oak Dental,,,,1 Oak St,Dayton,,,,VIP,"
MORE = "7,Oak Dental,Ned Oak,ned@oak.example,9375550163,1 Oak St,Dayton,OH,45402,9 Bill Rd,Plan,"


@pytest.fixture
def config(app) -> Config:
    return app.config["PILLAR_CONFIG"]


def dump() -> dict[str, list[dict[str, Any]]]:
    """Every row that an import may touch, without what only counts changes."""
    db.session.expire_all()
    return {
        kind.__tablename__: [
            {key: value for key, value in vars(row).items() if key in kind.__table__.c and key not in MOVING}
            for row in db.session.scalars(
                select(kind).order_by(kind.id).execution_options(populate_existing=True)
            )
        ]
        for kind in KINDS
    }


def undo(config: Config, batch: ImportBatch) -> ImportBatch:
    batch_id = batch.id
    assert undoing.ask_undo(batch)
    db.session.commit()
    work(config, batch_id)
    return db.session.get_one(ImportBatch, batch_id)


def named(name: str) -> Customer:
    return db.session.scalars(select(Customer).where(Customer.display_name == name)).one()


def notes(batch: ImportBatch) -> dict[str, tuple[Undone | None, str]]:
    rows = db.session.scalars(select(ImportRow).where(ImportRow.batch_id == batch.id).order_by(ImportRow.n))
    return {row.name: (row.undone, row.undo_note) for row in rows}


def test_what_an_import_made_is_gone_to_the_last_row(acme, config, monkeypatch):
    monkeypatch.setattr(task, "MOST_ROWS", 30)
    monkeypatch.setattr(task, "_FEWEST_ROWS", 30)
    with writing_in(acme):
        before = dump()
        batch = bring_in(config, acme, SAMPLE.read_bytes())
        assert count(Customer) == 1 + SAMPLE_ROWS
        batch = undo(config, batch)
        assert (batch.status, batch.undone_rows, batch.kept_rows) == (ImportStatus.UNDONE, SAMPLE_ROWS, 0)
        assert dump() == before
        assert find_customers("blackwell") == []
        events = select(AuditEvent).where(AuditEvent.action == "import.undo_chunk")
        assert len(db.session.scalars(events).all()) == 4
        assert bring_in(config, acme, SAMPLE.read_bytes()).created_rows == SAMPLE_ROWS


FIRSTS = (HERE, MORE, "7,Oak Dental,Ned,,,1 Oak St,Dayton,,,,,x")
SECONDS = (
    [MORE],
    ["8,Oak Dental,Ned Oak,ned@oak.example,9375550169,1 Oak St,Dayton,OH,45499,8 Other Rd,A;B,hello"],
    [
        MORE,
        "7,Oak Dental,,,9375550167,2 Elm St,Troy,OH,45373,,,",
        ",New One,Ned Oak,ned@oak.example,9375550168,3 Elm,Troy,,,,,",
    ],
)


@pytest.mark.parametrize("mode", UpdateMode)
def test_what_an_import_changed_is_as_it_was(acme, config, mode):
    with writing_in(acme):
        empty = dump()
        for first, second in itertools.product(FIRSTS, SECONDS):
            made = bring_in(config, acme, table(HEAD, first)).id
            before = dump()
            batch = bring_in(config, acme, table(HEAD, *second), mode=mode)
            for customer in db.session.scalars(select(Customer)):
                indexed = customer.search_text
                customer.reindex()
                assert customer.search_text == indexed
            batch = undo(config, batch)
            assert (batch.status, batch.kept_rows) == (ImportStatus.UNDONE, 0), notes(batch)
            assert dump() == before, (first, second)
            undo(config, db.session.get_one(ImportBatch, made))
            assert dump() == empty


def test_an_update_fills_what_is_empty_and_says_what(acme, config):
    with writing_in(acme):
        bring_in(config, acme, table(HEAD, HERE))
        batch = bring_in(config, acme, table(HEAD, MORE, MORE))
        assert (batch.created_rows, batch.updated_rows, batch.duplicate_rows) == (0, 1, 1)
        oak = named("Oak Dental")
        assert (oak.billing_street, oak.tags, oak.locations[0].postal_code) == (
            "9 Bill Rd",
            ["VIP", "Plan"],
            "45402",
        )
        assert (oak.contacts[0].name, oak.contacts[0].email, oak.contacts[0].phone.e164) == (
            "Ned Oak",
            "ned@oak.example",
            "+19375550163",
        )
        said = db.session.scalars(
            select(ImportRow.reason).where(ImportRow.batch_id == batch.id, ImportRow.n == 2)
        ).one()
        assert said == (
            "Adds a phone number, adds a tag, fills in the billing address, fills in the contact's name, "
            "fills in the email, fills in the service location."
        )
        assert find_customers("9375550163") == [oak]
        other = table(HEAD, "7,Oak Dental,Bob,bob@oak.example,,1 Oak St,Dayton,OH,45499,8 Other,,")
        assert bring_in(config, acme, other).duplicate_rows == 1
        batch = bring_in(config, acme, other, mode=UpdateMode.OVERWRITE)
        assert (batch.updated_rows, oak.billing_street, oak.locations[0].postal_code) == (
            1,
            "8 Other",
            "45499",
        )
        # An email opens the portal; only a person changes one.
        assert (oak.contacts[0].name, oak.contacts[0].email) == ("Ned Oak", "ned@oak.example")


def test_who_could_be_two_is_left_alone(acme, config):
    rows = ("1,Ann Fox,,a@fox.example,,1 Oak,Dayton,,,,,", "2,Ann Fox,,a@fox.example,,2 Elm,Dayton,,,,,")
    with writing_in(acme):
        assert bring_in(config, acme, table(HEAD, *rows)).created_rows == 2
        batch = bring_in(config, acme, table(HEAD, ",Ann Fox,,a@fox.example,9375550111,,,,,,,"))
        assert batch.duplicate_rows == 1
        assert (
            "Several customers"
            in db.session.scalars(select(ImportRow.reason).order_by(ImportRow.id.desc())).first()
        )


def test_what_somebody_worked_with_stays_and_is_named(acme, config):
    with writing_in(acme) as tenant:
        lines = [
            f",{word},{word} P,{word}@x.example,,{n} Oak,Dayton,,,,,"
            for n, word in enumerate("Ada Bea Cleo Dot Eve Fay Gia".split())
        ]
        batch = bring_in(config, acme, table(HEAD, *lines))
        bring_in(config, acme, table(HEAD, "", ",Gia,,gia@x.example,9375550177,9 New,Troy,,,,,"))
        estimate = estimates.draft(acme, tenant)
        estimate.customer_id = named("Ada").id
        customers.add_note(named("Bea"), "Gate 1", None)
        customer_parts.add_location(named("Cleo"), LocationInput(street="5 Fir"))
        link = named("Dot").contact_links[0]
        customer_parts.update_contact(link, ContactInput(name="Dorothy", email="dot@x.example"))
        customers.delete_customer(named("Eve"))
        db.session.commit()
        batch = undo(config, db.session.get_one(ImportBatch, batch.id))
        assert (batch.undone_rows, batch.kept_rows) == (7, 6)
        found = notes(batch)
        assert found["Ada"] == (Undone.KEPT, "Has an estimate by now, so it stays.")
        assert {found[name] for name in ("Bea", "Cleo", "Dot", "Eve", "Gia")} == {
            (Undone.KEPT, undoing.CHANGED_SINCE)
        }
        assert found["Fay"] == (Undone.REMOVED, "")
        assert db.session.scalars(select(Customer).where(Customer.display_name == "Fay")).all() == []
        assert named("Ada").contacts[0].email == "Ada@x.example".lower()


def test_fields_that_were_changed_again_stay_one_by_one(acme, config):
    with writing_in(acme):
        bring_in(config, acme, table(HEAD, HERE))
        batch_id = bring_in(config, acme, table(HEAD, MORE, "7,Oak Dental,,,,2 Elm St,Troy,,,,,")).id
        oak = named("Oak Dental")
        oak.billing_street = "77 Mine"
        oak.locations[1].access_notes = "Dog"
        oak.contacts[0].phones[0].type = "mobile"
        db.session.commit()
        batch = undo(config, db.session.get_one(ImportBatch, batch_id))
        assert batch.kept_rows == 2
        rows = db.session.scalars(
            select(ImportRow.undo_note).where(ImportRow.batch_id == batch_id).order_by(ImportRow.n)
        ).all()
        assert rows == [
            "Changed since, so it stays: billing address, phone number.",
            "Changed since, so it stays: service location.",
        ]
        assert (oak.billing_street, oak.tags, oak.locations[0].postal_code) == ("77 Mine", ["VIP"], "")
        assert [place.street for place in oak.live_locations] == ["1 Oak St", "2 Elm St"]


def test_two_imports_are_taken_back_in_either_order(acme, config):
    with writing_in(acme):
        before = dump()
        first = bring_in(config, acme, table(HEAD, HERE)).id
        second = bring_in(config, acme, table(HEAD, MORE)).id
        undo(config, db.session.get_one(ImportBatch, second))
        undo(config, db.session.get_one(ImportBatch, first))
        assert dump() == before
        first = bring_in(config, acme, table(HEAD, HERE)).id
        bring_in(config, acme, table(HEAD, MORE))
        assert undo(config, db.session.get_one(ImportBatch, first)).kept_rows == 1


def test_a_killed_undo_goes_on_and_a_second_click_does_nothing(acme, config, monkeypatch):
    monkeypatch.setattr(task, "MOST_ROWS", 30)
    monkeypatch.setattr(task, "_FEWEST_ROWS", 30)
    with writing_in(acme):
        before = dump()
        batch = bring_in(config, acme, SAMPLE.read_bytes())
        batch_id = batch.id
        assert undoing.ask_undo(batch)
        assert not undoing.ask_undo(batch)
        db.session.commit()
        work(config, batch_id, rows_at_most=60)
        batch = db.session.get_one(ImportBatch, batch_id)
        assert (batch.status, batch.undone_rows) == (ImportStatus.UNDOING, 60)
        batch.lease_until = None
        db.session.commit()
        work(config, batch_id)
        assert dump() == before
        assert not undoing.ask_undo(db.session.get_one(ImportBatch, batch_id))


def test_after_two_weeks_nothing_is_undone_and_nothing_is_kept(acme, config, monkeypatch):
    with writing_in(acme):
        batch = bring_in(config, acme, SAMPLE.read_bytes())
        batch_id, customers_before = batch.id, count(Customer)
        folder = config.data_dir / "files" / acme.public_id / "imports"
        task.purge_old_imports(config)
        assert [path.name for path in folder.iterdir()] == [batch.file_key]
        later = clock.now() + timedelta(days=15)
        monkeypatch.setattr(clock, "now", lambda: later)
        with pytest.raises(RuleViolation, match="cannot be undone"):
            undoing.ask_undo(batch)
        task.purge_old_imports(config)
        assert list(folder.iterdir()) == []
        assert (count(ImportRow), count(Customer)) == (0, customers_before)
        assert db.session.get_one(ImportBatch, batch_id).created_rows == SAMPLE_ROWS


def test_no_column_gives_consent(acme, config):
    """Consent to marketing needs evidence; an import has none, whatever the headings say (invariant 31)."""
    with writing_in(acme):
        before = count(ConsentRecord)
        body = table("Name,Email,Phone,Marketing consent,SMS opt-in", "Ann,a@b.example,9375550142,yes,yes")
        assert bring_in(config, acme, body).created_rows == 1
        assert count(ConsentRecord) == before


def test_an_email_that_opens_another_portal_is_not_given_twice(acme, config):
    with writing_in(acme):
        body = table("Name,Phone,Email", "Ann,9375550142,", "Bob,,shared@b.example")
        bring_in(config, acme, body)
        batch = bring_in(config, acme, table("Name,Phone,Email", "Ann,9375550142,shared@b.example"))
        assert named("Ann").contacts[0].email == ""
        assert undo(config, batch).kept_rows == 0
